"""A copy of a worktree's index in which no entry hides what lies in the worktree.

An entry may be marked "assume unchanged" or "skip worktree" (git-update-index(1)): git then does not look at the file,
and what was changed beneath is in no commit and no listing.
"""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path

from workers.git import Git
from workers.plain_files import BYTES_MAX, open_plain, plain


def show_hidden(git: Git, env: Mapping[str, str]) -> list[str]:
    """Take the marks off in the copy that `env` names; gives what is tracked. A file that a sparse checkout leaves out
    keeps its mark. Raises GitFailed."""
    listed = [(line[0], line[2:]) for line in git.run("ls-files", "-v", "-z", env=env).fields]
    assumed = [path for tag, path in listed if tag.islower()]
    skipped = [path for tag, path in listed if tag in "Ss"]
    if skipped and git.run("config", "--bool", "core.sparseCheckout", check=False).out == "true":
        skipped = [path for path in skipped if os.path.lexists(git.directory / path)]
    for mark, paths in (("--no-assume-unchanged", assumed), ("--no-skip-worktree", skipped)):
        if paths:
            git.run("update-index", mark, "-z", "--stdin", stdin=as_stdin(paths), env=env)
    return [path for _, path in listed]


def as_stdin(paths: Iterable[str]) -> bytes:
    """Paths for a git that reads them with -z."""
    return "".join(f"{path}\0" for path in paths).encode("utf-8", "surrogateescape")


def copied(admin: Path, copy: Path) -> bool:
    """Copy the index with its time: git compares that with the files' to know which ones it must read again. False
    where there is none: a checkout was cut short. Both lie where the worker may write, too: nothing else is read or
    written than plain files. Raises OSError."""
    try:
        with plain(admin / "index") as index:
            about = os.fstat(index.fileno())
            if about.st_size > BYTES_MAX:
                raise OSError(errno.EINVAL, f"it has more than {BYTES_MAX} bytes", str(admin / "index"))
            with os.fdopen(open_plain(str(copy), os.O_WRONLY | os.O_CREAT | os.O_EXCL), "wb") as file:
                shutil.copyfileobj(index, file)
                file.flush()
                os.utime(file.fileno(), ns=(about.st_atime_ns, about.st_mtime_ns))
    except FileNotFoundError:
        return False
    return True
