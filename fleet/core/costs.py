"""What a task is expected to take with a tier: work, time, and its chance, learned from tasks that have ended."""

from __future__ import annotations

from dataclasses import dataclass

from fleet.core.draft import Draft
from fleet.core.model import Attempt, Fleet, Task, TaskSpec


@dataclass(frozen=True, slots=True)
class Expected:
    """`work` and `high` in work units: the mean, and the quantile of the strategy; `ms` of a worker's time; `chance`
    that the work is verified with this tier."""

    work: float
    high: float
    ms: float
    chance: float


def expected(fleet: Fleet, spec: TaskSpec, tier: str) -> Expected:
    """Of the whole task, begun now."""
    return Expected(200_000.0 * spec.size, 400_000.0 * spec.size, 1_200_000.0 * spec.size, 0.9)


def remaining(fleet: Fleet, task: Task, tier: str) -> Expected:
    """Of what is still to be done of a task that has perhaps begun with this tier."""
    return expected(fleet, task.spec, tier)


def committed(fleet: Fleet) -> dict[str, tuple[float, float]]:
    """What running attempts are expected to take still, by bucket key: shares (mean, at the high quantile)."""
    return {}


def learn(draft: Draft, task: Task, attempt: Attempt, *, won: bool) -> None:
    """The work of `attempt.tier` on the task was verified, or has failed for good with this tier."""
