"""Who has a branch checked out: a branch that somebody stands on is never moved under them."""

from __future__ import annotations

from pathlib import Path

from workers.git import HEADS, Git
from workers.plain_files import text_if_plain
from workers.worktree.branch import claimed
from workers.worktree.entry import entries
from workers.worktree.repository import Place

_COMES_BACK_TO = ("rebase-merge/head-name", "rebase-apply/head-name", "BISECT_START")
"""Files of git's own that name the branch to come back to."""
_NAME_BYTES_MAX = 10_000


def checkouts(git: Git) -> dict[str, Path]:
    """The branches of the repository that are checked out, or to which a worktree comes back when its rebase or bisect
    ends, by short name; each with its worktree."""
    found: dict[str, Path] = {}
    for entry in entries(git):
        if entry.bare:
            continue
        if entry.branch is not None:
            found.setdefault(entry.branch, entry.path)
        if not entry.missing:
            for branch in comes_back_to(entry.path):
                found.setdefault(branch, entry.path)
    return found


def checked_out_at(git: Git, branch: str) -> Path | None:
    """A worktree that has `branch` checked out, or would come back to it when its rebase or bisect ends."""
    return checkouts(git).get(branch)


def persons_checkout(place: Place) -> Path | None:
    """Where a person's own, ignored files are to be had: in the repository's checkout; of a bare one in the first of
    its worktrees on a branch that is not the fleet's."""
    if not place.bare:
        return place.root
    git = Git(place.root)
    theirs = (one for one in entries(git) if one.branch is not None and not one.bare and not one.missing)
    return next((one.path for one in theirs if not claimed(git, one.path)), None)


def comes_back_to(worktree: Path) -> list[str]:
    """The branches that a rebase or a bisect in progress moves, or stands on again, when it ends."""
    admin = _admin(worktree / ".git")
    named = [text_if_plain(admin / name, _NAME_BYTES_MAX).strip() for name in _COMES_BACK_TO]
    return [name.removeprefix(HEADS) for name in named if name]


def _admin(pointer: Path) -> Path:
    """git's own directory of a worktree, by the `.git` in it; see "gitfile" in gitglossary(7). Read here, as a process
    for each of many worktrees takes seconds."""
    if pointer.is_dir():
        return pointer
    return pointer.parent / pointer.read_text(errors="surrogateescape").removeprefix("gitdir: ").rstrip("\n")
