"""Files where a worker, or a host, may lay what it likes: pipes, devices, links. Travels.

A path is gone one directory after the other, so that a link leads nowhere, also one that is laid between two looks. A
file is read only where it is a plain one: a pipe would be waited for, and a device has no end.
"""

from __future__ import annotations

import errno
import os
import stat
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

SAFELY = os.O_NOFOLLOW | os.O_CLOEXEC
BYTES_MAX = 1 << 30
"""Of what is read whole. An index of a million files has a tenth of it."""
_OURS = stat.S_IRWXU
_READ = stat.S_IRUSR | stat.S_IXUSR
_NO_DIRECTORY = (errno.ELOOP, errno.ENOTDIR, errno.EMLINK)
_NO_FILE = (errno.ELOOP, errno.EMLINK, errno.ENXIO, errno.EISDIR)


def open_plain(name: str, flags: int, folder: int | None = None, mode: int = 0o600) -> int:
    """A descriptor of that file of a directory. Raises OSError for a link, a device or a pipe."""
    try:
        fd = os.open(name, flags | os.O_NONBLOCK | SAFELY, mode, dir_fd=folder)
    except OSError as failed:
        if failed.errno in _NO_FILE:
            raise OSError(errno.EINVAL, "it is no plain file", name) from failed
        raise
    if not stat.S_ISREG(os.fstat(fd).st_mode):
        os.close(fd)
        raise OSError(errno.EINVAL, "it is no plain file", name)
    return fd


@contextmanager
def plain(file: Path) -> Iterator[BinaryIO]:
    """To be read. Where it lies is taken as it is named. Raises FileNotFoundError, and OSError as `open_plain`."""
    with os.fdopen(open_plain(str(file), os.O_RDONLY), "rb") as opened:
        yield opened


def read_plain(file: Path, bytes_max: int = BYTES_MAX) -> bytes:
    """All of it. Raises as `plain` does, and OSError for one that has more bytes than that."""
    with plain(file) as opened:
        data = opened.read(bytes_max + 1)
    if len(data) > bytes_max:
        raise OSError(errno.EINVAL, f"it has more than {bytes_max} bytes", str(file))
    return data


def read_if_plain(file: Path, bytes_max: int = BYTES_MAX) -> bytes | None:
    """None where there is none, or something else than a plain file of at most that size."""
    found: bytes | None = None
    with if_plain(), plain(file) as opened:
        found = opened.read(bytes_max + 1)
    return found if found is not None and len(found) <= bytes_max else None


@contextmanager
def if_plain() -> Iterator[None]:
    """Ends the block where there is no plain file."""
    try:
        yield
    except OSError as failed:
        if failed.errno not in (errno.ENOENT, errno.ENOTDIR, errno.EINVAL):
            raise


def text_if_plain(file: Path, bytes_max: int = BYTES_MAX) -> str:
    """The same as text, which need not be UTF-8; empty for None."""
    return (read_if_plain(file, bytes_max) or b"").decode("utf-8", "surrogateescape")


def open_folder(name: str, above: int, *, give: bool = False) -> int:
    """A descriptor of a directory. With `give` one that may not be read is made ours. Raises NotADirectoryError for a
    link, too."""
    try:
        if give and _mode(name, above) & _READ != _READ:
            make_ours(name, above)
        return os.open(name, os.O_RDONLY | os.O_DIRECTORY | SAFELY, dir_fd=above)
    except OSError as failed:
        if failed.errno in _NO_DIRECTORY:
            raise NotADirectoryError(errno.ENOTDIR, "it is a link or no directory", name) from failed
        raise


def _mode(name: str, folder: int | None) -> int:
    return os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode


def make_ours(name: str, folder: int | None) -> int | None:
    """Give ourselves a directory; anything else is left as it is. The mode that it had where that is changed. Raises
    OSError."""
    mode = _mode(name, folder)
    if not stat.S_ISDIR(mode) or mode & _OURS == _OURS:
        return None
    set_mode(name, folder, stat.S_IMODE(mode) | _OURS)
    return stat.S_IMODE(mode)


def make_open_ours(folder: int) -> None:
    """The same of one that is open."""
    mode = stat.S_IMODE(os.fstat(folder).st_mode)
    if mode & _OURS != _OURS:
        os.fchmod(folder, mode | _OURS)


def set_mode(name: str, folder: int | None, mode: int) -> None:
    """Of a directory, and never of what a link leads to. Raises OSError."""
    if os.chmod in os.supports_follow_symlinks:
        os.chmod(name, mode, dir_fd=folder, follow_symlinks=False)
        return
    fd = os.open(name, os.O_PATH | os.O_DIRECTORY | SAFELY, dir_fd=folder)
    try:
        Path(f"/proc/self/fd/{fd}").chmod(mode)
    finally:
        os.close(fd)


@contextmanager
def reached(
    root: Path, path: str, *, make: bool = False, make_way: bool = False, give: bool = False
) -> Iterator[tuple[int, str]]:
    """A descriptor of the directory in which `path` lies below `root`, and its name there. `root` is taken as it is.

    `make`: directories that are not there are made; `make_way`: and what lies in their way goes. `give`: the directory
    is made ours, where a worker took that away. Raises FileNotFoundError, NotADirectoryError where a link or a file is
    in the way, OSError.
    """
    *above, name = parts_of(path)
    if give:
        make_ours(str(root), None)
    fd = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        for part in above:
            inner = _stepped(part, fd, make=make or make_way, make_way=make_way, give=give)
            os.close(fd)
            fd = inner
        if give:
            make_open_ours(fd)
        yield fd, name
    finally:
        os.close(fd)


def parts_of(path: str) -> list[str]:
    """Raises OSError for a path that leads out by its name."""
    parts = path.split("/")
    if not all(parts) or {".", ".."} & {*parts}:
        raise OSError(errno.EINVAL, "it is no plain path", path)
    return parts


def _stepped(name: str, above: int, *, make: bool, make_way: bool, give: bool) -> int:
    if make:
        with suppress(FileExistsError):
            os.mkdir(name, dir_fd=above)
    try:
        return open_folder(name, above, give=give)
    except NotADirectoryError:
        if not make_way:
            raise
    os.unlink(name, dir_fd=above)
    os.mkdir(name, dir_fd=above)
    return open_folder(name, above, give=give)


@contextmanager
def written(folder: int, name: str) -> Iterator[BinaryIO]:
    """A file of a directory, made anew and for us alone: a reader sees all of it, once it is on the disk, or what was
    there before. Raises OSError."""
    draft = f".fleet-{uuid.uuid4().hex}"
    fd = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | SAFELY, 0o600, dir_fd=folder)
    try:
        with os.fdopen(fd, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(draft, name, src_dir_fd=folder, dst_dir_fd=folder)
    except BaseException:
        with suppress(FileNotFoundError):
            os.unlink(draft, dir_fd=folder)
        raise


def folders(top: Path, most: int) -> Iterator[tuple[Path, Sequence[os.DirEntry[str]]]]:
    """Directories at and below `top`, each with what lies in it, no link followed; one that cannot be read has nothing.
    However deep they are: a worker may lay thousands into each other. Raises OSError for more than `most`."""
    waiting = [top]
    seen = 0
    while waiting:
        folder = waiting.pop()
        seen += 1
        if seen > most:
            raise OSError(errno.EINVAL, f"there are more than {most} directories", str(top))
        try:
            with os.scandir(folder) as listed:
                entries = sorted(listed, key=lambda one: one.name)
        except OSError:
            continue
        waiting += [Path(one.path) for one in entries if one.is_dir(follow_symlinks=False)]
        yield folder, entries
