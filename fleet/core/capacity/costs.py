"""What a task is expected to take with a tier: work, time, and its chance, learned from tasks that have ended.

`fleet.core.capacity.experience` says what is believed of a class, `fleet.core.capacity.lognormal` what follows for one
task of it (docs/dispatch.md, "2. What a task costs").
"""

from __future__ import annotations

from math import log, sqrt
from typing import NamedTuple

from fleet.core.capacity import experience, lognormal
from fleet.core.draft import Draft
from fleet.core.model import Attempt, Fleet, Task, TaskSpec
from fleet.core.model.learned import Experience, work_of


class Expected(NamedTuple):
    """`work` and `high` in work units: the mean, and the quantile of the strategy; `ms` of a worker's time; `chance`
    that the work is verified with this tier."""

    work: float
    high: float
    ms: float
    chance: float


class Believed(NamedTuple):
    """What is believed of one unit of size of a class: of the logarithms of work and of time the mean and the
    deviation."""

    work: float
    work_spread: float
    ms: float
    ms_spread: float
    chance: float


Class = tuple[str, str, str]
"""Project, kind and tier."""


def class_of(spec: TaskSpec, tier: str) -> Class:
    """What tasks agree in of which the same is believed."""
    return spec.project_name, spec.kind, tier


class Costs:
    """What tasks are expected to take, worked out once for each class. It may be kept for later states of the fleet."""

    def __init__(self, fleet: Fleet) -> None:
        self._classes: dict[Class, tuple[tuple[object, ...], Believed]] = {}
        self._learned: tuple[object, ...] = ()
        self.follow(fleet)

    def follow(self, fleet: Fleet) -> None:
        """From here on this is the state of the fleet. What is believed of a class stays the same object as long as
        nothing was learned of it."""
        self._fleet = fleet
        self.quantile = fleet.policy.strategy.quantile
        learned = (fleet.experience, fleet.policy.tiers)
        if not self._learned or any(was is not now for was, now in zip(self._learned, learned, strict=True)):
            self._looked_at: dict[Class, Believed] = {}
        self._learned = learned

    def expected(self, spec: TaskSpec, tier: str) -> Expected:
        """Of the whole task, begun now."""
        return self._left(spec, tier, 0.0, 0.0)

    def of_one(self, known: Believed) -> Expected:
        """Of a whole task of the class whose size is 1."""
        mean, high = self.work_left(known, 1.0, 0.0)
        return Expected(mean, high, lognormal.mean_left(known.ms, known.ms_spread, 0.0), known.chance)

    def remaining(self, task: Task, tier: str) -> Expected:
        """Of what is still to be done of a task that has perhaps begun with this tier: what such a task takes
        that has already taken what this one has. A task that has outrun its class is expected to take longer still, as
        long tasks do.

        The work in attempts that have ended counts for the tier that goes on with it; a live attempt's only for its
        own.
        """
        attempt = self._fleet.attempts.get(task.attempt or "")
        work, ms = task.tier_work, float(task.tier_ms)
        if attempt is not None:
            if attempt.tier != tier:
                return self.expected(task.work, tier)
            work += work_of(attempt.used)
            ms += attempt.ms_at(self._fleet.now_ms)
        return self._left(task.work, tier, work, ms)

    def _left(self, spec: TaskSpec, tier: str, work: float, ms: float) -> Expected:
        """What is left after so much work and time."""
        known, size = self.believed(spec, tier), spec.size
        mean, high = self.work_left(known, size, work)
        return Expected(
            mean, high, size * lognormal.mean_left(known.ms, known.ms_spread, ms / size), known.chance
        )

    def work_left(self, known: Believed, size: float, work: float) -> tuple[float, float]:
        """`work` and `high` of what is left of a task of that size after so much work."""
        passed = work / size
        return (
            size * lognormal.mean_left(known.work, known.work_spread, passed),
            size * lognormal.quantile_left(known.work, known.work_spread, passed, self.quantile),
        )

    def known(self, of: Class) -> Believed | None:
        """As `believed`, None where nobody has asked for it since something was learned."""
        return self._looked_at.get(of)

    def believed(self, spec: TaskSpec, tier: str) -> Believed:
        """Of the task's class with that tier."""
        key = class_of(spec, tier)
        known = self._looked_at.get(key)
        if known is None:
            known = self._looked_at[key] = self._believed(key, spec, tier)
        return known

    def _believed(self, key: Class, spec: TaskSpec, tier: str) -> Believed:
        fleet = self._fleet
        found = [fleet.experience.get(one) for one in experience.keys(spec, tier)]
        inputs = (*found, fleet.policy.tiers)
        before = self._classes.get(key)
        if before is not None and all(was is now for was, now in zip(before[0], inputs, strict=True)):
            return before[1]
        learned = [one for one in found if one is not None]
        work, time = experience.of_work(learned), experience.of_time(learned)
        chance = experience.chance(fleet.experience, fleet.policy, spec, tier)
        known = Believed(work.mean, sqrt(work.variance), time.mean, sqrt(time.variance), chance)
        self._classes[key] = (inputs, known)
        return known


def expected(fleet: Fleet, spec: TaskSpec, tier: str) -> Expected:
    """As `Costs.expected`, of one task."""
    return Costs(fleet).expected(spec, tier)


def remaining(fleet: Fleet, task: Task, tier: str) -> Expected:
    """As `Costs.remaining`, of one task."""
    return Costs(fleet).remaining(task, tier)


def learn(draft: Draft, task: Task, attempt: Attempt, *, won: bool) -> None:
    """The work of `attempt.tier` on the task was verified, or has failed for good with this tier."""
    work, ms = task.tier_work, float(task.tier_ms)
    if attempt.id in draft.attempts:
        work += work_of(attempt.used)
        ms += attempt.ms_at(draft.now_ms)
    measured = work > 0.0 and ms > 0.0
    spec = task.work
    for key in experience.keys(spec, attempt.tier):
        draft.put(
            "experience",
            key,
            experience.with_task(
                draft.experience.get(key) or Experience(key),
                log_work=log(work / spec.size) if measured else None,
                log_ms=log(ms / spec.size) if measured else None,
                won=won,
            ),
        )
