"""One shell command, run so that it can neither outlive its time nor leave anything of its process group
behind."""

from __future__ import annotations

import errno
import os
import re
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Protocol

from workers import children, trouble
from workers.environment import allowed
from workers.sandbox.confined import cells_in_force, not_made, scratch

TAIL_BYTES = 16_000
LOG_BYTES_MAX = 32_000_000
FULL_BYTES = 64 * 1024
"""A disk with less room than this counts as full, for what was refused may have been larger than what is left."""
_LATELY_LINES = 10
# As a shell itself says it: bash, dash, zsh.
_SAYS_NO_FORK = re.compile(r"^\S*sh: .*(?:[Cc]annot fork|fork: |fork failed)", re.MULTILINE)


class Log(Protocol):
    """Where all of a command's output goes."""

    def write(self, data: bytes, /) -> object: ...


@dataclass(frozen=True)
class Ended:
    """How a command ended. `code` is negative for a signal and None when it never started; `tail` is the end of its
    output. `denied` is what its sandbox kept it from at the last, a sentence each: most likely why it failed."""

    code: int | None
    tail: str
    duration_s: float
    timed_out: bool = False
    denied: tuple[str, ...] = ()


def run_shell(
    command: str,
    *,
    cwd: Path,
    env: Mapping[str, str],
    timeout_s: float,
    log: Log | None = None,
    held_fds: tuple[int, ...] = (),
) -> Ended:
    """Run `sh -c COMMAND` in a process group of its own; afterwards nothing of that group is left.

    `env` is added to what work may have of this process's environment. Under `sandbox.confined` it sees its cell, and
    what it was denied there is told at the end of `tail`. Raises OSError when the machine cannot start it, or the
    log cannot be written: then nothing was found out.
    """
    cells = cells_in_force()
    cell = None if cells is None else cells.of_commands(cwd)
    run = partial(
        _run, cwd=cwd, env={**allowed(os.environ), **env}, timeout_s=timeout_s, log=log, held_fds=held_fds
    )
    if cell is None:
        return run(["sh", "-c", command])
    with scratch() as place:
        ended = run([*cell.before(place, cwd), "sh", "-c", command], sandboxed=True)
    if not_made(ended.code, ended.tail):
        raise OSError(f"the sandbox could not be made: {ended.tail.strip()}")
    if ended.code == 0:
        return ended
    lately = "\n".join(ended.tail.splitlines()[-_LATELY_LINES:])
    told = "".join(f"\n[sandbox: {one}]" for one in cell.denied(ended.tail))
    return replace(ended, tail=ended.tail + told, denied=tuple(cell.denied(lately)))


def _run(
    words: Sequence[str],
    *,
    cwd: Path,
    env: Mapping[str, str],
    timeout_s: float,
    log: Log | None,
    held_fds: tuple[int, ...],
    sandboxed: bool = False,
) -> Ended:
    began = time.monotonic()
    said = _Said(log)
    try:
        ended = children.run(
            words,
            cwd=cwd,
            env=env,
            limit_s=timeout_s,
            out=said.take,
            held_fds=held_fds,
            sandboxed=sandboxed,
        )
    except _LogFailed as failed:
        raise failed.cause from None
    except OSError as error:
        if trouble.of_errno(error.errno) or error.errno == errno.ECANCELED:
            raise
        return Ended(None, f"could not start: {error}", time.monotonic() - began)
    return Ended(ended.code, said.tail(), time.monotonic() - began, ended.late is not None)


def raise_if_machines(said: str, cwd: Path) -> None:
    """Raise OSError when a command of the repository, which failed in `cwd` and `said` that, had no room or no process:
    that is no fault of the work, and the command is to be run again.

    For room the disk is asked, not the words: a program may fail for want of it and say anything, or speak of it in the
    output of a test.
    """
    full = next((place for place in (cwd, Path(tempfile.gettempdir())) if _is_full(place)), None)
    if full is not None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(full))
    if _SAYS_NO_FORK.search(said):
        raise OSError(errno.EAGAIN, os.strerror(errno.EAGAIN), "fork")


def _is_full(place: Path) -> bool:
    try:
        stat = os.statvfs(place)
    except (FileNotFoundError, NotADirectoryError):
        return False  # a directory that is gone is no trouble of the disk
    return stat.f_bavail * stat.f_frsize < FULL_BYTES or (stat.f_files > 0 and stat.f_favail == 0)


class _LogFailed(Exception):
    """The log could not be written, which is no matter of the command's start."""

    def __init__(self, cause: OSError) -> None:
        super().__init__(str(cause))
        self.cause = cause


class _Said:
    """The output of a command: everything into the log up to its bound, the end kept for the reader."""

    def __init__(self, log: Log | None) -> None:
        self._log = log
        self._logged = 0
        self._kept = b""

    def take(self, chunk: bytes) -> None:
        self._kept = (self._kept + chunk)[-TAIL_BYTES:]
        if self._log is not None and self._logged < LOG_BYTES_MAX:
            try:
                self._log.write(chunk)
            except OSError as failed:
                raise _LogFailed(failed) from failed
            self._logged += len(chunk)

    def tail(self) -> str:
        return self._kept.decode("utf-8", "replace")
