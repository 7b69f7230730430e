"""The one way to run a program: in a process group of its own, with a deadline, under a marker. Travels.

Who keeps the program's pipes holds nobody: what counts is when the program itself has ended. What it left in its group
is ended then; what fled the group carries the marker (FLEET_RUN), by which `processes.sweep` finds it. So a program can
be ended from outside by its marker (a task is cancelled), together with all others of its `Children` (a coordinator
stops), and by the next coordinator when this one was killed.
"""

from __future__ import annotations

import errno
import math
import os
import select
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path

from workers.private import umask_of_work
from workers.stillness import Stillness
from workers.supervisor import MARKER, process_table, signal_within

Sink = Callable[[bytes], object]
"""Takes what a program says, as it comes. What it raises ends the program, and is raised."""

TERMINATE_GRACE_S = 3.0
"""Between SIGTERM and SIGKILL for a program whose time is over."""
_DRAIN_S = 0.5
_READ_BYTES = 1 << 16
_LOOK_S = 1.0
"""Between two looks at whether a program is still."""
_TICK_S = 0.01
"""Between two looks at a program where the system gives no handle that tells of its end."""
_POLL_S_MAX = 3600.0
"""poll(2) takes no endless time in milliseconds."""
_WORDS_SHOWN = 200

_marker: ContextVar[str | None] = ContextVar("marker", default=None)


@dataclass(frozen=True)
class Ended:
    """How a program ended. `code` is negative for a signal. `late` is None when it ended by itself, else the command
    lines of what it had begun and still ran when its time was over. `still`: that was because nothing of it did
    anything any more (`workers.stillness`)."""

    code: int
    late: tuple[str, ...] | None = None
    still: bool = False


class Children:
    """Programs that are ended together. Each is reaped only as it is taken out, so no number is another process's."""

    def __init__(self) -> None:
        self._groups: set[int] = set()
        self._lock = threading.Lock()
        self._over = False

    def end(self) -> None:
        """Kill what runs, and let no other begin. Who waits for one gets an OSError, never an answer of what was cut
        off."""
        with self._lock:
            self._over = True
            for group in self._groups:
                _signal_group(group, signal.SIGKILL)

    def start(self, begin: Callable[[], subprocess.Popen[bytes]]) -> subprocess.Popen[bytes]:
        """`begin` starts a program as the leader of its group. Raises OSError."""
        with self._lock:
            self.expect_more()
            process = begin()
            self._groups.add(process.pid)
        return process

    def reap(self, process: subprocess.Popen[bytes]) -> None:
        with self._lock:
            self._groups.discard(process.pid)
            process.wait()

    def expect_more(self) -> None:
        """Raises OSError when they have been ended."""
        if self._over:
            raise OSError(errno.ECANCELED, "it was broken off, as this program ends")


_all = Children()
_current: ContextVar[Children] = ContextVar("children", default=_all)


def end_all() -> None:
    """End what this process runs, but for what it does under `together`: it is about to end."""
    _all.end()


@contextmanager
def together() -> Iterator[Children]:
    """What is run within the block, also by threads and tasks that are started with its context, ends together."""
    own = Children()
    token = _current.set(own)
    try:
        yield own
    finally:
        _current.reset(token)


@contextmanager
def marked(marker: str | None) -> Iterator[None]:
    """What is run within the block has this FLEET_RUN, unless it is given another. For None all stays as it is."""
    token = _marker.set(marker or _marker.get())
    try:
        yield
    finally:
        _marker.reset(token)


def run(
    argv: Sequence[str],
    *,
    env: Mapping[str, str],
    limit_s: float,
    still_s: float = math.inf,
    out: Sink,
    err: Sink | None = None,
    cwd: Path | None = None,
    stdin: bytes | None = None,
    wire: int | None = None,
    held_fds: tuple[int, ...] = (),
    sandboxed: bool = False,
) -> Ended:
    """Run a program for at most `limit_s` seconds, or until nothing of it has done anything for `still_s`; afterwards
    nothing of its process group is left.

    What it says on its standard error goes to `out`, too, where there is no `err`. With a `wire`, a descriptor that is
    its standard input and output, only its standard error is heard: by `err`, which it then needs. `sandboxed`: it is
    the outer program of a sandbox, with which everything within ends. Raises OSError when it cannot be started, or its
    `Children` were ended meanwhile, and what a sink raises.
    """
    marker = _marker.get()
    children = _current.get()
    process = children.start(
        lambda: subprocess.Popen(
            argv,
            cwd=cwd,
            env={MARKER: marker, **env} if marker is not None else env,
            stdin=wire if wire is not None else subprocess.DEVNULL if stdin is None else subprocess.PIPE,
            stdout=subprocess.PIPE if wire is None else wire,
            stderr=subprocess.STDOUT if err is None else subprocess.PIPE,
            start_new_session=True,
            pass_fds=held_fds,
            umask=umask_of_work(),
        )
    )
    late = None
    still = False
    try:
        with _Talk(process, stdin, out, err) as talk:
            give_up_at = time.monotonic() + limit_s
            if not _ended_in_time(talk, Stillness(process.pid), give_up_at, still_s):
                outer = argv[0] if sandboxed else None
                late, still = _living(process.pid, outer), time.monotonic() < give_up_at
                ask_to_end = signal_within if sandboxed else _signal_group
                ask_to_end(process.pid, signal.SIGTERM)
                talk.until_end(time.monotonic() + TERMINATE_GRACE_S)
            _signal_group(process.pid, signal.SIGKILL)
            talk.drain()
    except BaseException:
        _signal_group(process.pid, signal.SIGKILL)
        raise
    finally:
        children.reap(process)
    children.expect_more()
    return Ended(process.returncode, late, still)


def _ended_in_time(talk: _Talk, stillness: Stillness, give_up_at: float, still_s: float) -> bool:
    if still_s == math.inf:
        return talk.until_end(give_up_at)
    while not talk.until_end(min(give_up_at, time.monotonic() + _LOOK_S)):
        now = time.monotonic()
        if now >= give_up_at or stillness.lasted(now) >= still_s:
            return False
    return True


class _Talk:
    """A program's pipes and, where the system has such, a handle that tells of its end."""

    def __init__(
        self, process: subprocess.Popen[bytes], stdin: bytes | None, out: Sink, err: Sink | None
    ) -> None:
        self._process = process
        self._unsaid = memoryview(stdin or b"")
        pipes = ((process.stdout, out), (process.stderr, err))
        self._sinks = {pipe.fileno(): sink for pipe, sink in pipes if pipe is not None and sink is not None}
        self._end = _handle(process.pid)

    def __enter__(self) -> _Talk:
        self._poll = select.poll()
        for fd in self._sinks:
            os.set_blocking(fd, False)
            self._poll.register(fd, select.POLLIN)
        if self._process.stdin is not None:
            os.set_blocking(self._process.stdin.fileno(), False)
            self._poll.register(self._process.stdin.fileno(), select.POLLOUT)
            self._say()
        if self._end is not None:
            self._poll.register(self._end, select.POLLIN)
        return self

    def __exit__(self, *_: object) -> None:
        if self._end is not None:
            os.close(self._end)
        for pipe in (self._process.stdin, self._process.stdout, self._process.stderr):
            if pipe is not None and not pipe.closed:
                pipe.close()

    def until_end(self, give_up_at: float) -> bool:
        """Talk until the program ends (True) or its time is over (False). It is not reaped here: as long as it is a
        zombie its number cannot become another process's group."""
        while (left := give_up_at - time.monotonic()) > 0:
            wait_s = min(left, _POLL_S_MAX if self._end is not None else _TICK_S)
            ready = {fd for fd, _ in self._poll.poll(wait_s * 1000)}
            if self._end in ready or (self._end is None and _has_ended(self._process.pid)):
                return True
            self._serve(ready)
        return _has_ended(self._process.pid)

    def drain(self) -> None:
        """What is still in the pipes, and no more: a process that fled the group may hold them open, or write on."""
        until = time.monotonic() + _DRAIN_S
        for fd in list(self._sinks):
            while fd in self._sinks and time.monotonic() < until and self._hear(fd):
                pass

    def _serve(self, ready: set[int]) -> None:
        for fd in ready:
            if fd in self._sinks:
                self._hear(fd)
            elif fd != self._end:
                self._say()

    def _hear(self, fd: int) -> bool:
        """Whether something was there."""
        try:
            data = os.read(fd, _READ_BYTES)
        except BlockingIOError:
            return False
        if data:
            self._sinks[fd](data)
        else:
            del self._sinks[fd]
            self._poll.unregister(fd)
        return True

    def _say(self) -> None:
        """As much as the pipe takes. A program that does not listen to the end has its reasons."""
        pipe = self._process.stdin
        assert pipe is not None
        try:
            self._unsaid = self._unsaid[os.write(pipe.fileno(), self._unsaid[:_READ_BYTES]) :]
        except BlockingIOError:
            return
        except BrokenPipeError:
            self._unsaid = self._unsaid[:0]
        if not self._unsaid:
            self._poll.unregister(pipe.fileno())
            pipe.close()


def _handle(pid: int) -> int | None:
    """A kernel before 5.3 has none, nor has another system, nor a Python that was built for such a one."""
    try:
        return os.pidfd_open(pid)
    except (AttributeError, OSError):
        return None


def _has_ended(pid: int) -> bool:
    return os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None


def _living(group: int, outer: str | None) -> tuple[str, ...]:
    """The command lines of a group, its leader's left out, and those of the program that is a sandbox's `outer` one;
    none where there is no /proc."""
    rows = [
        row for row in process_table().values() if row.group == group and row.pid != group and not row.ended
    ]
    said = (command_line(row.pid) for row in sorted(rows, key=lambda row: row.pid))
    return tuple(dict.fromkeys(line for line in said if line and line.split(" ", 1)[0] != outer))


def command_line(pid: int) -> str:
    """What a process was started as; empty for one that has ended, and where there is no /proc."""
    try:
        words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except OSError:
        return ""
    return b" ".join(words).decode("utf-8", "replace").strip()[:_WORDS_SHOWN]


def _signal_group(pid: int, number: signal.Signals) -> None:
    try:
        os.killpg(pid, number)
    except ProcessLookupError:
        return
    except PermissionError:
        # macOS answers so for a group of which only the zombie leader is left.
        return
