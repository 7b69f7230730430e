"""Repositories as one command finds them: each fact is read once, however many tasks ask for it."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cached_property
from pathlib import Path

from fleet.service.projects import expanded
from workers.git import HEADS, Git, head_branch
from workers.worktree.checkouts import checkouts
from workers.worktree.references import branch_names, branches
from workers.worktree.repository import NoTarget, Place, locate

BRANCHES_SHOWN = 20


class Repository:
    """One repository. What is asked of it is read when it is first asked, and nothing in it changes, not even its
    index."""

    def __init__(self, place: Place) -> None:
        self.root = place.root
        self._bare = place.bare
        self._git = Git(place.root)
        self._targets: set[str] = set()
        self._branches: dict[str, str] = {}

    @cached_property
    def dirty(self) -> bool:
        """Whether there are changes, staged or not, or untracked files that are not ignored."""
        return not self._bare and bool(self._git.said("status", "--porcelain", "--untracked-files=normal"))

    @cached_property
    def head_branch(self) -> str | None:
        """The branch that is checked out; None when HEAD is detached."""
        return head_branch(self._git)

    @cached_property
    def _checkouts(self) -> dict[str, Path]:
        return checkouts(self._git)

    def checked_out_at(self, branch: str) -> Path | None:
        """A worktree that has `branch` checked out, or comes back to it."""
        return self._checkouts.get(branch)

    def read_targets(self, named: Iterable[str | None]) -> None:
        """Looks up what `target` will be asked for, all at once."""
        asked = {name for name in map(self._branch_meant, named) if name is not None} - self._targets
        self._branches.update(branches(self._git, asked))
        self._targets |= asked

    def target(self, named: str | None) -> str:
        """The branch to start from and land in: the one that was named, or the one checked out.

        Raises NoTarget for a detached HEAD without a name, a repository without a commit, and an unknown branch.
        """
        name = self._branch_meant(named)
        if name is None:
            raise NoTarget(
                f"HEAD of {self.root} is detached, so there is no current branch: name one with --target"
            )
        if name not in self._targets:
            self.read_targets([name])
        if name not in self._branches:
            raise NoTarget(self._no_such_branch(name))
        return name

    def _branch_meant(self, named: str | None) -> str | None:
        return self.head_branch if named is None else named.removeprefix(HEADS)

    def _no_such_branch(self, name: str) -> str:
        there = branch_names(self._git, BRANCHES_SHOWN + 1)
        if not there:
            return f"{self.root} has no commit yet, so there is nothing to start from: commit something first"
        shown = ", ".join(there[:BRANCHES_SHOWN]) + (" …" if len(there) > BRANCHES_SHOWN else "")
        return f"{self.root} has no branch {name!r}. It has: {shown}. Name one of them with --target"


class Repositories:
    """The repositories of one command."""

    def __init__(self) -> None:
        self._by_path: dict[str, Repository] = {}
        self._by_root: dict[Path, Repository] = {}

    def at(self, path: str) -> Repository:
        """The one at or above `path`. Raises NotARepository, GitMissing, and NotDone as `expanded` does."""
        found = self._by_path.get(path)
        if found is None:
            place = locate(expanded(path))
            found = self._by_path[path] = self._by_root.setdefault(place.root, Repository(place))
        return found
