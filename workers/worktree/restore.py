"""Bring work that was preserved back into a worktree that is made anew, as loose as it was."""

from __future__ import annotations

from dataclasses import dataclass

from workers.git import Git
from workers.worktree.preserve import OURS

_INDEX_ONLY = 2
"""Parents of a preserving commit: what it was based on and, at most, what was staged."""


@dataclass(frozen=True)
class Brought:
    """What a person should know, and the files that were laid down."""

    told: str
    files: tuple[str, ...] = ()


NOTHING = Brought("")
_NOT = "not brought back"


def is_told_of_loss(line: str) -> bool:
    """Whether that line is told of work that stayed where it is kept."""
    return line.startswith("the work kept in ") and _NOT in line


def restore(git: Git, ref: str) -> Brought:
    """Lay the files of the commit under `ref` into the worktree of `git`.

    Only onto the very commit that they were based on, and only where no merge or rebase was under way: otherwise they
    stay where they are kept. Raises GitFailed.
    """
    kept = git.commit_of(ref)
    if kept is None:
        return Brought(f"{ref} is gone, so the work kept in it was {_NOT}\n")
    parents = git.said("log", "-1", "--no-show-signature", "--format=%P", kept, "--").split()
    if len(parents) > _INDEX_ONLY or parents[:1] != [git.commit_of("HEAD")]:
        why = "the branch has moved on, or a merge was under way"
        return Brought(f"the work kept in {ref} was {_NOT}: {why}\n")
    no_files = [f":(top,exclude,literal){place}" for place in OURS]
    changed = git.run("diff", "--name-only", "--no-renames", "-z", "HEAD", kept, "--", ":/", *no_files).fields
    if not changed:
        return NOTHING
    git.run("restore", f"--source={kept}", "--worktree", "--", ":/", *no_files)
    return Brought(f"the work kept in {ref} was brought back\n", tuple(changed))
