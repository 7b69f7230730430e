"""Whose turn it is to start work in a directory: only the far end that took it last may. Travels.

A connection that has stalled may deliver, long after home has given it up and come back by another one, what was asked
on it before. Nothing of that may begin any more: the work has gone on elsewhere. It is a fencing token, checked where
it counts (M. Kleppmann, "How to do distributed locking", 2016).
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_FILE = "turn"


class NotItsTurn(Exception):
    """Another far end has taken over."""


class Turn:
    """One far end's, in the directory `root`, which nobody has to take before the first has. For several threads."""

    def __init__(self, root: Path) -> None:
        self._path = root / _FILE
        self._number = 0

    def take(self) -> int:
        """From now on it is this far end's: waits for what others are just starting. Raises OSError."""
        with _locked(self._path, fcntl.LOCK_EX) as fd:
            number = _read(fd) + 1
            os.pwrite(fd, b"%d\n" % number, 0)
            os.fsync(fd)
        self._number = number
        return number

    @contextmanager
    def held(self) -> Iterator[None]:
        """Nobody else takes the turn meanwhile. Raises NotItsTurn, OSError."""
        with _locked(self._path, fcntl.LOCK_SH) as fd:
            if _read(fd) != self._number:
                raise NotItsTurn(
                    "another connection to this host has taken over: nothing was started by this one"
                )
            yield


@contextmanager
def _locked(path: Path, how: int) -> Iterator[int]:
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(fd, how)
        yield fd
    finally:
        os.close(fd)


def _read(fd: int) -> int:
    text = os.pread(fd, 32, 0).strip()
    return int(text) if text.isdigit() else 0
