"""Prunes worktrees: only of tasks that have ended, and only after what is in no commit has been preserved."""

from __future__ import annotations

from fleet.core.events import PruneAsked
from fleet.core.model.lifecycles import TASK_ENDS
from fleet.home import Home
from fleet.service.requests import submit
from fleet.shell.stamp import stamp
from fleet.views.snapshot import snapshot


def prune(home: Home) -> list[str]:
    """Asks for the removal of every ended task's worktree; returns the tasks. Raises NotDone."""
    fleet = snapshot(home)
    ended = [
        task_id
        for task_id, worktree in fleet.worktrees.items()
        if worktree.state in ("making", "ready") and fleet.tasks[task_id].state in TASK_ENDS
    ]
    if ended:
        submit(home, PruneAsked(**stamp(), tasks=tuple(ended)))
    return ended
