"""What dispatch has worked out of accounts and lanes, kept from round to round for all that nothing has touched.

Remembered is what belongs to the accounts of one pool. A pool is *touched*, and all of it made anew, when one of these
has changed: an account of it, one of its buckets, its running work, what was learned of its rates, what is kept of it
for persons; when a placement was made on it; and when the moment has come at which something of it changes by itself
(`next_moment`). What holds for all pools (`_basis`) makes everything anew when it changes, and so does a clock that was
put back. Values are frozen, so the same object says the same.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import inf
from typing import TYPE_CHECKING

from fleet.core.capacity import headroom, reserved
from fleet.core.capacity.rates import EVERYONE
from fleet.core.dispatch.price import Market, Quote, fresh
from fleet.core.dispatch.resting import Resting
from fleet.core.dispatch.shares import Shares, kept_of
from fleet.core.dispatch.slots import Slots
from fleet.core.dispatch.tiers import allowed
from fleet.core.model import Account, Fleet, Task
from fleet.core.model.maps import changed

if TYPE_CHECKING:
    from fleet.core.dispatch.round import Against, Offer

Places = list[tuple[str, list[Account]]]
"""Tiers, each with the accounts that have a place, in the order in which they are tried."""

Seen = tuple[tuple[str, str, int], ...]
"""Tiers, each with the name of an account and the weight of its pool."""

OFFERS_KEPT = 4
"""So many kept offers a queued task at most: then those of tasks that have gone are forgotten."""


@dataclass(slots=True)
class LookedAt:
    """What came of looking at a task at `at_ms`, where these accounts are tried first with each tier, at these marks of
    their pools; it stays so until `until_ms`. As time passes, the rank of an offer only grows, by as much as each
    task's worth does."""

    task: Task
    seen: Seen
    came: Offer | Against
    at_ms: int
    until_ms: float
    stale: bool = False
    """Whether other amounts or another chance are believed of it since."""
    first: bool = False
    """Whether it fits, with each tier, where it is tried first: then that is so still when it fits still, and where it
    is tried first now; the tier that is chosen stays the same."""

    @property
    def density(self) -> float:
        return self._quote.density

    @property
    def gross(self) -> float:
        return self._quote.gross

    @property
    def work(self) -> float:
        return self._quote.need.work

    @property
    def tier(self) -> str:
        return self._quote.tier

    @property
    def _quote(self) -> Quote:
        assert not isinstance(self.came, str), "it is no offer"
        return self.came.quote


class Remembered:
    """Of one round, or of one after the other (`follow`)."""

    def __init__(self, fleet: Fleet, slots: Slots) -> None:
        """`slots` is of this state of the fleet."""
        self.slots = slots
        self._begin(fleet)

    def _begin(self, fleet: Fleet) -> None:
        self._fleet, self._basis = fleet, _basis(fleet)
        self.shares = Shares(fleet, self.slots.running, self.slots.pools)
        self.market = Market(fleet, self.shares, self.slots.running.costs)
        self.warm: dict[str, tuple[int, Account | None]] = {}
        """By lane, at a mark of the pool: the account that its sessions stay on."""
        self.places: dict[str, tuple[int, list[str]]] = {}
        """By lane whose sessions stay on an account, at a mark of its pool: the tiers that are open to it there, while
        there is room."""
        self.gives: dict[str, dict[str, bool]] = {}
        """By tier and account: whether it gives anything to the tier, whatever the task."""
        self.orders: dict[str, dict[str, tuple[float | str, ...] | None]] = {}
        """By tier and account: its place in the order in which accounts are tried, None when nothing is left."""
        self.offers: dict[str, LookedAt] = {}
        """By task."""
        self.resting = Resting(fleet.queue)
        self.unsure: set[str] = set()
        """Lanes at rest of which something is believed that is not what they rest on."""
        self._served = self.market.served()
        self._marks: dict[str, int] = {}
        self._weights: dict[str, int] = {}
        self._marked = 0
        self._taken: set[str] = set()
        self._until: dict[str, float] = {}
        self._kept: dict[str, dict[str, float]] = {}

    def mark(self, pool: str) -> int:
        """Another number whenever the pool has been touched."""
        return self._marks.get(pool, 0)

    def weight(self, pool: str) -> int:
        """Another number whenever the pool has been touched, or running work is believed to take something else."""
        return self._weights.get(pool, 0)

    def take(self, pool: str) -> None:
        """A placement has been made on the pool: what is known of it no longer holds, and neither will what is found
        out in the rest of the round, should the placement not come about."""
        self._taken.add(pool)
        self._forget(pool)

    def follow(self, fleet: Fleet) -> None:
        """From here on this is the state of the fleet."""
        before, running = self._fleet, self.slots.running
        working = running.follow(fleet)
        basis = _basis(fleet)
        same = all(was is now for was, now in zip(self._basis, basis, strict=True))
        if working is None or not same or fleet.now_ms < before.now_ms:
            self.slots = Slots(fleet, running)
            self._begin(fleet)
            return
        if not self._until:
            for pool in running.pools:
                self._look_ahead(before, pool)
        accounts = changed(before.accounts, fleet.accounts)
        learned = _learned(before, fleet)
        touched = working | self.slots.pools.follow(fleet) | self._taken
        touched |= {fleet.accounts[name].pool for name in accounts}
        touched |= {pool for pool, until_ms in self._until.items() if until_ms <= fleet.now_ms}
        touched |= {pool for pool, kept in self._kept.items() if kept != self._kept_of(fleet, pool)}
        touched.update(*learned.values())
        if EVERYONE in touched:
            touched.update(running.pools)
        self._fleet = fleet
        self._taken.clear()
        self.slots.follow(fleet, touched)
        self.shares.follow(fleet, touched, learned)
        self.market.follow(fleet, [name for pool in touched for name in running.pools.get(pool, ())])
        for pool in touched:
            self._forget(pool)
            self._look_ahead(fleet, pool)
        if accounts or (touched and self.market.prices is not None):
            self._follow_what_is_served()
        self._stir(before, fleet, touched)
        if running.relearned:
            self._reweigh(running.reweighed - touched)
            self._doubt(running.relearned)
        if len(self.offers) > OFFERS_KEPT * sum(map(len, fleet.queue.values())):
            self.offers.clear()

    def _follow_what_is_served(self) -> None:
        """What a stronger tier makes of a failure, and costs, is part of each offer, wherever it is served."""
        before, self._served = self._served, self.market.served()
        if before != self._served:
            self.offers.clear()
            self.resting.stir_all()

    def _reweigh(self, pools: set[str]) -> None:
        """Running work is believed to take another share of these pools, of which nothing else has changed."""
        self.shares.reweigh(pools)
        for pool in pools:
            self._marked += 1
            self._weights[pool] = self._marked
            self._forget_orders(pool)
            self.unsure |= self.resting.on(pool)

    def _doubt(self, tiers: set[str]) -> None:
        """What tasks take and how likely they end well is believed anew, with these tiers."""

        def may_use_them(task: Task) -> bool:
            return not tiers.isdisjoint(allowed(self._fleet, task))

        for name, kept in list(self.offers.items()):
            if may_use_them(kept.task):
                kept.stale = True
                if not kept.first:
                    del self.offers[name]
        for lane, head in self.resting.heads.items():
            if head.kept is not None and may_use_them(head.kept.task):
                self.unsure.add(lane)

    def _stir(self, before: Fleet, after: Fleet, touched: set[str]) -> None:
        """The lanes of which something has changed."""
        resting = self.resting
        for lane in changed(before.queue, after.queue):
            if lane in after.queue:
                resting.stir(lane)
            else:
                resting.forget(lane)
        for task in self._changed(before, after):
            resting.stir(task.lane)
        for pool in touched:
            resting.touch(pool)
        resting.follow(after.now_ms)

    def _changed(self, before: Fleet, after: Fleet) -> list[Task]:
        """The queued tasks of which something has changed that their rank does not tell."""
        names = {
            *changed(before.tasks, after.tasks),
            *changed(before.worktrees, after.worktrees),
            *(
                (after.attempts.get(name) or before.attempts[name]).task
                for name in changed(before.attempts, after.attempts)
            ),
        }
        return [after.tasks[name] for name in names if name in after.tasks and after.tasks[name].queues]

    def _forget(self, pool: str) -> None:
        self._marked += 1
        self._marks[pool] = self._weights[pool] = self._marked
        for name in self.slots.running.pools.get(pool, ()):
            for gives in self.gives.values():
                gives.pop(name, None)
        self._forget_orders(pool)

    def _forget_orders(self, pool: str) -> None:
        for name in self.slots.running.pools.get(pool, ()):
            for orders in self.orders.values():
                orders.pop(name, None)

    def _look_ahead(self, fleet: Fleet, pool: str) -> None:
        """Until when the pool stays as it is, untouched, and what is kept of it that changes all the time."""
        accounts = [fleet.accounts[name] for name in self.slots.running.pools.get(pool, ())]
        buckets = self.slots.pools.all_of(pool)
        self._until[pool] = min(
            (
                moment
                for moments in (
                    *(headroom.moments(bucket, fleet.settings) for bucket in buckets),
                    *(_moments(account, fleet) for account in accounts),
                )
                for moment in moments
                if moment > fleet.now_ms
            ),
            default=inf,
        )
        if any(reserved.changes_by_itself(fleet, bucket) for bucket in buckets):
            self._kept[pool] = self._kept_of(fleet, pool)
        else:
            self._kept.pop(pool, None)

    def _kept_of(self, fleet: Fleet, pool: str) -> dict[str, float]:
        return {bucket.name: kept_of(fleet, bucket) for bucket in self.slots.pools.all_of(pool)}


def _basis(fleet: Fleet) -> tuple[object, ...]:
    """What holds for all pools alike."""
    policy = fleet.policy
    return (
        policy.tiers,
        policy.strategy,
        policy.protect_by_forecast,
        fresh(fleet),
        fleet.protections,
        fleet.reservations,
        fleet.floors,
        fleet.limits,
        fleet.projects,
        fleet.settings,
    )


def _learned(before: Fleet, after: Fleet) -> dict[str, set[str]]:
    """By name of bucket the pools of whose rates something was learned, or is not known after all: what could not be
    committed has not been."""
    found: dict[str, set[str]] = {}
    for key in changed(before.rates, after.rates):
        was, now = before.rates.get(key), after.rates.get(key)
        one = now or was
        if one is not None and (was is None or now is None or (was.share, was.work) != (now.share, now.work)):
            found.setdefault(one.bucket, set()).add(one.pool)
    return found


def _moments(account: Account, fleet: Fleet) -> Iterator[int]:
    """When something changes by itself of what an account gives."""
    settings = fleet.settings
    if account.answered_ms is not None:
        yield account.answered_ms + settings.answer_life_ms
    if account.busy_until_ms:
        yield account.busy_until_ms
        yield account.busy_until_ms - settings.backoff_max_ms
    if account.unreached_ms is not None:
        yield account.unreached_ms + settings.keyring_patience_ms
