"""Running work: how many workers there are, and what they are expected to take still.

It is worked out from the attempts alone. What was worked out for an earlier state of the fleet is kept for all that has
not changed since: values are frozen, so the same object says the same.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from math import fsum, sqrt

from fleet.core.capacity import experience, rates
from fleet.core.capacity.costs import Believed, Costs, class_of
from fleet.core.capacity.lognormal import mean_left
from fleet.core.model import Account, Attempt, Fleet, Task, bucket_key
from fleet.core.model.learned import Experience, work_of
from fleet.core.model.maps import changed

Sums = Mapping[str, float]
"""By tier, over all running work of it: of independent tasks both means and squared distances add up."""


class _Live:
    """One attempt as it was counted, with the work it has done, and what is left of it as last believed."""

    __slots__ = ("attempt", "believed", "left", "of", "size", "task", "work", "works")

    def __init__(self, attempt: Attempt, task: Task) -> None:
        self.attempt, self.task = attempt, task
        self.of = class_of(task.work, attempt.tier)
        self.size = task.work.size
        self.work = task.tier_work + work_of(attempt.used)
        self.works = attempt.state != "stopping" and task.state == "running"
        """An attempt that is being stopped, or whose work is being checked, takes nothing."""
        self.believed: Believed | None = None
        self.left = 0.0


class Running:
    """Follows a fleet from one state to the next."""

    def __init__(self, fleet: Fleet) -> None:
        self.costs = Costs(fleet)
        self.by_account: Counter[str] = Counter()
        self.by_project: Counter[str] = Counter()
        self.by_host: Counter[str] = Counter()
        self.starting: Counter[str] = Counter()
        """By host, workers that have not answered yet."""
        self.pools: dict[str, list[str]] = {}
        """The names of the accounts of each pool."""
        self._attempts: Mapping[str, Attempt] = {}
        self._tasks: Mapping[str, Task] = {}
        self._accounts: Mapping[str, Account] | None = None
        self._live: dict[str, _Live] = {}
        self._of_task: dict[str, set[str]] = {}
        self._on: dict[str, dict[str, dict[str, _Live]]] = {}
        """By account and tier."""
        self._left: dict[str, dict[str, float | None]] = {}
        """By pool and tier, None where nothing works."""
        self._sums: dict[str, Sums] = {}
        self._spread: dict[str, Sums] = {}
        self._changed: set[str] = set()
        self._believed: tuple[object, ...] = (None, None)
        self._experience: Mapping[str, Experience] = {}
        self.relearned: set[str] = set()
        """The tiers of which something has been learned between the last two states."""
        self.reweighed: set[str] = set()
        """The pools whose running work has not changed, but only what is believed of it."""
        self.follow(fleet)

    def follow(self, fleet: Fleet) -> set[str] | None:
        """From here on this is the state of the fleet. Gives the pools of whose running work something has changed,
        None when it may be all of them."""
        self.costs.follow(fleet)
        self._follow_attempts(fleet)
        self.relearned = {experience.tier_of(key) for key in changed(self._experience, fleet.experience)}
        self._experience = fleet.experience
        before = self.pools
        if self._accounts is not fleet.accounts:
            self.pools = {}
            for account in fleet.accounts.values():
                self.pools.setdefault(account.pool, []).append(account.name)
            self._accounts = fleet.accounts
        believed = (fleet.policy.tiers, self.costs.quantile)
        same = all(was is now for was, now in zip(self._believed, believed, strict=True))
        self._believed = believed
        self.reweighed = set()
        if not same or self.pools != before:
            self._left.clear()
            self._sums.clear()
            self._spread.clear()
            self._changed.clear()
            return None
        accounts = fleet.accounts
        touched = {accounts[name].pool for name in self._changed if name in accounts}
        for pool in touched:
            self._left.pop(pool, None)
        for name, of_tier in self._on.items() if self.relearned else ():
            again = self.relearned & of_tier.keys()
            if again and name in accounts:
                pool = accounts[name].pool
                self.reweighed.add(pool)
                for tier in again:
                    self._left.get(pool, {}).pop(tier, None)
        for pool in touched | self.reweighed:
            self._sums.pop(pool, None)
            self._spread.pop(pool, None)
        self.reweighed -= touched
        self._changed.clear()
        return touched

    def _follow_attempts(self, fleet: Fleet) -> None:
        live, tasks = self._live, fleet.tasks
        for name in changed(self._attempts, fleet.attempts):
            if name in live:
                self._remove(name)
            attempt = fleet.attempts.get(name)
            if attempt is not None:
                self._add(name, attempt, tasks[attempt.task])
        for task in changed(self._tasks, tasks):
            for name in sorted(self._of_task.get(task, ())):
                if live[name].task is not tasks[task]:
                    attempt = live[name].attempt
                    self._remove(name)
                    self._add(name, attempt, tasks[task])
        self._attempts, self._tasks = fleet.attempts, tasks

    def _add(self, name: str, attempt: Attempt, task: Task) -> None:
        of_tier = self._on.setdefault(attempt.account, {}).setdefault(attempt.tier, {})
        self._live[name] = of_tier[name] = _Live(attempt, task)
        self._of_task.setdefault(attempt.task, set()).add(name)
        self._count(attempt, task, 1)

    def _remove(self, name: str) -> None:
        left = self._live.pop(name)
        of_account = self._on[left.attempt.account]
        del of_account[left.attempt.tier][name]
        if not of_account[left.attempt.tier]:
            del of_account[left.attempt.tier]
        of_task = self._of_task[left.attempt.task]
        of_task.discard(name)
        if not of_task:
            del self._of_task[left.attempt.task]
        self._count(left.attempt, left.task, -1)

    def _count(self, attempt: Attempt, task: Task, by: int) -> None:
        self._changed.add(attempt.account)
        self.by_account[attempt.account] += by
        self.by_project[task.spec.project_name] += by
        self.by_host[attempt.host] += by
        if not attempt.answers:
            self.starting[attempt.host] += by

    def left(self, pool: str) -> Sums:
        """What running work on the pool's accounts is expected to take still, in work units."""
        found = self._sums.get(pool)
        if found is None:
            known = self._left.setdefault(pool, {})
            on = [self._on.get(name, {}) for name in self.pools.get(pool, ())]
            for tier in {tier for of_tier in on for tier in of_tier} - known.keys():
                known[tier] = self._left_with(tier, on)
            found = self._sums[pool] = {tier: left for tier, left in known.items() if left is not None}
        return found

    def _left_with(self, tier: str, on: list[dict[str, dict[str, _Live]]]) -> float | None:
        """What such tasks take still that have already taken what these have. None where nothing works."""
        parts, costs = [], self.costs
        for one in (one for of_tier in on for one in of_tier.get(tier, {}).values()):
            if one.works:
                known = costs.known(one.of) or costs.believed(one.task.work, tier)
                if one.believed is not known:
                    one.believed = known
                    one.left = one.size * mean_left(known.work, known.work_spread, one.work / one.size)
                parts.append(one.left)
        # Whatever their order is, the sum is the same.
        return fsum(parts) if parts else None

    def spread(self, pool: str) -> Sums:
        """The squares of what the high quantile of each lies above its mean. It is asked of few pools: those of which
        something is kept."""
        found = self._spread.get(pool)
        if found is None:
            parts: dict[str, list[float]] = {}
            for name in self.pools.get(pool, ()):
                for tier, some in self._on.get(name, {}).items():
                    for one in some.values():
                        if one.works:
                            known = self.costs.believed(one.task.work, tier)
                            mean, high = self.costs.work_left(known, one.size, one.work)
                            parts.setdefault(tier, []).append(max(high - mean, 0.0) ** 2)
            found = self._spread[pool] = {tier: fsum(some) for tier, some in parts.items()}
        return found


def mean_of(left: Sums, rate_of: Mapping[str, float]) -> float:
    """What running work takes of a bucket still: the share expected. `rate_of` are the bucket's rates by tier, of those
    that draw on it."""
    return fsum(left[tier] * rate for tier, rate in rate_of.items())


def high_of(mean: float, spread: Sums, rate_of: Mapping[str, float]) -> float:
    """The high quantile of it. Tasks overrun independently of each other, so variances add up and not deviations: the
    high quantile of a sum lies above its mean by the root of the sum of the squares of what each one's lies above its
    own."""
    return mean + sqrt(fsum(spread[tier] * rate * rate for tier, rate in rate_of.items()))


def committed(fleet: Fleet) -> dict[str, tuple[float, float]]:
    """As `mean_of` and `high_of`, by bucket key, of every bucket that running work draws on."""
    running = Running(fleet)
    estimates = {b.name: rates.Estimates(fleet.rates, fleet.policy, b.name) for b in fleet.buckets.values()}
    found = {}
    for bucket in fleet.buckets.values():
        left, rate = running.left(bucket.pool), estimates[bucket.name]
        rate_of = {tier: rate.of(bucket.pool, tier) for tier in left if bucket.scope in (None, tier)}
        if rate_of:
            mean = mean_of(left, rate_of)
            found[bucket_key(bucket.pool, bucket.name)] = (
                mean,
                high_of(mean, running.spread(bucket.pool), rate_of),
            )
    return found
