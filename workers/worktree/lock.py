"""A lock on one worktree's path, held by us and by every git we start for it.

A coordinator that is killed leaves its git running for a moment. That git still holds the lock, through the
descriptor it inherited, so the next coordinator waits for it instead of making the same worktree at the same
time.
"""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from workers.git import GitError

_PAUSE_S = 0.05


class WorktreeBusy(GitError):
    """Another process is making, landing in or removing this worktree."""

    @property
    def of_the_host(self) -> bool:
        return True


@contextmanager
def held(worktree_path: Path, patience_s: float = 60.0) -> Iterator[int]:
    """Hold the lock of `worktree_path`; gives the descriptor that children must inherit.

    Raises WorktreeBusy when another process holds it for longer than `patience_s` seconds.
    """
    worktree_path.parent.mkdir(parents=True, exist_ok=True)
    file = _file(worktree_path)
    descriptor = os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        _take(descriptor, file, time.monotonic() + patience_s)
        yield descriptor
    finally:
        os.close(descriptor)


def is_held(worktree_path: Path) -> bool:
    """Whether anybody holds the lock of `worktree_path` now."""
    try:
        descriptor = os.open(_file(worktree_path), os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


def has_one(worktree_path: Path) -> bool:
    """Whether a fleet has ever made a worktree there: the file stays from before it is made until after it is gone."""
    return _file(worktree_path).exists()


def forget(worktree_path: Path) -> None:
    """Takes away the file of a lock that nobody will take again, where it lies in a person's own directory."""
    _file(worktree_path).unlink(missing_ok=True)


def _file(worktree_path: Path) -> Path:
    return worktree_path.parent / f".{worktree_path.name}.lock"


def _take(descriptor: int, file: Path, give_up_at: float) -> None:
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError as error:
            if time.monotonic() > give_up_at:
                raise WorktreeBusy(
                    f"another process still works on this worktree (it holds {file}): wait for it to end, "
                    f"or find it with `lsof {file}`"
                ) from error
            time.sleep(_PAUSE_S)
