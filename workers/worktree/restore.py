"""Bring work that was preserved back into a worktree that is made anew, as loose as it was."""

from __future__ import annotations

from workers.git import Git

_INDEX_ONLY = 2
"""Parents of a preserving commit: what it was based on and, at most, what was staged."""


def restore(git: Git, ref: str) -> str:
    """Lay the files of the commit under `ref` into the worktree of `git`; gives what a person should know.

    Only onto the very commit that they were based on, and only where no merge or rebase was under way: otherwise they
    stay where they are kept. Raises GitFailed.
    """
    kept = git.commit_of(ref)
    if kept is None:
        return f"{ref} is gone, so the work kept in it was not brought back\n"
    parents = git.said("log", "-1", "--no-show-signature", "--format=%P", kept).split()
    if len(parents) > _INDEX_ONLY or parents[:1] != [git.commit_of("HEAD")]:
        return f"the work kept in {ref} was not brought back: the branch has moved on, or a merge was under way\n"
    if git.asks("diff", "--quiet", "HEAD", kept):
        return ""
    git.run("restore", f"--source={kept}", "--worktree", "--", ":/")
    return f"the work kept in {ref} was brought back\n"
