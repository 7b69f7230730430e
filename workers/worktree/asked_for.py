"""Files that a verification names and no commit has, as they are ignored: what a person asked for by name.

Where the gate opens with them alone they are the work, whatever the repository ignores. Programs, large files and
caches do not count: nobody commits what is built.
"""

from __future__ import annotations

import os
import posixpath
import shlex
import stat
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from workers.plain_files import reached, written
from workers.worktree.ignored_work import is_cache
from workers.worktree.inner_repositories import above_of
from workers.worktree.set_aside import SetAside, plain_aside

BYTES_MAX = 1_000_000
"""Of each file."""
FILES_MAX = 20


def asked_for(worktree: Path, aside: SetAside, command: str) -> list[str]:
    """Paths below the worktree that the command names, among what was set aside; empty where those are too many."""
    tops = set(aside.loose)
    found = [
        path
        for path in dict.fromkeys(_named(command))
        if not tops.isdisjoint((path, *above_of(path))) and _may_be_work(worktree, path)
    ]
    return found if len(found) <= FILES_MAX else []


def lay_copies(worktree: Path, paths: list[str]) -> None:
    """Where they were before they were set aside, unless a link is in the way by now; `put_back` replaces them by the
    files themselves. Raises OSError."""
    for path in paths:
        with plain_aside(worktree, path) as aside, suppress(NotADirectoryError):
            if aside is not None:
                with reached(worktree, path, make=True) as (folder, name), written(folder, name) as copy:
                    copy.write(aside.read(BYTES_MAX))
                    os.fchmod(copy.fileno(), stat.S_IMODE(os.fstat(aside.fileno()).st_mode))


def _named(command: str) -> Iterator[str]:
    """What may be a path in it: a word as a shell reads it, or what follows `=` in one."""
    words = shlex.shlex(command, posix=True, punctuation_chars=True)
    words.whitespace_split = True
    words.commenters = ""
    try:
        for word in words:
            for name in (word, word.partition("=")[2]):
                path = posixpath.normpath(name) if name else "."
                if not posixpath.isabs(path) and path.split("/")[0] not in (".", "..", ".git"):
                    yield path
    except ValueError:
        return  # quotes that do not close: the shell will say so


def _may_be_work(worktree: Path, path: str) -> bool:
    with plain_aside(worktree, path) as aside:
        about = None if aside is None else os.fstat(aside.fileno())
    return (
        about is not None
        and not about.st_mode & 0o111
        and about.st_size <= BYTES_MAX
        and not is_cache(worktree, path)
        and not any((worktree / above / ".git").exists() for above in above_of(path))
    )
