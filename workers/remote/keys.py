"""Which host keys are trusted: the user's known_hosts files and the fleet's own, read strictly."""

from __future__ import annotations

import base64
import hmac
import os
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from workers.remote.address import Reach

if TYPE_CHECKING:
    from asyncssh import SSHKey

SSH_PORT = 22
_MARKERS = ("", "@cert-authority", "@revoked")


@dataclass(frozen=True)
class HostKey:
    """A host's public key. `line` is how it stands in a known_hosts file, without a newline."""

    type: str
    fingerprint: str
    line: str


@dataclass(frozen=True)
class Known:
    """What known_hosts files say of one host; `places` are `file:line` of the keys that it must show."""

    keys: tuple[SSHKey, ...] = ()
    authorities: tuple[SSHKey, ...] = ()
    revoked: tuple[SSHKey, ...] = ()
    places: tuple[str, ...] = ()

    @property
    def is_nothing(self) -> bool:
        return not self.keys and not self.authorities

    def judge(self, key: SSHKey) -> Standing:
        """A revoked key counts as changed: it may not be accepted."""
        if key in self.revoked:
            return "changed"
        if key in self.keys:
            return "known"
        return "changed" if self.places else "unknown"


Standing = Literal["known", "unknown", "changed"]


@dataclass(frozen=True)
class _Line:
    """A line of a known_hosts file. Its key is read once a host is found that it is for."""

    place: str
    marker: str
    names: str
    key: str

    def is_for(self, host: str) -> bool:
        """As ssh compares names (match_hostname of its hostfile.c): a hashed line has one name; elsewhere one that is
        negated outweighs all others of its line."""
        if self.names.startswith("|"):
            return _is_hash_of(host, self.names)
        found = False
        for pattern in self.names.lower().split(","):
            if _matches(host, pattern.removeprefix("!")):
                if pattern.startswith("!"):
                    return False
                found = True
        return found


class KnownHosts:
    """The lines of several known_hosts files, and of what a program said that has the form of one. What is no line of
    one is ignored, as ssh does."""

    def __init__(self, files: Iterable[Path], said: Mapping[str, str] | None = None) -> None:
        """`said` are such texts by where they are from."""
        self._lines: list[_Line] = []
        for file in dict.fromkeys(files):
            self._read(file)
        for source, text in (said or {}).items():
            self._take(source, text)

    def _read(self, file: Path) -> None:
        try:
            text = file.read_text(encoding="utf-8", errors="replace")
        except OSError:
            return
        self._take(str(file), text)

    def _take(self, source: str, text: str) -> None:
        for number, line in enumerate(text.split("\n"), 1):
            words = line.split(None, 3) if line.lstrip().startswith("@") else ["", *line.split(None, 2)]
            if len(words) < 3 or words[1].startswith("#") or words[0] not in _MARKERS:
                continue
            self._lines.append(_Line(f"{source}:{number}", words[0], words[1], " ".join(words[2:])))

    def find(self, host: str, port: int) -> Known:
        """What is known of exactly this port, or of the host whatever its port when that is nothing.

        Addresses are not looked up by what a name resolves to: that would trust the resolver.
        """
        host = host.lower()
        anywhere = self._find(host)
        if port == SSH_PORT:
            return anywhere
        exact = self._find(f"[{host}]:{port}")
        revoked = exact.revoked + anywhere.revoked
        if exact.is_nothing:
            # The key of another port's server says nothing against this one, so no places.
            return Known(anywhere.keys, anywhere.authorities, revoked)
        return Known(exact.keys, exact.authorities, revoked, exact.places)

    def _find(self, host: str) -> Known:
        found: dict[str, list[SSHKey]] = {marker: [] for marker in _MARKERS}
        places: list[str] = []
        for line in self._lines:
            key = _public(line.key) if line.is_for(host) else None
            if key is not None:
                found[line.marker].append(key)
                places += [line.place] if not line.marker else []
        keys, authorities, revoked = (tuple(found[marker]) for marker in _MARKERS)
        return Known(keys, authorities, revoked, tuple(places))


def _public(text: str) -> SSHKey | None:
    """None for a kind that cannot be used here."""
    from asyncssh import import_public_key

    try:
        return import_public_key(text)
    except ValueError:
        return None


def _is_hash_of(host: str, hashed: str) -> bool:
    """`|1|salt|HMAC-SHA1 of the name|`, both in base 64."""
    try:
        _, version, salt, digest = hashed.split("|")
        made = hmac.digest(base64.b64decode(salt), host.encode(), "sha1")
        return version == "1" and hmac.compare_digest(made, base64.b64decode(digest))
    except ValueError:
        return False


def _matches(host: str, pattern: str) -> bool:
    """`*` and `?` alone mean something: a bracket is one."""
    if "*" not in pattern and "?" not in pattern:
        return host == pattern
    return re.fullmatch(re.escape(pattern).replace(r"\*", ".*").replace(r"\?", "."), host) is not None


def host_key(key: SSHKey, host: str, port: int) -> HostKey:
    """The key as a person and a known_hosts file know it."""
    public = key.export_public_key("openssh").decode("ascii").split()
    pattern = host if port == SSH_PORT else f"[{host}]:{port}"
    return HostKey(public[0], key.get_fingerprint("sha256"), f"{pattern} {public[0]} {public[1]}")


def accept(known_hosts: Path, reach: Reach, key: HostKey) -> None:
    """Trust this key from now on. Only after a person has compared its fingerprint."""
    known_hosts.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    fd = os.open(known_hosts, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o600)
    with os.fdopen(fd, "r+b") as file:
        os.fchmod(fd, 0o600)
        said = file.read()
        gap = b"\n" if said and not said.endswith(b"\n") else b""
        if f"{key.line}\n".encode() not in said:
            file.write(gap + f"{key.line}\n".encode())


def algorithms(known: Known, allowed: Sequence[str] | None = None) -> Sequence[str]:
    """Which host keys to ask for: certificates where an authority is known, then the types of known keys, then all;
    of these, where `allowed` is given, only those.

    Asking for a type that is not known would make a host with several keys look changed.
    """
    from asyncssh.public_key import get_default_certificate_algs, get_default_public_key_algs

    wanted: list[bytes] = list(get_default_certificate_algs()) if known.authorities else []
    for key in known.keys:
        wanted += key.sig_algorithms
    wanted += get_default_public_key_algs()
    names = [algorithm.decode("ascii") for algorithm in dict.fromkeys(wanted)]
    return [name for name in names if allowed is None or name in allowed]
