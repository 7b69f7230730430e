"""Repositories as one command finds them: each fact is read once, however many tasks ask for it."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from contextlib import ExitStack, closing
from functools import cached_property
from pathlib import Path

from fleet.service.projects import expanded
from workers.git import HEADS, Git
from workers.worktree.reader import GitReader, ReadsRepository
from workers.worktree.repository import NoTarget, locate

BRANCHES_SHOWN = 20

MANY = 8
"""From so many repositories on GitPython reads them: importing it takes as long as git's answers about so many."""


class Repository:
    """One repository. What is asked of it is read when it is first asked, and nothing in it changes, not even its
    index."""

    def __init__(self, reader: ReadsRepository) -> None:
        self.root = reader.place.root
        self.here = reader.place.checkout or reader.place.root
        self._reader = reader
        self._targets: set[str] = set()
        self._branches: dict[str, str] = {}

    @cached_property
    def dirty(self) -> bool:
        """Whether there are changes, staged or not, or untracked files that are not ignored."""
        checkout = self._reader.place.checkout
        if checkout is None:
            return False
        return bool(Git(checkout).said("status", "--porcelain", "--untracked-files=normal"))

    @cached_property
    def head_branch(self) -> str | None:
        """The branch that is checked out where it was named; None when HEAD is detached."""
        return self._reader.head_branch()

    @cached_property
    def _checkouts(self) -> dict[str, Path]:
        return self._reader.checkouts()

    def checked_out_at(self, branch: str) -> Path | None:
        """A worktree that has `branch` checked out, or comes back to it."""
        return self._checkouts.get(branch)

    def holds_up(self, target: str) -> str | None:
        """What a person should know of a target that a checkout keeps from taking a merge; None where none does."""
        held = self.checked_out_at(target)
        if held is None:
            return None
        return (
            f"{target} is checked out at {held} and is never moved under you: the verified merge will "
            "wait until you check out something else there, or merge it yourself"
        )

    def read_targets(self, named: Iterable[str | None]) -> None:
        """Looks up what `target` will be asked for, all at once."""
        asked = {name for name in map(self._branch_meant, named) if name is not None} - self._targets
        self._branches.update(self._reader.branches(asked))
        self._targets |= asked

    def heads(self, branches: Iterable[str]) -> dict[str, str]:
        """Those of the branches that there are, each with its commit."""
        return self._reader.branches(branches)

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
        said = Git(self.root).run(
            "for-each-ref", f"--count={BRANCHES_SHOWN + 1}", "--format=%(refname)", HEADS
        )
        there = [line.removeprefix(HEADS) for line in said.lines]
        if not there:
            return f"{self.root} has no commit yet, so there is nothing to start from: commit something first"
        shown = ", ".join(there[:BRANCHES_SHOWN]) + (" …" if len(there) > BRANCHES_SHOWN else "")
        return f"{self.root} has no branch {name!r}. It has: {shown}. Name one of them with --target"


class Repositories:
    """The repositories of one command, closed with it. `paths` are those that will be asked for."""

    def __init__(self, paths: Collection[str]) -> None:
        self._many = len(paths) >= MANY
        self._by_path: dict[str, Repository] = {}
        self._by_checkout: dict[Path, Repository] = {}
        self._opened = ExitStack()

    def __enter__(self) -> Repositories:
        return self

    def __exit__(self, *_: object) -> None:
        self._opened.close()

    def at(self, path: str) -> Repository:
        """The one at or above `path`. Raises NotARepository, GitMissing, and NotDone as `expanded` does."""
        if path not in self._by_path:
            self._by_path[path] = self._known(self._reader(expanded(path)))
        return self._by_path[path]

    def _known(self, reader: ReadsRepository) -> Repository:
        repository = Repository(reader)
        if repository.here in self._by_checkout:
            reader.close()
        else:
            self._opened.enter_context(closing(reader))
            self._by_checkout[repository.here] = repository
        return self._by_checkout[repository.here]

    def _reader(self, path: Path) -> ReadsRepository:
        if self._many:
            from workers.worktree import gitpython_reader

            reader = gitpython_reader.opened(path)
            if reader is not None:
                return reader
        return GitReader(locate(path))
