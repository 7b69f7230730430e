"""When a task's parents will have landed, at the earliest: a chain of tasks takes at least as long as all of them."""

from __future__ import annotations

from math import inf

from fleet.core.model import Fleet, is_paused
from fleet.planning.needs import Needs
from fleet.planning.periods import HOUR_MS


def readiness(fleet: Fleet, needs: Needs) -> dict[str, float]:
    """Hours from now until each task that is queued or waits can begin, by id; infinite behind a task that has failed
    or was cancelled."""
    begins: dict[str, float] = {}
    ends: dict[str, float] = {}
    for first in fleet.tasks.values():
        if first.state not in ("queued", "waiting") or first.id in begins:
            continue
        path = [first.id]
        while path:  # a stack of its own: chains may be longer than Python recurses
            task = fleet.tasks[path[-1]]
            open_parents = [p for p in task.after if p in fleet.tasks and p not in ends]
            if task.state == "waiting" and open_parents:
                path.extend(open_parents)
                continue
            path.pop()
            parents = [ends[p] for p in task.after if p in ends] if task.state == "waiting" else []
            begins[task.id] = max(parents, default=0.0)
            ends[task.id] = begins[task.id] + _takes(fleet, needs, task.id)
    return begins


def _takes(fleet: Fleet, needs: Needs, task_id: str) -> float:
    """Hours of work left, with the quickest tier; the running one's where it runs."""
    task = fleet.tasks[task_id]
    if task.state in ("failed", "cancelled"):
        return inf
    attempt = fleet.attempts.get(task.attempt or "")
    if attempt is not None:
        return needs.costs.remaining(task, attempt.tier).ms / HOUR_MS
    if task.state not in ("queued", "waiting"):
        return 0.0
    if is_paused(fleet, task) or task.consent:
        return inf
    return min((need.hours * task.work.size for need in needs.of(task)), default=inf)
