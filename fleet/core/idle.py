"""Whether the fleet has anything left to do without a person's help."""

from __future__ import annotations

from fleet.core.dispatch import Explanation, explain
from fleet.core.lifecycles import TASK_ENDS
from fleet.core.model import Fleet


def stuck(fleet: Fleet) -> list[Explanation]:
    """Every open task that only a person can move, with what that person can do."""
    explained = (explain(fleet, t) for t in fleet.tasks.values() if t.state not in TASK_ENDS)
    return [e for e in explained if e.stuck]


def is_idle(fleet: Fleet) -> bool:
    """True when nothing runs and every task has ended or is stuck. A task that waits for a reset is not idle."""
    if fleet.attempts or any(w.state == "removing" for w in fleet.worktrees.values()):
        return False
    open_tasks = sum(1 for t in fleet.tasks.values() if t.state not in TASK_ENDS)
    return open_tasks == 0 or open_tasks == len(stuck(fleet))
