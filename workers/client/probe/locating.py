"""Which client binary to run, and whether it is fit for use."""

from __future__ import annotations

import hashlib
import importlib.util
import json
import os
import re
import shutil
import subprocess
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from workers.environment import allowed

Source = Literal["setting", "path", "installed", "bundled"]

_VERSION = re.compile(r"(\d+)\.(\d+)\.(\d+)")
_FLAG = re.compile(r"(?<![\w-])--[a-z][a-z-]+")


class ClientError(Exception):
    """The Claude Code client cannot be used; the message says why and what to do."""


class ClientMissing(ClientError):
    """No client was found."""


class ClientTooOld(ClientError):
    """The client is older than the oldest one this program was measured with."""


class ClientUnusable(ClientError):
    """The client does not answer `--version` as a client does: it crashed, hung or said something else."""


@dataclass(frozen=True, order=True, slots=True)
class Version:
    """A client's version. Clients change weekly, so ask for a flag rather than for a version where you
    can.
    """

    major: int
    minor: int
    patch: int

    def __str__(self) -> str:
        return f"{self.major}.{self.minor}.{self.patch}"


OLDEST = Version(2, 1, 197)
"""The oldest client whose duplex stream was measured (docs/client-facts.md)."""

BUNDLED = Path("claude_agent_sdk", "_bundled", "claude")
"""Where a wheel of claude-agent-sdk has it."""

_INSTALL = (
    "`fleet client install` gets one for Fleet alone, `npm install -g @anthropic-ai/claude-code` one for you, too; "
    "or name a binary in FLEET_CLIENT."
)


_UPDATE: dict[Source, str] = {
    "setting": "Update it, or name another one in FLEET_CLIENT.",
    "path": "Update it: `{} update`.",
    "installed": "Get a newer one: `fleet client install`.",
    "bundled": "Get a newer one: `fleet client install`.",
}


@dataclass(frozen=True, slots=True)
class ClientBinary:
    """A client on this host, and how it was found."""

    path: Path
    source: Source


def locate(explicit: Path | None, path_env: str, installed: Path) -> ClientBinary:
    """The client to run: the one the settings name, else `claude` on `path_env`, else the newest below `installed`,
    else the agent SDK's copy in our own environment.

    A client that the settings name is never silently replaced by another one. The person's own comes before the one
    installed for Fleet: it is the one they know, and it keeps itself up to date, while ours stays as it was fetched.

    Raises:
        ClientMissing: there is none; the message says how to get one.
    """
    if explicit is not None:
        return ClientBinary(_executable(explicit), "setting")
    on_path = shutil.which("claude", path=path_env)
    if on_path is not None:
        return ClientBinary(Path(on_path).absolute(), "path")
    if versions := installed_versions(installed):
        return ClientBinary(versions[-1] / "claude", "installed")
    bundled = bundled_client()
    if bundled is not None:
        return ClientBinary(bundled, "bundled")
    raise ClientMissing(
        f"There is no `claude` on the PATH and none that `fleet client install` fetched. {_INSTALL}"
    )


def installed_versions(root: Path) -> list[Path]:
    """The directories below `root` that hold a client, the newest last."""
    named = [
        (_VERSION.fullmatch(entry.name), entry) for entry in root.glob("*/claude") for entry in [entry.parent]
    ]
    found = [(tuple(map(int, match.groups())), entry) for match, entry in named if match]
    return [entry for _, entry in sorted(found) if os.access(entry / "claude", os.X_OK)]


def bundled_client() -> Path | None:
    """The client inside an installed claude-agent-sdk, found without importing it (importing takes over a
    second).
    """
    spec = importlib.util.find_spec("claude_agent_sdk")
    for folder in (spec.submodule_search_locations or []) if spec else []:
        path = Path(folder).parent / BUNDLED
        if os.access(path, os.X_OK):
            return path
    return None


def _executable(path: Path) -> Path:
    if not path.is_file():
        raise ClientMissing(f"The settings name {path} as the client, but there is no such file. {_INSTALL}")
    if not os.access(path, os.X_OK):
        raise ClientMissing(
            f"The settings name {path} as the client, but it is not executable: `chmod +x {path}`."
        )
    return path.absolute()


def version(binary: ClientBinary, timeout: float = 10.0) -> Version:
    """Ask the client for its version; `timeout` is in seconds (a warm client takes 0.02 s, a cold one 1 s).

    Raises:
        ClientUnusable: it crashed, hung, or did not print a version.
        ClientTooOld: it is older than `OLDEST`.
    """
    said = _ask(binary, "--version", timeout)
    found = _VERSION.search(said)
    if found is None:
        shown = f"printed {said.strip()[:80]!r}" if said.strip() else "printed nothing"
        raise ClientUnusable(
            f"{binary.path} {shown} for --version, so it is not a Claude Code client. {_INSTALL}"
        )
    is_version = Version(*(int(part[:9]) for part in found.groups()))
    if is_version < OLDEST:
        raise ClientTooOld(
            f"{binary.path} is version {is_version}; at least {OLDEST} is needed. "
            f"{_UPDATE[binary.source].format(binary.path)}"
        )
    return is_version


def flags(binary: ClientBinary, timeout: float = 20.0) -> frozenset[str]:
    """The command line flags this client lists in its `--help`, such as `--permission-prompts`. Takes 0.2 s of a
    processor, on a busy machine half a second: see `kept_flags`.

    Raises:
        ClientUnusable: it crashed, hung, or printed no help.
    """
    found = frozenset(_FLAG.findall(_ask(binary, "--help", timeout)))
    if "--input-format" not in found:
        raise ClientUnusable(
            f"{binary.path} does not list --input-format in its --help, so it cannot be talked to while it "
            f"runs. {_INSTALL}"
        )
    return found


def kept_flags(binary: ClientBinary, its: Version, memory: Path) -> frozenset[str]:
    """As `flags`, but asked once of each client and kept in the directory `memory`. A file that has changed, or that
    says another version, is another client.

    Raises:
        ClientUnusable: as `flags`.
        OSError: they cannot be kept.
    """
    real = binary.path.resolve()
    stat = real.stat()
    about = [str(binary.path), str(real), str(its), stat.st_size, stat.st_mtime_ns, stat.st_ino]
    note = memory / f"flags-{hashlib.sha256(json.dumps(about).encode()).hexdigest()[:32]}"
    if note.exists():
        return frozenset(note.read_text(encoding="utf-8").split())
    memory.mkdir(mode=0o700, parents=True, exist_ok=True)
    found = flags(binary)
    draft = note.with_name(f".{note.name}.{uuid.uuid4().hex}")
    draft.write_text("\n".join(sorted(found)), encoding="utf-8")
    draft.replace(note)
    return found


def _ask(binary: ClientBinary, question: str, timeout: float) -> str:
    bare = {"PATH": os.environ.get("PATH", os.defpath), "DISABLE_AUTOUPDATER": "1", "HOME": "/nonexistent"}
    try:
        done = _run(binary, question, timeout, bare)
        if done.returncode != 0:
            # Behind a shim (asdf, nvm, volta …) it needs what workers have: the home, say.
            done = _run(binary, question, timeout, {**allowed(os.environ), "DISABLE_AUTOUPDATER": "1"})
    except subprocess.TimeoutExpired:
        raise ClientUnusable(
            f"{binary.path} {question} did not answer within {timeout:g} s. "
            "Run it by hand to see what it waits for."
        ) from None
    except OSError as error:
        raise ClientUnusable(
            f"{binary.path} cannot be started: {error.strerror or error}. {_INSTALL}"
        ) from error
    if done.returncode != 0:
        last = done.stderr.decode(errors="replace").strip().rsplit("\n", 1)[-1][:200]
        ended = f"signal {-done.returncode}" if done.returncode < 0 else f"exit code {done.returncode}"
        raise ClientUnusable(
            f"{binary.path} {question} ended with {ended}{': ' + last if last else ''}. {_INSTALL}"
        )
    return done.stdout.decode(errors="replace")


def _run(
    binary: ClientBinary, question: str, timeout: float, env: Mapping[str, str]
) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [binary.path, question],
        env=env,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=timeout,
        check=False,
    )
