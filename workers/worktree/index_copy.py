"""A copy of a worktree's index in which no entry hides what lies in the worktree.

An entry may be marked "assume unchanged" or "skip worktree" (git-update-index(1)): git then does not look at the file,
and what was changed beneath is in no commit and no listing.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path

from workers.git import Git


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
    where there is none: a checkout was cut short."""
    try:
        data, about = (admin / "index").read_bytes(), (admin / "index").stat()
    except FileNotFoundError:
        return False
    copy.write_bytes(data)
    os.utime(copy, ns=(about.st_atime_ns, about.st_mtime_ns))
    return True
