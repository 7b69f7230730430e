"""Asks a person's own ssh what it would use for a host (`ssh -G`): every rule of ssh_config(5) is ssh's to know."""

from __future__ import annotations

import os
import pwd
import re
import shlex
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from workers import children
from workers.remote.address import Reach
from workers.remote.refusals import CannotConnect
from workers.remote.ssh_settings import TOKENS_ASKED, BadSetting, SshSettings, read

ASK_S = 20.0
"""So long may ssh take: it may ask name servers, and run commands that a Match names."""
SAID_BYTES_MAX = 1 << 20
SHOWN = 600
_SYSTEM_CONFIG = "/etc/ssh/ssh_config"
_NO_PERSON = "No user exists for uid"
"""What ssh says to whom no user database knows, as in a container: it serves them in no way."""
_HOME = re.compile(rb"""(?P<before>^|[\s="'])~/|(?P<percents>(?<!%)(?:%%)*)%d""", re.MULTILINE)
_INCLUDE = re.compile(
    rb"""^(?P<word>[ \t]*include[ \t]*(?:=[ \t]*)?)(?P<files>[^\n]*)$""", re.MULTILINE | re.IGNORECASE
)
_DEPTH_MAX = 16


class _SaidTooMuch(Exception):
    """Nothing sensible is that long."""


def settings(reach: Reach) -> SshSettings | None:
    """What ssh would use for it; None where no ssh serves this person. Blocks. Raises CannotConnect."""
    ssh = shutil.which("ssh")
    if ssh is None:
        return None
    home = str(Path("~").expanduser())
    asked = ["-T", "-G", "-S", TOKENS_ASKED]
    asked += ["-l", reach.user] if reach.user else []
    asked += ["-p", str(reach.port)] if reach.port else []
    asked += ["-J", reach.jump] if reach.jump else []
    with tempfile.TemporaryDirectory(prefix="fleet-ssh-") as drafts:
        copies = {} if _is_ones_own(home) else _configuration_for(Path(home), Path(drafts))
        asked += ["-F", next(iter(copies))] if copies else []
        printed = _run([ssh, *asked, "--", reach.host], reach, copies)
    if printed is None:
        return None
    try:
        return read(printed, home, os.environ)
    except BadSetting as bad:
        raise CannotConnect(
            f"{reach.name}: your ssh configuration cannot be used: {bad}", lasting=True
        ) from bad


def _run(argv: Sequence[str], reach: Reach, copies: Mapping[str, str]) -> str | None:
    said, told = bytearray(), bytearray()

    def taken_by(kept: bytearray, data: bytes) -> None:
        kept += data
        if len(said) + len(told) > SAID_BYTES_MAX:
            raise _SaidTooMuch

    command = f"ssh -G {shlex.quote(reach.host)}"
    try:
        ended = children.run(
            argv,
            env=os.environ,
            limit_s=ASK_S,
            out=lambda data: taken_by(said, data),
            err=lambda data: taken_by(told, data),
        )
    except _SaidTooMuch:
        raise CannotConnect(f"{reach.name}: `{command}` prints without end", lasting=True) from None
    except OSError as failed:
        raise CannotConnect(f"{reach.name}: `{command}` could not be run: {failed.strerror}") from failed
    if ended.late is not None:
        ran = f" What still ran: {', '.join(f'`{line}`' for line in ended.late)}." if ended.late else ""
        raise CannotConnect(
            f"{reach.name}: `{command}` did not end within {ASK_S:.0f} s: a name server, or a command of a Match exec "
            f"in your ssh configuration, does not answer.{ran} Try it by hand"
        )
    words = _words(told, copies)
    if ended.code != 0 and _NO_PERSON in words:
        return None
    if ended.code != 0:
        raise CannotConnect(
            f"{reach.name}: your ssh does not take its own configuration: {words or f'it ended with {ended.code}'}. "
            f"Mend that, until `{command}` prints the settings",
            lasting=True,
        )
    return os.fsdecode(bytes(said))


def _words(told: bytearray, copies: Mapping[str, str]) -> str:
    """What ssh says to a person, of their own files."""
    text = told.decode("utf-8", "replace")
    for copy, file in copies.items():
        text = text.replace(copy, file)
    lines = (line.strip() for line in text.splitlines())
    return "; ".join(line for line in lines if line and ": terminating, " not in line)[-SHOWN:]


# --- a person whose HOME is another directory than the one of the user database, which is all that ssh asks ---


def _is_ones_own(home: str) -> bool:
    try:
        return os.path.realpath(home) == os.path.realpath(pwd.getpwuid(os.getuid()).pw_dir)
    except KeyError:
        return True


def _configuration_for(home: Path, drafts: Path) -> dict[str, str]:
    """The configuration that lies in this home, as one that ssh can be handed: the original by its copy, the whole
    first. In the copies `~` and %d are that home."""
    copies: dict[str, str] = {str(drafts / "config"): str(home / ".ssh" / "config")}
    own = _copied(home / ".ssh" / "config", home, drafts, copies, _DEPTH_MAX)
    escaped = str(home).replace("%", "%%")
    known = " ".join(f'"{escaped}/.ssh/{name}"' for name in ("known_hosts", "known_hosts2"))
    lines = [*(f'Include "{copy}"' for copy in own), "Match all", f"Include {_SYSTEM_CONFIG}"]
    (drafts / "config").write_text("\n".join([*lines, "Match all", f"UserKnownHostsFile {known}", ""]))
    return copies


def _copied(file: Path, home: Path, drafts: Path, copies: dict[str, str], depth: int) -> list[Path]:
    """The copy of a file and, made before it, of all that it includes; none when it cannot be read."""
    try:
        text = file.read_bytes()
    except OSError:
        return []

    def included(found: re.Match[bytes]) -> bytes:
        try:
            patterns = shlex.split(os.fsdecode(found["files"]), comments=True)
        except ValueError:
            return found[0]
        made: list[Path] = []
        for pattern in patterns if depth else []:
            whole = home / ".ssh" / (f"{home}{pattern[1:]}" if pattern.startswith("~/") else pattern)
            for path in sorted(Path("/").glob(str(whole)[1:])):
                made += _copied(path, home, drafts, copies, depth - 1)
        return found["word"] + " ".join(f'"{copy}"' for copy in made or [drafts / "none"]).encode()

    def put(found: re.Match[bytes]) -> bytes:
        if found["before"] is not None:
            return found["before"] + os.fsencode(home) + b"/"
        return found["percents"] + os.fsencode(home)

    copy = drafts / f"{len(copies)}.part"
    copies[str(copy)] = str(file)
    copy.write_bytes(_HOME.sub(put, _INCLUDE.sub(included, text)))
    return [copy]
