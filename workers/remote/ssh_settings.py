"""What a person's own ssh would use for one hop, and how it stands in what `ssh -G` prints.

Most of it is printed as ssh will use it. Paths of keys and commands are printed as they were written: their tokens
(%h, %C …) and ${VARIABLES} are put in here, as ssh_config(5) says.
"""

from __future__ import annotations

import os
import pwd
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path

SSH_PORT = 22
TOKENS_ASKED = "%C\x1f%L\x1f%l"
"""What only ssh itself can tell, asked for as the path of a ControlMaster's socket, which Fleet never uses."""
_TOKEN = re.compile(r"%(.?)|\$\{([^}]*)\}", re.DOTALL)
_BETWEEN_FILES = re.compile(r" (?=[/~]|none(?: |$))")
"""`ssh -G` puts a space between files, and no quotes around those that have some."""
_OF_A_PROXY = "%hnpr"
"""The tokens that ssh knows in a ProxyCommand: it refuses one with any other."""
ALGORITHMS = ("ciphers", "macs", "kexalgorithms", "hostkeyalgorithms", "pubkeyacceptedalgorithms")


class BadSetting(ValueError):
    """A setting that ssh would refuse as it comes to use it."""


@dataclass(frozen=True)
class SshSettings:
    """`host`, `port`, `user`: whom ssh would connect to. `known_as`: the name that its key stands under, where that is
    an alias. Paths are whole. `identities` are files of keys, whether they are there or not. `agent` is the path of its
    socket; None for none. `algorithms`: names that ssh allows, by the keyword, in its order; a keyword that is missing
    leaves it to asyncssh. `connect_s` and `rekey_s` are seconds; None is nothing said."""

    host: str
    port: int = SSH_PORT
    user: str = ""
    known_as: str | None = None
    jump: str | None = None
    proxy_command: str | None = None
    passes_descriptor: bool = False
    keys_allowed: bool = True
    identities: tuple[str, ...] = ()
    certificates: tuple[str, ...] = ()
    identities_only: bool = False
    agent: str | None = None
    known_hosts: tuple[Path, ...] = ()
    known_hosts_command: str | None = None
    revoked_keys: Path | None = None
    family: str = "any"
    bind: str | None = None
    compression: bool = False
    rekey_bytes: int | None = None
    rekey_s: int | None = None
    connect_s: int | None = None
    algorithms: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    tokens: Mapping[str, str] = field(default_factory=dict)


def read(printed: str, home: str, environ: Mapping[str, str]) -> SshSettings:
    """What `ssh -G` printed, for a person with this home directory. Raises BadSetting."""
    said: dict[str, list[str]] = {}
    for line in printed.split("\n"):
        keyword, _, value = line.partition(" ")
        said.setdefault(keyword.lower(), []).append(value)

    def one(keyword: str) -> str | None:
        values = said.get(keyword, [])
        return values[0] if values and values[0] not in ("", "none") else None

    tokens = _tokens(one, home)

    def paths(keyword: str) -> tuple[str, ...]:
        written = (text for text in said.get(keyword, []) if text not in ("", "none"))
        found = (path_of(text, tokens, home, environ) for text in written)
        return tuple(dict.fromkeys(path for path in found if path is not None))

    host = one("hostname")
    if host is None:
        raise BadSetting("it names no host (HostName)")
    command, revoked = one("proxycommand"), paths("revokedhostkeys")
    rekey_bytes, rekey_s = [int(part) or None for part in (one("rekeylimit") or "0 0").split()]
    return SshSettings(
        host=host,
        port=int(one("port") or SSH_PORT),
        user=one("user") or tokens["u"],
        known_as=one("hostkeyalias"),
        jump=one("proxyjump"),
        proxy_command=command and expanded(command, {letter: tokens[letter] for letter in _OF_A_PROXY}),
        passes_descriptor=one("proxyusefdpass") == "yes",
        keys_allowed=one("pubkeyauthentication") not in ("no", "false"),
        identities=paths("identityfile"),
        certificates=paths("certificatefile"),
        identities_only=one("identitiesonly") == "yes",
        agent=agent_of((said.get("identityagent") or [""])[0], tokens, home, environ),
        known_hosts=tuple(
            Path(path_of(file, {}, home, {}) or file if file.startswith("~") else file)
            for keyword in ("userknownhostsfile", "globalknownhostsfile")
            for file in _BETWEEN_FILES.split(one(keyword) or "")
            if file not in ("", "none")
        ),
        known_hosts_command=one("knownhostscommand"),
        revoked_keys=Path(revoked[0]) if revoked else None,
        family=one("addressfamily") or "any",
        bind=one("bindaddress"),
        compression=one("compression") == "yes",
        rekey_bytes=rekey_bytes,
        rekey_s=rekey_s,
        connect_s=int(one("connecttimeout") or 0) or None,
        algorithms={name: tuple(names.split(",")) for name in ALGORITHMS if (names := one(name))},
        tokens=tokens,
    )


def _tokens(one: Callable[[str], str | None], home: str) -> dict[str, str]:
    """The tokens of ssh_config(5), by their letter."""
    asked = (one("controlpath") or "").split("\x1f")
    host = one("hostname") or ""
    name = one("host") or host
    digest, short, whole = asked if len(asked) == 3 else ("", "", "")
    return {
        "%": "%",
        "C": digest,
        "L": short,
        "l": whole,
        "d": home,
        "h": host,
        "i": str(os.getuid()),
        "j": one("proxyjump") or "",
        "k": one("hostkeyalias") or name,
        "n": name,
        "p": one("port") or str(SSH_PORT),
        "r": one("user") or "",
        "u": pwd.getpwuid(os.getuid()).pw_name,
    }


def expanded(text: str, tokens: Mapping[str, str], environ: Mapping[str, str] | None = None) -> str:
    """With its tokens put in and, given an environment, its ${VARIABLES}. Raises BadSetting."""

    def value(found: re.Match[str]) -> str:
        letter, variable = found.groups()
        if variable is None:
            if letter not in tokens:
                raise BadSetting(f"`{text}` has a token that ssh_config(5) does not know there: %{letter}")
            return tokens[letter]
        if environ is None:
            return found[0]
        if variable not in environ:
            raise BadSetting(f"`{text}` names the variable {variable}, which is not set")
        return environ[variable]

    return _TOKEN.sub(value, text)


def path_of(text: str, tokens: Mapping[str, str], home: str, environ: Mapping[str, str]) -> str | None:
    """A file that a setting names; None where it names a variable that is not set, as for ssh: there is no file then.
    Raises BadSetting."""
    if text == "~" or text.startswith("~/"):
        text = home + text[1:]
    elif text.startswith("~"):
        text = str(Path(text).expanduser())
    names = (name for _, name in _TOKEN.findall(text) if name)
    if any(name not in environ for name in names):
        return None
    return expanded(text, tokens, environ) if tokens else text


def agent_of(said: str, tokens: Mapping[str, str], home: str, environ: Mapping[str, str]) -> str | None:
    """The socket that an IdentityAgent names, in any of its forms. Raises BadSetting."""
    if said == "none":
        return None
    if said in ("", "SSH_AUTH_SOCK"):
        return environ.get("SSH_AUTH_SOCK") or None
    if said.startswith("$") and not said.startswith("${"):
        return environ.get(said[1:]) or None
    # ssh prints it whole; asyncssh has it as it was written.
    return said if said.startswith("/") else path_of(said, tokens, home, environ)


def with_paths(settings: SshSettings, told: Callable[[str], str]) -> SshSettings:
    """With each of its texts as `told` has it."""

    def of(value: object) -> object:
        if isinstance(value, str):
            return told(value)
        if isinstance(value, Path):
            return Path(told(str(value)))
        if isinstance(value, Mapping):
            return {name: of(each) for name, each in value.items()}
        return tuple(map(of, value)) if isinstance(value, tuple) else value

    told_of = {each.name: of(getattr(settings, each.name)) for each in fields(settings)}
    return replace(settings, **told_of)  # type: ignore[arg-type]
