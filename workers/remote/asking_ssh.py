"""Asks a person's own ssh what it would use for a host (`ssh -G`): every rule of ssh_config(5) is ssh's to know."""

from __future__ import annotations

import os
import shlex
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

from workers import children
from workers.remote.address import Reach
from workers.remote.another_home import AnotherHome, is_another
from workers.remote.refusals import CannotConnect
from workers.remote.ssh_settings import TOKENS_ASKED, SshSettings, read, with_paths

ASK_S = 20.0
"""So long may ssh take: it may ask name servers, and run commands that a Match names."""
SAID_BYTES_MAX = 1 << 20
SHOWN = 600
_NO_PERSON = "No user exists for uid"
"""What ssh says to whom no user database knows, as in a container: it serves them in no way."""


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
    try:
        if not is_another(home):
            printed = _run([ssh, *asked, "--", reach.host], reach, str)
            return None if printed is None else read(printed, home, os.environ)
        with AnotherHome(home) as copied:
            printed = _run([ssh, *asked, "-F", copied.config, "--", reach.host], reach, copied.of_the_person)
        if printed is None:
            return None
        return with_paths(read(printed, copied.link, os.environ), copied.of_the_person)
    except ValueError as bad:
        raise CannotConnect(
            f"{reach.name}: your ssh configuration cannot be used: {bad}", lasting=True
        ) from bad
    except OSError as failed:
        raise CannotConnect(f"{reach.name}: your ssh cannot be asked: {failed}") from failed


def _run(argv: Sequence[str], reach: Reach, of_the_person: Callable[[str], str]) -> str | None:
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
    if ended.late is not None:
        ran = f" What still ran: {', '.join(f'`{line}`' for line in ended.late)}." if ended.late else ""
        raise CannotConnect(
            f"{reach.name}: `{command}` did not end within {ASK_S:.0f} s: a name server, or a command of a Match exec "
            f"in your ssh configuration, does not answer.{ran} Try it by hand"
        )
    words = _words(of_the_person(told.decode("utf-8", "replace")))
    if ended.code != 0 and _NO_PERSON in words:
        return None
    if ended.code != 0:
        raise CannotConnect(
            f"{reach.name}: your ssh does not take its own configuration: {words or f'it ended with {ended.code}'}. "
            f"Mend that, until `{command}` prints the settings",
            lasting=True,
        )
    return os.fsdecode(bytes(said))


def _words(told: str) -> str:
    """What ssh says to a person."""
    lines = (line.strip() for line in told.splitlines())
    return "; ".join(line for line in lines if line and ": terminating, " not in line)[-SHOWN:]
