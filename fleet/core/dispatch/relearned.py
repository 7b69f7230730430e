"""Lanes at rest of which something is believed that is not what they rest on: work that was verified has taught what
such tasks take, and so what running work takes still.

Where nothing has a price, all tasks of a class that may have the same tiers choose the same of them, whatever they are
worth. So a lane of sessions still offers its head as long as that fits with each tier, and only its rank is another.
"""

from __future__ import annotations

from typing import NamedTuple

from fleet.core.dispatch.lane_places import LanePlaces
from fleet.core.dispatch.price import are_apart
from fleet.core.dispatch.remembered import LookedAt, Remembered
from fleet.core.dispatch.resting import Head
from fleet.core.dispatch.spending import Spending
from fleet.core.dispatch.tiers import allowed, is_free
from fleet.core.model import Account, Fleet, Task


class _Choice(NamedTuple):
    """The tier that tasks of a class have; `after` and `other` as in a quote, of a worth of 1."""

    tier: str
    after: float
    other: float


class Relearned:
    """Of one round of dispatch, at its beginning."""

    def __init__(self, fleet: Fleet, remembered: Remembered, places: LanePlaces, spending: Spending) -> None:
        self._fleet, self._memory, self._places = fleet, remembered, places
        self._market, self._shares = remembered.market, remembered.shares
        self._is_free_of_cost = (
            self._market.prices is None
            and not fleet.limits
            and not spending.matters
            and not any(account.kind == "api-key" for account in fleet.accounts.values())
        )
        self._choices: dict[tuple[object, ...], _Choice | None] = {}

    def settle(self) -> None:
        """Those that do not hold are stirred."""
        remembered = self._memory
        for lane in remembered.unsure:
            head = remembered.resting.heads.get(lane)
            if head is not None and not self._holds(lane, head):
                remembered.resting.stir(lane)
        remembered.unsure.clear()

    def _holds(self, lane: str, head: Head) -> bool:
        """Whether the lane has the same to offer, for which its rank is put right. Whether those fit that are alike is
        looked at for the group."""
        if head.alike is not None and head.kept is not None:
            group = self._memory.resting.groups[head.alike]
            tiers = [tier for tier, _, _ in group.seen]
            for tier in tiers:
                group.needs(tier, self._market.expected(head.kept.task, tier))
            group.is_unsure = True
            return self._is_free_of_cost and self._chooses_the_same(lane, head.kept, tiers)
        assert head.account is not None
        places = self._places.open_on(lane, head.account)
        if places is None or head.kept is None:
            return places == []
        return (
            self._is_free_of_cost
            and head.kept.first
            and len(places) == len(head.kept.seen)
            and self._fits(head.kept, head.account, places)
            and self._chooses_the_same(lane, head.kept, places)
        )

    def _fits(self, kept: LookedAt, account: Account, tiers: list[str]) -> bool:
        for tier in tiers:
            need = self._market.expected(kept.task, tier)
            if need.work <= 0.0 or not self._shares.has_plenty(account, tier, need):
                return False
        weight = self._memory.weight(account.pool)
        kept.seen = tuple((tier, account.name, weight) for tier in tiers)
        return True

    def _chooses_the_same(self, lane: str, kept: LookedAt, tiers: list[str]) -> bool:
        if kept.stale:
            choice = self._choice(kept.task, tiers)
            if choice is None or choice.tier != kept.tier:
                return False
            self._put_right(lane, kept, choice)
        return True

    def _choice(self, task: Task, tiers: list[str]) -> _Choice | None:
        """None where rounding might decide."""
        spec = task.work
        key = spec.project_name, spec.kind, allowed(self._fleet, task), is_free(task), *tiers
        if key not in self._choices:
            bids = [self._market.bid(task, tier) for tier in tiers]
            choice = None
            if are_apart(bids):
                tier, bid = min(zip(tiers, bids, strict=True), key=lambda of: of[1].preference - of[1].gross)
                choice = _Choice(tier, bid.after / bid.worth, bid.preference / bid.worth)
            self._choices[key] = choice
        return self._choices[key]

    def _put_right(self, lane: str, kept: LookedAt, choice: _Choice) -> None:
        assert not isinstance(kept.came, str), "it is no offer"
        task, account, quote, rank, taken = kept.came
        need = self._market.expected(task, choice.tier)
        quote = self._market.relearned(quote, account, need, choice.after, choice.other)
        kept.came, kept.stale = type(kept.came)(task, account, quote, rank, taken), False
        self._memory.resting.replace(lane)
