"""Who has a branch checked out: a branch that somebody stands on is never moved under them."""

from __future__ import annotations

from pathlib import Path

from workers.git import Git
from workers.worktree.entry import entries


def checked_out_at(git: Git, branch: str) -> Path | None:
    """A worktree that has `branch` checked out, or would come back to it when its rebase or bisect ends."""
    for entry in entries(git):
        if entry.branch == branch and not entry.bare:
            return entry.path
        if not entry.bare and not entry.missing and branch in _comes_back_to(entry.path):
            return entry.path
    return None


def _comes_back_to(worktree: Path) -> set[str]:
    admin = Path(Git(worktree).said("rev-parse", "--absolute-git-dir"))
    names = ("rebase-merge/head-name", "rebase-apply/head-name", "BISECT_START")
    files = [admin / name for name in names if (admin / name).is_file()]
    return {file.read_text().strip().removeprefix("refs/heads/") for file in files}
