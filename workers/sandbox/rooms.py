"""The cells of one home, or of one far end: by where its worktrees lie, and what git says there of itself. Travels.

A git that can do more than read runs in the cell of its worktree, as what it runs (hooks, filters) and follows (links)
may be its worker's. Elsewhere in a repository it runs nothing of a worker's; but it follows links in there, so it may
write there alone.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path

from workers.git import GitError
from workers.sandbox import confined
from workers.sandbox.bubblewrap import read_only
from workers.sandbox.cell import NOTHING_MORE, Cell, Needs, Sandbox
from workers.sandbox.looked_up import LookedUp


class NoCell(GitError):
    """Something runs nowhere, as nobody can tell what it should see."""


@dataclass(frozen=True)
class Rooms:
    """`worktrees` has them as `REPOSITORY/TASK`, `kept` what tools of each repository have fetched. Below `ours` no
    worker has ever written. `own_writes` is where git in a repository may write as well, for what is Fleet's own."""

    sandbox: Sandbox
    worktrees: Path
    kept: Path
    ours: tuple[Path, ...] = ()
    own_writes: tuple[Path, ...] = ()
    _made: LookedUp[tuple[Path, Path, Needs], Cell] = field(default_factory=LookedUp, compare=False)

    def of_commands(self, directory: Path) -> Cell:
        """Of work that needs nothing more. Raises NoCell, OSError."""
        return self.room(directory)

    def of_git(self, directory: Path, *, only_reads: bool) -> confined.Cell | None:
        return None if self.harmless(directory, only_reads=only_reads) else self.git_in(directory)

    def harmless(self, directory: Path, *, only_reads: bool) -> bool:
        """Whether git need run in no cell. A repository inside a worktree is all its worker's: there it does not even
        read."""
        if any(place in directory.parents for place in self.ours):
            return True
        return only_reads and self.worktree_of(directory) in (None, directory)

    def git_in(self, directory: Path, needs: Callable[[], Needs] = lambda: NOTHING_MORE) -> confined.Cell:
        """Raises NoCell, OSError."""
        if self.worktree_of(directory) is not None:
            return self.room(directory, needs())
        there = [_common_dir(directory), self.worktrees, *self.own_writes]
        return _Repository(self.sandbox.program, tuple(path for path in there if path.is_dir()))

    def worktree_of(self, directory: Path) -> Path | None:
        """That in which it lies, by its name alone: a link there may lead anywhere."""
        for place in (self.worktrees, Path(os.path.realpath(self.worktrees))):
            if place in directory.parents:
                repository, *task = directory.relative_to(place).parts
                return place / repository / task[0] if task and ".." not in directory.parts else None
        return None

    def room(self, directory: Path, needs: Needs = NOTHING_MORE) -> Cell:
        """Of what is run in a worktree. Raises NoCell, OSError."""
        worktree = self.worktree_of(directory)
        if worktree is None:
            raise NoCell(
                f"{directory} is no worktree below {self.worktrees}: nothing of a repository runs there"
            )
        admin = _admin(worktree)
        keep = self.kept / worktree.parent.name
        return self._made.get(
            (worktree, admin, needs),
            lambda: self.sandbox.cell(worktree, admin, keep, needs),
            lambda cell: cell.looked_at,
        )


@dataclass(frozen=True)
class Needing:
    """The cells of work whose `needs` are known, or can be found out."""

    rooms: Rooms
    needs: Callable[[], Needs]

    def of_commands(self, directory: Path) -> Cell:
        """Raises NoCell, OSError."""
        return self.rooms.room(directory, self.needs())

    def of_git(self, directory: Path, *, only_reads: bool) -> confined.Cell | None:
        """Raises NoCell, OSError."""
        if self.rooms.harmless(directory, only_reads=only_reads):
            return None
        return self.rooms.git_in(directory, self.needs)


@dataclass(frozen=True)
class _Repository:
    """For git outside of worktrees: all is seen, and nothing but `writes` may be written."""

    program: str
    writes: tuple[Path, ...]

    def before(self, scratch: Path, cwd: Path) -> Sequence[str]:
        raise NoCell(f"{cwd} is no worktree: nothing of a repository runs there")

    def before_git(self) -> AbstractContextManager[Sequence[str]]:
        return nullcontext(read_only(self.program, self.writes))

    def denied(self, said: str) -> Sequence[str]:
        return ()


def _admin(worktree: Path) -> Path:
    """git's own directory of a linked worktree, which must say the same of itself. A worker can change neither."""
    try:
        pointer = (worktree / ".git").read_text(errors="surrogateescape").rstrip("\n")
        admin = worktree / pointer.partition("gitdir: ")[2]
        back = admin / (admin / "gitdir").read_text(errors="surrogateescape").rstrip("\n")
        linked = pointer.startswith("gitdir: ") and admin.parent.name == "worktrees"
        if linked and os.path.realpath(back) == os.path.realpath(worktree / ".git"):
            return admin
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError) as failed:
        raise NoCell(
            f"{worktree} is no worktree of git any more ({failed}): nothing is run there"
        ) from failed
    raise NoCell(f"{worktree} says that it belongs to {admin}, which does not say so: nothing is run there")


def _common_dir(directory: Path) -> Path:
    """What all worktrees of the repository share; the directory itself where there is none. Asked of no git: it would
    obey what lies there."""
    for place in (directory / ".git", directory):
        if place.is_file():
            pointer = place.read_text(errors="surrogateescape").rstrip("\n")
            place = directory / pointer.partition("gitdir: ")[2]
        if (place / "HEAD").is_file():
            linked = place.parent.name == "worktrees" and (place / "commondir").is_file()
            return place.parent.parent if linked else place
    return directory
