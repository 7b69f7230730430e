"""One shell command, run so that it can neither outlive its time nor leave anything of its process group
behind."""

from __future__ import annotations

import errno
import os
import re
import select
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from workers import trouble
from workers.environment import allowed
from workers.private import umask_of_work

TAIL_BYTES = 16_000
LOG_BYTES_MAX = 32_000_000
FULL_BYTES = 64 * 1024
"""A disk with less room than this counts as full, for what was refused may have been larger than what is left."""
# As a shell itself says it: bash, dash, zsh.
_SAYS_NO_FORK = re.compile(r"^\S*sh: .*(?:[Cc]annot fork|fork: |fork failed)", re.MULTILINE)
_TICK_S = 0.02
_GRACE_S = 3.0
_DRAIN_S = 0.5
_groups: set[int] = set()
"""Process groups of the commands that run now; none is reaped before it is taken out, so no number is another's."""
_groups_lock = threading.Lock()


class Log(Protocol):
    """Where all of a command's output goes."""

    def write(self, data: bytes, /) -> object: ...


@dataclass(frozen=True)
class Ended:
    """How a command ended. `code` is negative for a signal and None when it never started; `tail` is the end
    of its output."""

    code: int | None
    tail: str
    duration_s: float
    timed_out: bool = False


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

    `env` is added to what work may have of this process's environment. Raises OSError when the machine cannot start
    it, or the log cannot be written: then nothing was found out.
    """
    started = time.monotonic()
    try:
        process = _start(command, cwd, {**allowed(os.environ), **env}, held_fds)
    except OSError as error:
        if trouble.of_errno(error.errno):
            raise
        return Ended(None, f"could not start: {error}", time.monotonic() - started)
    assert process.stdout is not None
    output = _Output(process.stdout.fileno(), log)
    try:
        timed_out = not _follow(process.pid, output, started + timeout_s)
        if timed_out:
            _stop_group(process.pid, output)
        _signal_group(process.pid, signal.SIGKILL)
        output.drain()
    except BaseException:
        _signal_group(process.pid, signal.SIGKILL)
        raise
    finally:
        with _groups_lock:
            _groups.discard(process.pid)
            process.wait()
        process.stdout.close()
    return Ended(process.returncode, output.tail(), time.monotonic() - started, timed_out)


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


def end_all() -> None:
    """Kill what every `run_shell` of this process runs, and let none begin: the process is about to end."""
    _groups_lock.acquire()
    for group in _groups:
        _signal_group(group, signal.SIGKILL)


def _start(
    command: str, cwd: Path, env: Mapping[str, str], held_fds: tuple[int, ...]
) -> subprocess.Popen[bytes]:
    with _groups_lock:
        process = subprocess.Popen(
            ["sh", "-c", command],
            cwd=cwd,
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            pass_fds=held_fds,
            umask=umask_of_work(),
        )
        _groups.add(process.pid)
    return process


class _Output:
    """The pipe of a command: everything into the log up to its bound, the end kept for the reader."""

    def __init__(self, fd: int, log: Log | None) -> None:
        os.set_blocking(fd, False)
        self._fd, self._log = fd, log
        self._logged = 0
        self._kept = b""
        self._open = True

    def read_for(self, seconds: float) -> bool:
        """Read what comes within `seconds`; False when nothing did."""
        if not self._open:
            time.sleep(seconds)
            return False
        ready = select.poll()
        ready.register(self._fd, select.POLLIN)
        if not ready.poll(seconds * 1000):
            return False
        chunk = os.read(self._fd, 65536)
        self._open = bool(chunk)
        self._keep(chunk)
        return self._open

    def _keep(self, chunk: bytes) -> None:
        self._kept = (self._kept + chunk)[-TAIL_BYTES:]
        if self._log is not None and self._logged < LOG_BYTES_MAX:
            self._log.write(chunk)
            self._logged += len(chunk)

    def drain(self) -> None:
        """What is still in the pipe; a process that fled the group may hold it open, so only for a bounded
        time."""
        until = time.monotonic() + _DRAIN_S
        while time.monotonic() < until and self._open and self.read_for(_TICK_S):
            pass

    def tail(self) -> str:
        return self._kept.decode("utf-8", "replace")


def _follow(pid: int, output: _Output, deadline: float) -> bool:
    """Read until the command ends (True) or its time is over (False).

    The dead leader is not reaped here: as long as it is a zombie its number cannot become another process's
    group.
    """
    while not _has_ended(pid):
        if time.monotonic() >= deadline:
            return False
        output.read_for(_TICK_S)
    return True


def _has_ended(pid: int) -> bool:
    return os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None


def _stop_group(pid: int, output: _Output) -> None:
    _signal_group(pid, signal.SIGTERM)
    _follow(pid, output, time.monotonic() + _GRACE_S)


def _signal_group(pid: int, number: signal.Signals) -> None:
    try:
        os.killpg(pid, number)
    except ProcessLookupError:
        return
    except PermissionError:
        # macOS answers so for a group of which only the zombie leader is left.
        return
