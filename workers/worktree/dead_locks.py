"""Locks that a killed git left in the git directory of a worktree of ours: nobody else would ever take them away.

How it is known that nobody holds one: a git of ours that makes, lands in or removes a worktree inherits the worktree's
own lock (`lock.held`), so whoever has that knows that none of them runs. Any other (a worker's own, say) is given a
moment to end, and while it lives it has the lock file open, which /proc shows. What lies in the shared repository
(`packed-refs.lock`, the lock of a branch) may be anybody's, and is never touched.
"""

from __future__ import annotations

import os
import time
from contextlib import suppress
from pathlib import Path

from workers.plain_files import folders
from workers.supervisor import process_table
from workers.worktree.lock import WorktreeBusy

PATIENCE_S = 2.0
_PAUSE_S = 0.05
_FOLDERS_MAX = 100_000


def clear_dead_locks(admin: Path) -> list[Path]:
    """Move the locks of one linked worktree aside, under `<name>.left-behind`; returns what they were.

    `admin` is git's own directory for it; the caller holds the worktree's lock. Raises WorktreeBusy when a living
    process has one open.
    """
    until = time.monotonic() + PATIENCE_S
    while (locks := _locks(admin)) and time.monotonic() < until:
        time.sleep(_PAUSE_S)
    for lock in locks:
        holders = _opened_by(lock)
        if holders:
            raise WorktreeBusy(f"process {min(holders)} holds {lock}: wait for it to end")
        lock.replace(lock.with_name(f"{lock.name}.left-behind"))
    return locks


def _locks(admin: Path) -> list[Path]:
    return sorted(
        Path(one.path)
        for _, names in folders(admin, _FOLDERS_MAX)
        for one in names
        if one.name.endswith(".lock")
    )


def _opened_by(file: Path) -> set[int]:
    """Processes that have the file open; empty where there is no /proc, or they are another user's."""
    wanted, found = os.path.realpath(file), set()
    for pid in process_table():
        try:
            descriptors = list(Path(f"/proc/{pid}/fd").iterdir())
        except OSError:  # it has ended, or is another user's
            continue
        for descriptor in descriptors:
            with suppress(OSError):
                if str(descriptor.readlink()) == wanted:
                    found.add(pid)
    return found
