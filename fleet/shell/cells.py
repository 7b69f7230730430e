"""Which cell each piece of work has in the sandbox: what of the repository, the account and the project it sees."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

from fleet.core.model import Task
from fleet.core.model.policy import Project
from workers.git import Git
from workers.sandbox import confined
from workers.sandbox.cell import Cell, Needs
from workers.sandbox.rooms import Rooms
from workers.worktree.checkouts import persons_checkout
from workers.worktree.repository import locate
from workers.worktree.seed import leads_out
from workers.worktree.settings import worktree_settings


@dataclass(frozen=True, slots=True)
class Cells:
    """`rooms` has the cells of what nobody knows the task of; `project` gives what a person laid down for the project
    of that name."""

    rooms: Rooms
    project: Callable[[str], Project | None]

    def of(self, task: Task, reads: Sequence[Path] = (), writes: Sequence[Path] = ()) -> OfTask:
        """For what is run for that task, here or in the worktree of its landing."""
        return OfTask(self, task, tuple(reads), tuple(writes))


@dataclass(slots=True)
class OfTask:
    """The cells of one task. What it needs is found out when it is first asked for."""

    cells: Cells
    task: Task
    reads: tuple[Path, ...]
    writes: tuple[Path, ...]
    _needs: Needs | None = field(default=None, init=False)

    def of_commands(self, directory: Path) -> Cell:
        return self.cells.rooms.room(directory, self._what_it_needs())

    def of_git(self, directory: Path, *, only_reads: bool) -> confined.Cell | None:
        rooms = self.cells.rooms
        if rooms.harmless(directory, only_reads=only_reads):
            return None
        return rooms.git_in(directory, self._what_it_needs())

    def _what_it_needs(self) -> Needs:
        if self._needs is None:
            name = self.task.spec.project_name
            laid_down = self.cells.project(name)
            self._needs = Needs(
                name,
                (*self.reads, *_linked(self.task, Path(self.task.spec.repo))),
                self.writes,
                tuple(map(Path, laid_down.sandbox_read)) if laid_down else (),
                tuple(map(Path, laid_down.sandbox_write)) if laid_down else (),
            )
        return self._needs


def _linked(task: Task, repo: Path) -> list[Path]:
    """What the target's settings link from the person's checkout. What its worktree links is a worker's word."""
    base = task.base_commit or Git(repo).commit_of(f"refs/heads/{task.spec.target}")
    wanted = _links_of(repo, base) if base else ()
    checkout = persons_checkout(locate(repo)) if wanted else None
    if checkout is None:
        return []
    return [checkout / one for one in wanted if not leads_out(checkout, checkout / one)]


@lru_cache(maxsize=256)
def _links_of(repo: Path, commit: str) -> tuple[str, ...]:
    """What stands in a commit stays so: it is read once, not for each command that is run on it."""
    return tuple(worktree_settings(Git(repo), commit).link)
