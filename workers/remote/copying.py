"""Copies of spools, kept here byte for byte as they grow on a host. The size of a copy is how far it is."""

from __future__ import annotations

import contextlib
import os
from collections import deque
from collections.abc import Collection
from contextlib import ExitStack
from pathlib import Path

from workers.remote.answers import SPOOL_BYTES_MAX, Foreign
from workers.remote.disk_space import check_room

LINE_BYTES_MAX = 64 * 1024 * 1024
"""A line is read whole; the longest that a client writes has a few megabytes."""


class OutOfStep(Exception):
    """What came does not follow what is here: the host must be asked anew."""


class Copy:
    """One spool. What a full disk refuses is kept and written later; the host sends no more than we acknowledge."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
        self._fd = os.open(path, flags, 0o600)
        self.size = os.fstat(self._fd).st_size
        self._line_bytes = 0
        self._waiting: deque[bytes] = deque()
        self._waiting_bytes = 0

    @property
    def blocked(self) -> bool:
        return bool(self._waiting)

    @property
    def position(self) -> int:
        return self.size + self._waiting_bytes

    def begin_anew(self) -> int:
        """Forgets what waits; returns the size."""
        self._waiting.clear()
        self._waiting_bytes = 0
        return self.size

    def take(self, start: int, data: bytes) -> int:
        """Append what is new of it; returns how many bytes of pushes are done with. Raises OutOfStep, and Foreign for
        what no worker ever says."""
        position = self.position
        if start > position:
            raise OutOfStep(f"bytes from {start} on came, but those from {position} on are missing")
        new = data[position - start :]
        if not new:
            return len(data)
        self._check(position + len(new), new)
        self._waiting.append(new)
        self._waiting_bytes += len(new)
        return len(data) - len(new) + self.write()

    def _check(self, size: int, new: bytes) -> None:
        newline = new.rfind(b"\n")
        self._line_bytes = self._line_bytes + len(new) if newline < 0 else len(new) - newline - 1
        if size > SPOOL_BYTES_MAX or self._line_bytes > LINE_BYTES_MAX:
            raise Foreign(f"a spool of {size} bytes, and {self._line_bytes} of them without a line end")

    def write(self) -> int:
        """Write what waits; returns how many bytes that were. What the disk refuses, or what would leave this machine
        without room for itself, goes on waiting."""
        written = 0
        with contextlib.suppress(OSError):
            while self._waiting:
                check_room(self._fd, len(self._waiting[0]))
                count = os.write(self._fd, self._waiting[0])
                written += count
                rest = self._waiting.popleft()[count:]
                if rest:
                    self._waiting.appendleft(rest)
        self.size += written
        self._waiting_bytes -= written
        return written

    def close(self) -> None:
        os.close(self._fd)


class Copies:
    """The copies of one host's spools under `runs`. For one thread."""

    def __init__(self, runs: Path) -> None:
        self._runs = runs
        self._copies: dict[str, Copy] = {}

    def follow(self, attempts: Collection[str]) -> tuple[dict[str, int], list[str]]:
        """Keep copies of exactly these: which are new, with their offsets, and which are no longer wanted.

        Raises OSError, and then nothing has changed.
        """
        wanted = set(attempts)
        new: dict[str, Copy] = {}
        with ExitStack() as unless_all:
            for attempt in sorted(wanted - self._copies.keys()):
                new[attempt] = Copy(self._runs / attempt / "spool")
                unless_all.callback(new[attempt].close)
            unless_all.pop_all()
        unwanted = [attempt for attempt in self._copies if attempt not in wanted]
        for attempt in unwanted:
            self._copies.pop(attempt).close()
        self._copies |= new
        return {attempt: copy.size for attempt, copy in new.items()}, unwanted

    def begin_anew(self) -> dict[str, int]:
        """How far each is, for a new connection: what still waited for a disk is asked for again."""
        return {attempt: copy.begin_anew() for attempt, copy in self._copies.items()}

    def position(self, attempt: str) -> int | None:
        """From where on bytes of it are wanted; None when it is not followed."""
        copy = self._copies.get(attempt)
        return None if copy is None else copy.position

    def take(self, attempt: str, start: int, data: bytes) -> int:
        """Returns how many bytes the host may take as arrived. Raises OutOfStep."""
        copy = self._copies.get(attempt)
        return len(data) if copy is None else copy.take(start, data)

    def write_waiting(self) -> int:
        """Try again to write what a full disk refused; returns how many bytes more have arrived."""
        return sum(copy.write() for copy in self._copies.values() if copy.blocked)

    @property
    def blocked(self) -> bool:
        return any(copy.blocked for copy in self._copies.values())

    def close(self) -> None:
        for copy in self._copies.values():
            copy.close()
        self._copies.clear()
