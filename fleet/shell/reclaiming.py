"""What strays on a host that has come back: workers that were given up meanwhile, and worktrees that count as gone.

They are told to stop, what they did is preserved under a ref at home, and only then is their worktree removed. It is
never landed: the task has gone on elsewhere.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from fleet.core.model import Fleet
from fleet.shell import strays
from fleet.shell.remote_ground import RemoteGround, Standing
from workers.git import GitError


@dataclass(frozen=True, slots=True)
class Reclaimed:
    """A worker that was stopped, or a worktree that was taken away; what it had is under `ref`, if it had anything."""

    task: str
    attempt: str
    ref: str | None


def reclaim(ground: RemoteGround, current: Callable[[], Fleet], tell: Callable[[Reclaimed], None]) -> None:
    """Blocks; each is told as it is done. Raises HostAway, GitError, OSError, RunHeld, ProcessesRemain: then the rest
    is still there."""
    ground.take_turn()
    # What is there is listed before the fleet is looked at: a worker that was placed meanwhile is known by then.
    there, standing = ground.runs.there(), ground.standing()
    fleet = current()
    living = strays.living(ground.runs, {attempt for attempt in there if _strays(ground, fleet, attempt)})
    strays.stop(ground.runs, living, "its task has gone on elsewhere")
    stopped = {_task_of(attempt): attempt for attempt in living}
    for worktree in standing:
        # Looked at anew each time: a task may have been placed in its old worktree while the others were taken away.
        fleet = current()
        if _is_left(ground, fleet, worktree):
            tell(_take_away(ground, fleet, worktree, stopped.pop(worktree.task, None)))
    for task, attempt in stopped.items():
        tell(Reclaimed(task, attempt, None))


def _task_of(attempt: str) -> str:
    return attempt.rpartition(".")[0]


def _strays(ground: RemoteGround, fleet: Fleet, attempt: str) -> bool:
    known = fleet.attempts.get(attempt)
    return known is None or known.host != ground.name


def _is_left(ground: RemoteGround, fleet: Fleet, standing: Standing) -> bool:
    worktree = fleet.worktrees.get(standing.task)
    if worktree is None or worktree.state == "removed":
        return True
    return ground.name not in (worktree.host, worktree.moves_from)


def _take_away(ground: RemoteGround, fleet: Fleet, standing: Standing, attempt: str | None) -> Reclaimed:
    task = fleet.tasks.get(standing.task)
    if task is None:
        raise GitError(
            f"{standing.path} on host {ground.name} is of no task of this fleet: look at what is in it, then move it "
            "away"
        )
    return Reclaimed(task.id, attempt or "", ground.reclaim(task, standing))
