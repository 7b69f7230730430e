"""Deleting and moving what a worker left, also where it took the permission to write away (Go's module cache does)."""

from __future__ import annotations

import os
import shutil
import stat
from itertools import count
from pathlib import Path

BESIDE = ".kept-"
"""Between the name of a worktree and a number: what was moved out of its way."""
_OURS = stat.S_IRWXU


def delete(path: Path) -> None:
    """Delete a file, a link, or a directory with all that is in it; nothing is done when it is gone. Raises OSError."""
    if not os.path.lexists(path):
        return
    if path.is_symlink() or not path.is_dir():
        make_writable(path.parent)
        path.unlink()
        return
    try:
        shutil.rmtree(path)
    except PermissionError:
        make_writable(path.parent)
        _make_all_writable(path)
        shutil.rmtree(path)


def mode_to_give(place: Path) -> int | None:
    """The mode of a directory that we may not fully use; None for any other, and for what is no directory."""
    try:
        mode = place.lstat().st_mode
    except (FileNotFoundError, NotADirectoryError):
        return None
    return stat.S_IMODE(mode) if stat.S_ISDIR(mode) and mode & _OURS != _OURS else None


def make_writable(place: Path) -> None:
    """Give ourselves a directory; anything else is left as it is. Raises OSError."""
    mode = mode_to_give(place)
    if mode is not None:
        place.chmod(mode | _OURS)


def _make_all_writable(directory: Path) -> None:
    make_writable(directory)
    for found, inner, _ in os.walk(directory):
        for name in inner:
            make_writable(Path(found, name))


def beside(path: Path) -> Path:
    """A name next to the worktree that nothing has yet."""
    names = (path.with_name(f"{path.name}{BESIDE}{number}") for number in count(1))
    return next(name for name in names if not os.path.lexists(name))
