"""Deleting and moving what a worker left, also where it took the permission to write away (Go's module cache does).

A worker may live on meanwhile, and lay links: none is followed (`workers.plain_files`). It may have laid thousands of
directories into each other: one is open at a time.
"""

from __future__ import annotations

import errno
import os
import stat
from contextlib import suppress
from itertools import count
from pathlib import Path

from workers.plain_files import make_open_ours, make_ours, open_folder, reached, set_mode

BESIDE = ".kept-"
"""Between the name of a worktree and a number: what was moved out of its way."""
_OURS = stat.S_IRWXU


def delete(path: Path) -> None:
    """Delete a file, a link, or a directory with all that is in it; nothing is done when it is gone. Raises OSError."""
    delete_below(path.parent, path.name)


def delete_below(root: Path, path: str) -> None:
    """The same of a path below `root`: what is reached over a link is not there."""
    with suppress(FileNotFoundError, NotADirectoryError), reached(root, path, give=True) as (folder, name):
        _delete(name, folder)


def _delete(name: str, folder: int) -> None:
    if not _is_folder(name, folder):
        os.unlink(name, dir_fd=folder)
        return
    inner = open_folder(name, folder, give=True)
    try:
        make_open_ours(inner)
        _empty(inner)
    finally:
        os.close(inner)
    os.rmdir(name, dir_fd=folder)


def _is_folder(name: str, folder: int) -> bool:
    return stat.S_ISDIR(os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode)


def _empty(folder: int) -> None:
    above: list[tuple[str, os.stat_result, list[str]]] = []
    here = os.dup(folder)
    try:
        names = _names(here)
        while names or above:
            if not names:
                name, was, names = above.pop()
                here = _stepped_up(here, was, name)
                os.rmdir(name, dir_fd=here)
                continue
            name = names.pop()
            if not _is_folder(name, here):
                os.unlink(name, dir_fd=here)
                continue
            inner = open_folder(name, here, give=True)
            make_open_ours(inner)
            above.append((name, os.fstat(here), names))
            os.close(here)
            here = inner
            names = _names(here)
    finally:
        os.close(here)


def _names(folder: int) -> list[str]:
    with os.scandir(folder) as entries:
        return [entry.name for entry in entries]


def _stepped_up(here: int, was: os.stat_result, name: str) -> int:
    """To the directory that we came from: a worker may have moved the one that we are in."""
    up = os.open("..", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=here)
    if not os.path.samestat(os.fstat(up), was):
        os.close(up)
        raise OSError(errno.EBUSY, "it was moved while it was deleted", name)
    os.close(here)
    return up


def move(root: Path, path: str, to: Path, place: str, *, make_way: bool = False) -> None:
    """Rename what lies at `path` below `root` to `place` below `to`. With `make_way` what lies there, or above it, and
    is no directory, goes. Raises OSError; nothing is moved over a link."""
    with reached(root, path, give=True) as (folder, name):
        before = make_ours(name, folder)  # as the `..` of a directory changes
        with reached(to, place, make=True, make_way=make_way, give=True) as (target, new):
            if make_way:
                with suppress(FileNotFoundError):
                    _delete(new, target)
            os.rename(name, new, src_dir_fd=folder, dst_dir_fd=target)
            if before is not None:
                set_mode(new, target, before)


def mode_to_give(place: Path) -> int | None:
    """The mode of a directory that we may not fully use; None for any other, and for what is no directory."""
    try:
        mode = place.lstat().st_mode
    except (FileNotFoundError, NotADirectoryError):
        return None
    return stat.S_IMODE(mode) if stat.S_ISDIR(mode) and mode & _OURS != _OURS else None


def give_back(root: Path, path: str, mode: int) -> None:
    """Set the mode of a directory below `root`, or of itself, to what it was; nothing is done where there is none (any
    more)."""
    if not path:
        root, path = root.parent, root.name
    with suppress(FileNotFoundError, NotADirectoryError), reached(root, path) as (folder, name):
        set_mode(name, folder, mode)


def make_writable(place: Path) -> None:
    """Give ourselves a directory; anything else is left as it is. Raises OSError."""
    mode = mode_to_give(place)
    if mode is not None:
        place.chmod(mode | _OURS)


def beside(path: Path) -> Path:
    """A name next to the worktree that nothing has yet."""
    names = (path.with_name(f"{path.name}{BESIDE}{number}") for number in count(1))
    return next(name for name in names if not os.path.lexists(name))
