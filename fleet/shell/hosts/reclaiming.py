"""What strays on a host that has come back: workers that were given up meanwhile, and worktrees that count as gone.

They are told to stop, what they did is preserved under a ref at home, and only then is their worktree removed. It is
never landed: the task has gone on elsewhere.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from fleet.core.model import Fleet
from fleet.shell import strays
from fleet.shell.hosts.ssh import SshDriver, Standing
from workers.git import GitError


@dataclass(frozen=True, slots=True)
class Reclaimed:
    """A worker that was stopped, or a worktree that was taken away; what it had is under `ref`, if it had anything."""

    task: str
    attempt: str
    ref: str | None


def reclaim(driver: SshDriver, current: Callable[[], Fleet], tell: Callable[[Reclaimed], None]) -> None:
    """Blocks; each is told as it is done. Raises HostAway, GitError, OSError, RunHeld, ProcessesRemain: then the rest
    is still there."""
    driver.take_turn()
    # What is there is listed before the fleet is looked at: a worker that was placed meanwhile is known by then.
    there, standing = driver.runs.there(), driver.standing()
    fleet = current()
    living = strays.living(driver.runs, {attempt for attempt in there if _strays(driver, fleet, attempt)})
    strays.stop(driver.runs, living, "its task has gone on elsewhere")
    stopped = {_task_of(attempt): attempt for attempt in living}
    for worktree in standing:
        # Looked at anew each time: a task may have been placed in its old worktree while the others were taken away.
        fleet = current()
        if _is_left(driver, fleet, worktree):
            tell(_take_away(driver, fleet, worktree, stopped.pop(worktree.task, None)))
    for task, attempt in stopped.items():
        tell(Reclaimed(task, attempt, None))


def _task_of(attempt: str) -> str:
    return attempt.rpartition(".")[0]


def _strays(driver: SshDriver, fleet: Fleet, attempt: str) -> bool:
    known = fleet.attempts.get(attempt)
    return known is None or known.host != driver.name


def _is_left(driver: SshDriver, fleet: Fleet, standing: Standing) -> bool:
    worktree = fleet.worktrees.get(standing.task)
    if worktree is None or worktree.state == "removed":
        return True
    return driver.name not in (worktree.host, worktree.moves_from)


def _take_away(driver: SshDriver, fleet: Fleet, standing: Standing, attempt: str | None) -> Reclaimed:
    task = fleet.tasks.get(standing.task)
    if task is None:
        raise GitError(
            f"{standing.path} on host {driver.name} is of no task of this fleet: look at what is in it, then move it "
            "away"
        )
    return Reclaimed(task.id, attempt or "", driver.reclaim(task, standing))
