"""What a task is worth now: its priority or value, its age, and how near its deadline is.

    worth(t) = (value × urgency(slack) + unlocks) × 2^(age / AGE_DOUBLES)
    urgency(slack) = 1 + NEARER × e^(−slack / NEAR)   while it can still be in time, LATE afterwards

where slack is the time to the deadline less the time the work is expected to take, and `unlocks` what the tasks that
wait for this one are worth beyond their cost (`fleet.planning.unlocks`). Age doubles a worth each week, without bound:
nothing can starve, because whatever competes with it is younger; and because that growth is exponential, the order of
two tasks never changes with time, so that queues stay sorted. (docs/dispatch.md, "3. What a task is worth")
"""

from __future__ import annotations

from math import exp

from fleet.core.model import AGE_DOUBLES_MS, Task

NEAR_MS = 4 * 3_600_000
"""Slack at which urgency has risen by 1/e of what it rises by."""

NEARER = 0.25
"""By so much does urgency rise until the last moment to begin. Little, because the planning problem knows deadlines
itself: this only lets the nearer one of two equals go first. (With 1.0 the weeks of `scripts/bench dispatch` with most
deadlines completed 1 % less: dear capacity went to cheap tasks in a hurry.)"""

AGE_MAX = 500.0
"""Doublings by age that count: nothing waits ten years, but a clock may have said so when a task was added."""

LATE = 0.25
"""What is left of a task's value after its deadline: most of it is gone, but somebody still waits for it."""


def worth_now(task: Task, now_ms: int, needs_ms: float = 0.0) -> float:
    """In the worth of a fresh task of priority 0. `needs_ms` is how long its work is expected to take."""
    own = task.spec.worth * urgency(task.spec.deadline_ms, now_ms, needs_ms)
    return float((own + task.unlocks) * aged(task, now_ms))


def aged(task: Task, now_ms: int) -> float:
    """By how much age multiplies its worth."""
    age = min(max(0, now_ms - task.created_ms) / AGE_DOUBLES_MS, AGE_MAX)
    return float(2.0**age)


def urgency(deadline_ms: int | None, now_ms: int, needs_ms: float) -> float:
    """A factor; 1 without a deadline."""
    if deadline_ms is None:
        return 1.0
    slack = deadline_ms - now_ms - needs_ms
    return LATE if slack < 0 else 1.0 + NEARER * exp(-slack / NEAR_MS)
