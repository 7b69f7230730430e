"""Which cell each piece of work has in the sandbox: what of the repository, the account and the project it sees."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from fleet.core.model import Task
from fleet.core.model.policy import Project
from fleet.home import Home
from fleet.shell import places
from workers.git import Git
from workers.sandbox.cell import Cell, Sandbox
from workers.worktree.checkouts import persons_checkout
from workers.worktree.repository import common_dir_of, locate
from workers.worktree.seed import leads_out
from workers.worktree.settings import worktree_settings


@dataclass(frozen=True, slots=True)
class Cells:
    """`project` gives what a person laid down for the project of that name."""

    home: Home
    sandbox: Sandbox
    project: Callable[[str], Project | None]

    def of(self, task: Task, worktree: Path, reads: Sequence[Path] = (), writes: Sequence[Path] = ()) -> Cell:
        """For what runs in that worktree of the task's repository. Raises GitError, OSError."""
        repo = Path(task.spec.repo)
        laid_down = self.project(task.spec.project_name)
        return self.sandbox.cell(
            worktree,
            common_dir_of(repo),
            places.kept_by_tools(self.home, task),
            project=task.spec.project_name,
            reads=(*reads, *_linked(task, repo)),
            writes=writes,
            granted_reads=[Path(one) for one in laid_down.sandbox_read] if laid_down else (),
            granted_writes=[Path(one) for one in laid_down.sandbox_write] if laid_down else (),
        )


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
