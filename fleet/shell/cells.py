"""Which cell each piece of work has in the sandbox: what of the repository, the account and the project it sees."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache, lru_cache
from pathlib import Path
from typing import Literal

from fleet.core.model import Task
from fleet.core.model.policy import Project
from fleet.home import Home
from workers.git import Git
from workers.sandbox.bubblewrap import Unavailable, find
from workers.sandbox.cell import Needs, Sandbox
from workers.sandbox.rooms import Needing, Rooms
from workers.worktree.checkouts import persons_checkout
from workers.worktree.repository import locate
from workers.worktree.seed import leads_out
from workers.worktree.settings import worktree_settings

SandboxAsked = Literal["auto", "bwrap", "none"]


def find_rooms(home: Home, environ: Mapping[str, str]) -> Rooms | Unavailable:
    """The cells of a home's work on this machine."""
    found = find(environ)
    if isinstance(found, Unavailable):
        return found
    return Rooms(Sandbox(found, environ, home.root), home.worktrees, home.kept)


@dataclass(frozen=True, slots=True)
class Cells:
    """`rooms` has the cells of what nobody knows the task of; `project` gives what a person laid down for the project
    of that name."""

    rooms: Rooms
    project: Callable[[str], Project | None]

    def of(
        self,
        task: Task,
        reads: Sequence[Path] = (),
        writes: Sequence[Path] = (),
        sealed: Sequence[Path] = (),
    ) -> Needing:
        """For what is run for that task, here or in the worktree of its landing. What it needs is found out when it is
        first asked for."""
        return Needing(self.rooms, cache(lambda: self._needs(task, reads, writes, sealed)))

    def _needs(
        self, task: Task, reads: Sequence[Path], writes: Sequence[Path], sealed: Sequence[Path]
    ) -> Needs:
        laid_down = needs_of(task, self.project)
        linked = _linked(task, Path(task.spec.repo))
        return replace(laid_down, reads=(*reads, *linked), writes=tuple(writes), sealed=tuple(sealed))


def needs_of(task: Task, project: Callable[[str], Project | None]) -> Needs:
    """What a person laid down for the task's project."""
    name = task.spec.project_name
    found = project(name)
    if found is None:
        return Needs(name)
    return Needs(
        name,
        granted_reads=tuple(map(Path, found.sandbox_read)),
        granted_writes=tuple(map(Path, found.sandbox_write)),
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
