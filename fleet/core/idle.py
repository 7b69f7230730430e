"""Whether the fleet has anything left to do without a person's help."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Set

from fleet.core.dispatch import Explanation, explain, needs_a_person
from fleet.core.model import Fleet
from fleet.core.model.lifecycles import TASK_ENDS


def stuck(fleet: Fleet) -> list[Explanation]:
    """Every open task that only a person can move, with what that person can do."""
    ids = _stuck_ids(fleet)
    return [explain(fleet, task) for task in fleet.tasks.values() if task.id in ids]


def is_idle(fleet: Fleet, kept: Set[str] = frozenset()) -> bool:
    """True when nothing runs and every task has ended or is stuck. A task that waits for a reset is not idle.
    `kept` are tasks whose worktree could not be removed: nobody waits for that."""
    if fleet.attempts or any(w.state == "removing" and w.task not in kept for w in fleet.worktrees.values()):
        return False
    open_ids = {task.id for task in fleet.tasks.values() if task.state not in TASK_ENDS}
    return not open_ids or open_ids <= _stuck_ids(fleet)


def _stuck_ids(fleet: Fleet) -> set[str]:
    """Held tasks and those in review, those that are paused or in lasting trouble, queued ones that no account can ever
    take, and whatever waits behind these or behind a task that ended without landing. Linear in the tasks and their
    dependencies, however long the chains."""
    waiting_on: dict[str, list[str]] = defaultdict(list)
    for task in fleet.tasks.values():
        if task.state == "waiting":
            for dependency in task.after:
                waiting_on[dependency].append(task.id)
    never = _never_placeable(fleet)
    found = {
        t.id
        for t in fleet.tasks.values()
        if t.state in ("review", "held") or t.id in never or needs_a_person(t)
    }
    frontier = [*found, *(t.id for t in fleet.tasks.values() if t.state in ("failed", "cancelled"))]
    while frontier:
        for dependant in waiting_on[frontier.pop()]:
            if dependant not in found:
                found.add(dependant)
                frontier.append(dependant)
    return found


def _never_placeable(fleet: Fleet) -> set[str]:
    """Queued tasks that only a person can help. Those of one lane share the answer, unless they differ in what limits
    look at, or hosts whose git refuses something."""
    alike: dict[tuple[str, float, str, str], list[str]] = defaultdict(list)
    unfit = any(host.unfit for host in fleet.hosts.values())
    limited = {limit.name for limit in fleet.limits.values() if limit.scope == "task"}
    for lane, ranks in fleet.queue.items():
        for task in (fleet.tasks[rank[3]] for rank in ranks):
            # One whose back-off runs is explained by that; it is not stuck before it has been tried.
            if task.not_before_ms <= fleet.now_ms:
                size = task.work.size if fleet.limits else 0.0
                place = "" if not unfit else task.id if task.id in fleet.worktrees else task.spec.repo
                alike[lane, size, task.id if task.id in limited else "", place].append(task.id)
    return {name for names in alike.values() if explain(fleet, fleet.tasks[names[0]]).stuck for name in names}
