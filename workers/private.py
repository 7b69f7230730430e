"""What is a process's own: its files and its memory. Travels.

A coordinator, a supervisor and a far end hold tokens and other people's words, and run work that is not theirs. What
they write is readable by their user only, while a worker's files keep the modes that the person's own umask gives them.
Their memory can't be read by other processes of the same user (prctl(2): PR_SET_DUMPABLE also closes /proc/PID/mem,
environ and fd), and no core of it is written.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from workers.supervisor import forbid_looking

_PRIVATE = 0o077
_LEAVE = -1
"""What subprocess takes as "the umask stays"."""

_of_work = _LEAVE


def keep_private() -> None:
    """Makes this process private for the rest of its life. For the beginning of a program, before it has threads."""
    global _of_work
    before = os.umask(_PRIVATE)
    if _of_work == _LEAVE:
        _of_work = before
    forbid_looking()


def umask_of_work() -> int:
    """The `umask` to start commands with that work for a person (git, setup, verification, clients): the one that this
    process was started with."""
    return _of_work


def write_whole(file: Path, content: bytes, *, durable: bool = False) -> None:
    """A reader sees all of it or what was there before. What others have laid in its place is replaced, and no link of
    theirs is followed. `durable`: on the disk before it counts. Raises OSError."""
    descriptor, draft = tempfile.mkstemp(dir=file.parent, prefix=f".{file.name}.")
    try:
        with os.fdopen(descriptor, "wb") as out:
            out.write(content)
            if durable:
                out.flush()
                os.fsync(out.fileno())
        Path(draft).replace(file)
    except BaseException:
        Path(draft).unlink(missing_ok=True)
        raise
