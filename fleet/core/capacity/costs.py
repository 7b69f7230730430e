"""What a task is expected to take with a tier: work, time, and its chance, learned from tasks that have ended.

`fleet.core.capacity.experience` says what is believed of a class, `fleet.core.capacity.lognormal` what follows for one
task of it (docs/dispatch.md, "2. What a task costs").
"""

from __future__ import annotations

from dataclasses import dataclass
from math import log, sqrt

from fleet.core.capacity import experience, lognormal, rates
from fleet.core.draft import Draft
from fleet.core.model import Attempt, Bucket, Fleet, Task, TaskSpec
from fleet.core.model.learned import Experience, work_of


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
    return _left(fleet, spec, tier, 0.0, 0.0)


def remaining(fleet: Fleet, task: Task, tier: str) -> Expected:
    """Of what is still to be done of a task that has perhaps begun with this tier: what such a task takes
    that has already taken what this one has. A task that has outrun its class is expected to take longer still, as long
    tasks do.

    The work in attempts that have ended counts for the tier that goes on with it; a live attempt's only for its own.
    """
    attempt = fleet.attempts.get(task.attempt or "")
    work, ms = task.tier_work, float(task.tier_ms)
    if attempt is not None:
        if attempt.tier != tier:
            return expected(fleet, task.spec, tier)
        work += work_of(attempt.used)
        ms += attempt.ms_at(fleet.now_ms)
    return _left(fleet, task.spec, tier, work, ms)


def _left(fleet: Fleet, spec: TaskSpec, tier: str, work: float, ms: float) -> Expected:
    """What is left after so much work and time."""
    found = (fleet.experience.get(key) for key in experience.keys(spec, tier))
    known = [one for one in found if one is not None]
    of_work, of_time = experience.of_work(known), experience.of_time(known)
    size = spec.size
    spread = sqrt(of_work.variance)
    passed = work / size
    return Expected(
        work=size * lognormal.mean_left(of_work.mean, spread, passed),
        high=size * lognormal.quantile_left(of_work.mean, spread, passed, fleet.policy.strategy.quantile),
        ms=size * lognormal.mean_left(of_time.mean, sqrt(of_time.variance), ms / size),
        chance=experience.chance(fleet.experience, fleet.policy, spec, tier),
    )


def committed(fleet: Fleet) -> dict[str, tuple[float, float]]:
    """What running attempts are expected to take still, by bucket key: shares (mean, at the high quantile).

    Tasks overrun independently of each other, so variances add up and not deviations: the high quantile of a sum lies
    above its mean by the root of the sum of the squares of what each one's lies above its own. An attempt that is being
    stopped, or whose work is being checked, takes nothing.
    """
    of_pool: dict[str, list[tuple[str, Bucket]]] = {}
    for key in sorted(fleet.buckets):
        of_pool.setdefault(fleet.buckets[key].pool, []).append((key, fleet.buckets[key]))
    estimates = {
        name: rates.Estimates(fleet.rates, fleet.policy, name)
        for name in sorted({bucket.name for bucket in fleet.buckets.values()})
    }
    means: dict[str, float] = {}
    squares: dict[str, float] = {}
    for attempt in fleet.attempts.values():
        task = fleet.tasks[attempt.task]
        drawn_on = of_pool.get(fleet.accounts[attempt.account].pool)
        if attempt.state == "stopping" or task.state != "running" or not drawn_on:
            continue
        left = remaining(fleet, task, attempt.tier)
        for key, bucket in drawn_on:
            if bucket.scope in (None, attempt.tier):
                rate = estimates[bucket.name].of(bucket.pool, attempt.tier)
                means[key] = means.get(key, 0.0) + left.work * rate
                squares[key] = squares.get(key, 0.0) + (max(left.high - left.work, 0.0) * rate) ** 2
    return {key: (mean, mean + sqrt(squares[key])) for key, mean in means.items()}


def learn(draft: Draft, task: Task, attempt: Attempt, *, won: bool) -> None:
    """The work of `attempt.tier` on the task was verified, or has failed for good with this tier."""
    work, ms = task.tier_work, float(task.tier_ms)
    if attempt.id in draft.attempts:
        work += work_of(attempt.used)
        ms += attempt.ms_at(draft.now_ms)
    measured = work > 0.0 and ms > 0.0
    for key in experience.keys(task.spec, attempt.tier):
        draft.put(
            "experience",
            key,
            experience.with_task(
                draft.experience.get(key) or Experience(key),
                log_work=log(work / task.spec.size) if measured else None,
                log_ms=log(ms / task.spec.size) if measured else None,
                won=won,
            ),
        )
