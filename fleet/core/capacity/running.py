"""Running work: how many workers there are, and what they are expected to take still.

It is worked out from the attempts alone. What was worked out for an earlier state of the fleet is kept for all that has
not changed since: values are frozen, so the same object says the same.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from math import fsum, sqrt

from fleet.core.capacity import experience, rates
from fleet.core.capacity.costs import Believed, Costs
from fleet.core.model import Account, Attempt, Fleet, Task, bucket_key
from fleet.core.model.learned import Experience, work_of
from fleet.core.model.maps import changed

Left = tuple[float, float]
"""What is expected to be taken still, in work units: the mean, and the square of what the high quantile lies above it;
of independent tasks both add up."""

NOTHING: Left = (0.0, 0.0)


class _Live:
    """One attempt as it was counted, and what is left of its work as last believed."""

    __slots__ = ("attempt", "believed", "left", "quantile", "task")

    def __init__(self, attempt: Attempt, task: Task) -> None:
        self.attempt, self.task = attempt, task
        self.believed: Believed | None = None
        self.quantile = 0.0
        self.left = NOTHING


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
        self._on: dict[str, dict[str, _Live]] = {}
        self._left: dict[str, Mapping[str, Left]] = {}
        self._changed: set[str] = set()
        self._believed: tuple[object, ...] = (None, None)
        self._experience: Mapping[str, Experience] = {}
        self.relearned: set[str] = set()
        """The tiers of which something has been learned between the last two states."""
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
        if not same or self.pools != before:
            self._left.clear()
            self._changed.clear()
            return None
        if self.relearned:
            self._changed.update(name for name, some in self._on.items() if self._is_relearned(some))
        accounts = fleet.accounts
        touched = {accounts[name].pool for name in self._changed if name in accounts}
        for pool in touched:
            self._left.pop(pool, None)
        self._changed.clear()
        return touched

    def _is_relearned(self, some: Mapping[str, _Live]) -> bool:
        return any(one.attempt.tier in self.relearned for one in some.values())

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
        self._live[name] = self._on.setdefault(attempt.account, {})[name] = _Live(attempt, task)
        self._of_task.setdefault(attempt.task, set()).add(name)
        self._count(attempt, task, 1)

    def _remove(self, name: str) -> None:
        left = self._live.pop(name)
        del self._on[left.attempt.account][name]
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

    def left(self, pool: str) -> Mapping[str, Left]:
        """What running work on the pool's accounts is expected to take still, by tier. An attempt that is being
        stopped, or whose work is being checked, takes nothing."""
        found = self._left.get(pool)
        if found is None:
            parts: dict[str, list[Left]] = {}
            for account in self.pools.get(pool, ()):
                for one in self._on.get(account, {}).values():
                    if one.attempt.state != "stopping" and one.task.state == "running":
                        parts.setdefault(one.attempt.tier, []).append(self._left_of(one))
            # Whatever their order is, the sum is the same.
            found = self._left[pool] = {
                tier: (fsum(mean for mean, _ in some), fsum(square for _, square in some))
                for tier, some in parts.items()
            }
        return found

    def _left_of(self, one: _Live) -> Left:
        """What such a task takes still that has already taken what this one has."""
        costs, task, attempt = self.costs, one.task, one.attempt
        known = costs.believed(task.spec, attempt.tier)
        if one.believed is not known or one.quantile != costs.quantile:
            mean, high = costs.work_left(known, task.spec.size, task.tier_work + work_of(attempt.used))
            one.believed, one.quantile = known, costs.quantile
            one.left = (mean, max(high - mean, 0.0) ** 2)
        return one.left


def committed_of(left: Mapping[str, Left], rate_of: Mapping[str, float]) -> tuple[float, float]:
    """What running work takes of a bucket still: shares, the mean and the high quantile. `rate_of` are the bucket's
    rates by tier, of those that draw on it.

    Tasks overrun independently of each other, so variances add up and not deviations: the high quantile of a sum lies
    above its mean by the root of the sum of the squares of what each one's lies above its own.
    """
    mean = fsum(left[tier][0] * rate for tier, rate in rate_of.items())
    return mean, mean + sqrt(fsum(left[tier][1] * rate * rate for tier, rate in rate_of.items()))


def committed(fleet: Fleet) -> dict[str, tuple[float, float]]:
    """As `committed_of`, by bucket key, of every bucket that running work draws on."""
    running = Running(fleet)
    estimates = {b.name: rates.Estimates(fleet.rates, fleet.policy, b.name) for b in fleet.buckets.values()}
    found = {}
    for bucket in fleet.buckets.values():
        left, rate = running.left(bucket.pool), estimates[bucket.name]
        rate_of = {tier: rate.of(bucket.pool, tier) for tier in left if bucket.scope in (None, tier)}
        if rate_of:
            found[bucket_key(bucket.pool, bucket.name)] = committed_of(left, rate_of)
    return found
