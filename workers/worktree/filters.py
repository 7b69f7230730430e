"""Filters of a repository (`filter` in gitattributes(5)) that keep a key in its git directory, as git-crypt does.

In a linked worktree they look in git's own directory for that worktree, where no key is. So it gets links to what lies
in the repository's directory and is not git's own.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

from workers.git import GitError

_FAILED = re.compile(r"(?:external|smudge|clean) filter '?.+?'? failed|unexpected filter type")
_NAME = re.compile(r"(?:smudge|clean) filter (?P<name>\S+) failed")
_GITS_OWN = frozenset(
    [
        "HEAD",
        "ORIG_HEAD",
        "FETCH_HEAD",
        "MERGE_HEAD",
        "CHERRY_PICK_HEAD",
        "REVERT_HEAD",
        "BISECT_HEAD",
        "REBASE_HEAD",
        "AUTO_MERGE",
        "MERGE_MSG",
        "MERGE_MODE",
        "MERGE_RR",
        "SQUASH_MSG",
        "COMMIT_EDITMSG",
        "TAG_EDITMSG",
        "EDIT_DESCRIPTION",
        "NOTES_EDITMSG",
        "BISECT_LOG",
        "BISECT_START",
        "BISECT_TERMS",
        "BISECT_NAMES",
        "BISECT_ANCESTORS_OK",
        "BISECT_EXPECTED_REV",
        "BISECT_RUN",
        "branches",
        "config",
        "config.worktree",
        "commondir",
        "description",
        "gitdir",
        "gitk.cache",
        "hooks",
        "index",
        "info",
        "lfs",
        "locked",
        "logs",
        "modules",
        "objects",
        "packed-refs",
        "reftable",
        "refs",
        "rebase-apply",
        "rebase-merge",
        "rr-cache",
        "sequencer",
        "shallow",
        "svn",
        "worktrees",
        "gc.pid",
        "gc.log",
        "fsmonitor--daemon",
        "fsmonitor--daemon.ipc",
    ]
)


class FilterFailed(GitError):
    """A filter of the repository cannot run, so its files cannot be checked out. Made of the story alone, as it crosses
    from hosts."""


def refused(root: Path, said: str) -> FilterFailed:
    """What to tell a person."""
    named = _NAME.search(said)
    which = f"the filter {named['name']!r}" if named else "a filter"
    return FilterFailed(
        f"no worktree of {root} can be made: {which} that its .gitattributes asks for does not run there. Unlock the "
        f"repository, or install what the filter runs (`git -C {root} config --get-regexp ^filter` shows it); it must "
        f"find its key by `git rev-parse --git-dir` in a linked worktree, too. git said: {said.strip()}"
    )


def names_a_filter(said: str) -> bool:
    """Whether git tells of a filter that failed (it may go on without it, and say so only)."""
    return bool(_FAILED.search(said))


def lend_keys(common_dir: Path, admin: Path) -> None:
    """Link what is not git's own from the repository's directory into that of its worktree. Raises OSError."""
    for entry in sorted(common_dir.iterdir()):
        ours = entry.name in _GITS_OWN or entry.name.endswith(".lock") or entry.name.startswith("index")
        if not ours and not os.path.lexists(admin / entry.name):
            (admin / entry.name).symlink_to(entry)
