"""The files of the client's sessions: how one may be named, and read and written without following a link. Travels.

Below `projects/` of an account's directory a session's history is the transcript `<slug>/<session id>.jsonl`, and what
lies below `<slug>/<session id>/` (docs/client-facts.md, "sessions"). Home and host name these files to each other, and
either end may have been taken over: so both check every name by the one rule here, and open what it names one directory
after the other, so that a link laid in between leads nowhere.
"""

from __future__ import annotations

import errno
import os
import re
import stat
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from workers.plain_files import open_folder, open_plain, written

Parts = tuple[str, ...]
"""A file's path below `projects/`, taken apart: at least the slug and one name."""

SLUG = re.compile(r"[A-Za-z0-9-]{1,255}")
DEPTH_MAX = 16
NAME_BYTES_MAX = 255
FILES_MAX = 10_000
HISTORY_BYTES_MAX = 512 * 1024 * 1024
"""All files of one session. A long one has a few ten megabytes, and both ends hold a transcript in memory."""
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f/]")


class ForeignPath(ValueError):
    """The path is none of a file of that session's history."""


class TooMuch(OSError):
    """A session's history is larger than what is carried."""

    def __init__(self, session_id: str) -> None:
        story = (
            f"the history of session {session_id} has more than {FILES_MAX} files or {HISTORY_BYTES_MAX >> 20} MB, and "
            "is not carried"
        )
        super().__init__(errno.EFBIG, story)


def parts_of(session_id: str, path: str) -> Parts:
    """The path of a file of the session, relative to `projects/`, taken apart. Raises ForeignPath."""
    parts = tuple(path.split("/"))
    owned = parts[1:] == (f"{session_id}.jsonl",) or (len(parts) > 2 and parts[1] == session_id)
    if not owned or len(parts) > DEPTH_MAX or not SLUG.fullmatch(parts[0]):
        raise ForeignPath(f"{_shown(path)} is no file of session {session_id}")
    if not all(_is_plain(name) for name in parts):
        raise ForeignPath(f"{_shown(path)} is no plain path")
    return parts


def _is_plain(name: str) -> bool:
    """Neither empty, nor a step up, nor hidden: a client makes no hidden files there, but git and shells obey some."""
    if not name or name.startswith(".") or _UNPRINTABLE.search(name):
        return False
    with suppress(UnicodeEncodeError):
        return len(name.encode("utf-8", "surrogateescape")) <= NAME_BYTES_MAX
    return False


def _shown(path: str) -> str:
    return ascii(path[:200])


def check_extent(session_id: str, sizes: Iterable[int]) -> None:
    """Raises TooMuch."""
    found = list(sizes)
    if len(found) > FILES_MAX or sum(found) > HISTORY_BYTES_MAX:
        raise TooMuch(session_id)


class Histories:
    """`projects` of one account. What leads there is taken as it is, below it no link is ever followed.

    Each call raises OSError, also where a link or something else that is no plain file is in the way.
    """

    def __init__(self, projects: Path) -> None:
        self.projects = projects

    def path(self, parts: Parts) -> Path:
        return self.projects.joinpath(*parts)

    def read(self, parts: Parts) -> bytes | None:
        """The file's content, None when there is none."""
        try:
            with self._folder(parts[:-1], make=False) as folder:
                fd = open_plain(parts[-1], os.O_RDONLY, folder)
        except FileNotFoundError:
            return None
        with os.fdopen(fd, "rb") as file:
            return file.read()

    def write(self, parts: Parts, data: bytes) -> None:
        """Make the file anew, with its directories; what was there before is replaced in one step."""
        with self._folder(parts[:-1], make=True) as folder, written(folder, parts[-1]) as file:
            file.write(data)

    def extend(self, parts: Parts, offset: int, end: bytes) -> bool:
        """Give a file this end from `offset` on. False, and nothing is written, where it has a second name: what lies
        under that is nobody's history."""
        with self._folder(parts[:-1], make=False) as folder:
            fd = open_plain(parts[-1], os.O_RDWR, folder)
        with os.fdopen(fd, "r+b") as file:
            if os.fstat(file.fileno()).st_nlink != 1:
                return False
            file.seek(offset)
            file.write(end)
            file.truncate()
            file.flush()
            os.fsync(file.fileno())
        return True

    def stamp(self, parts: Parts, at_ns: int) -> None:
        """Set when the file was written last, in nanoseconds of the epoch."""
        with self._folder(parts[:-1], make=False) as folder:
            os.utime(parts[-1], ns=(at_ns, at_ns), dir_fd=folder, follow_symlinks=False)

    def sizes(self, parts: Parts) -> Iterator[int]:
        """Those of the plain files that lie below this directory, as far as one can see."""
        for above, _, names in os.walk(self.path(parts)):
            for name in names:
                with suppress(FileNotFoundError):
                    about = Path(above, name).lstat()
                    if stat.S_ISREG(about.st_mode):
                        yield about.st_size

    @contextmanager
    def _folder(self, parts: Parts, make: bool) -> Iterator[int]:
        """A descriptor of that directory."""
        if make:
            self.projects.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with ExitStack() as opened:
            fd = os.open(self.projects.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            opened.callback(os.close, fd)
            for name in (self.projects.name, *parts):
                if make:
                    with suppress(FileExistsError):
                        os.mkdir(name, 0o700, dir_fd=fd)
                fd = self._inner(name, fd, parts)
                opened.callback(os.close, fd)
            yield fd

    def _inner(self, name: str, above: int, parts: Parts) -> int:
        try:
            return open_folder(name, above)
        except NotADirectoryError as failed:
            story = f"{name} is a link or no directory, so no session's history is read or written below it"
            raise OSError(failed.errno, story, str(self.path(parts))) from failed
