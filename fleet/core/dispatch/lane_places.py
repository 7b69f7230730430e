"""Where the tasks of a lane may be placed: the tiers that they may use, each with the accounts that have room, in the
order in which they are tried. These are the same for all tasks of the lane.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from operator import itemgetter

from fleet.core.capacity.headroom import UNKNOWN_HEADROOM
from fleet.core.dispatch.feasible import gives, standing, suits, suits_all, warm_account
from fleet.core.dispatch.remembered import Places, Remembered
from fleet.core.dispatch.resting import Alike, Head
from fleet.core.dispatch.slots import Slots
from fleet.core.dispatch.tiers import allowed
from fleet.core.model import Account, Fleet, Task

MERIT = {"subscription": 0, "local": 0, "api-key": 1}
"""Among equals, what is already paid for goes first (docs/dispatch.md, "5. The choice")."""

CROWD = 0.02
"""What a worker counts for on its account, as a share of a bucket: of accounts with the same headroom, the one with
fewer workers is tried first."""

SAME_DECIMALS = 6
"""Headroom that differs only behind these decimals is the same: then the name decides, on every machine alike."""

Openings = tuple[tuple[str, frozenset[str]], ...]
"""Tiers, each with the names of the accounts that are open to it."""


class LanePlaces:
    """Of one round of dispatch."""

    def __init__(self, fleet: Fleet, slots: Slots, remembered: Remembered) -> None:
        self.fleet, self.slots, self.remembered = fleet, slots, remembered
        self.shares, self.market = remembered.shares, remembered.market
        accounts = fleet.accounts.values()
        self._with_places = [a for a in accounts if a.state != "removed" and not slots.account_is_full(a)]
        self._giving: dict[str, dict[str, Account]] = {}
        self._open_to: dict[tuple[object, ...], Openings] = {}
        self._order: dict[str, tuple[Account, ...]] = {}
        self._able: dict[tuple[Openings, tuple[str, ...]], Places] = {}
        """By openings and labels. It holds until the next placement, as the order does."""

    def taken(self) -> None:
        """A placement was made."""
        self._order.clear()
        self._able.clear()

    def of(self, lane: str) -> Places:
        """The tiers and the accounts, in the order in which they are tried, that have a place for tasks of the lane:
        these are the same for all of them."""
        first = self.fleet.tasks[self.fleet.queue[lane][0][3]]
        if self.slots.project_refusal(first) is not None:
            return []
        warm = self._warm(lane, first)
        if warm is not None:
            places = self._places_on(warm, lane, first)
            if not places:
                self.remembered.resting.rest(lane, Head(warm, None))
            return places if self.slots.has_host_for(first.spec.labels, warm) else []
        return self.of_new(first)

    def of_new(self, task: Task) -> Places:
        """As `of`, for a task whose session stays nowhere, whatever its project has."""
        openings, labels = self._opened(task), task.spec.labels
        if (openings, labels) not in self._able:
            self._able[openings, labels] = self._with_room(openings, labels)
        return self._able[openings, labels]

    def alike(self, task: Task) -> Alike:
        """What tasks without a session agree in that may have the same placements."""
        return *self._opens_to(task), task.spec.labels

    def _warm(self, lane: str, first: Task) -> Account | None:
        """The account that the sessions of the lane stay on."""
        account = self.fleet.accounts.get(first.session_account or "") if first.session_id else None
        if account is None:
            return None
        mark = self.remembered.mark(account.pool)
        known = self.remembered.warm.get(lane)
        if known is None or known[0] != mark:
            known = self.remembered.warm[lane] = mark, warm_account(self.fleet, self.slots, first)
        return known[1]

    def _places_on(self, warm: Account, lane: str, first: Task) -> Places:
        """The tiers that a lane's sessions have a place for on the account that they stay on, apart from hosts."""
        mark = self.remembered.mark(warm.pool)
        known = self.remembered.places.get(lane)
        if known is None or known[0] != mark:
            tiers = [] if self.slots.account_is_full(warm) else allowed(self.fleet, first)
            known = mark, [tier for tier in tiers if self._is_open(warm, first, tier)]
            self.remembered.places[lane] = known
        return [(tier, [warm]) for tier in known[1] if not self.shares.is_spent(warm, tier)]

    def open_on(self, lane: str, warm: Account) -> list[str] | None:
        """The tiers that are open to a lane whose sessions stay on that account, None where nobody has looked since it
        was touched."""
        known = self.remembered.places.get(lane)
        return None if known is None or known[0] != self.remembered.mark(warm.pool) else known[1]

    def _with_room(self, openings: Openings, labels: tuple[str, ...]) -> Places:
        able = (
            (tier, self.slots.having_host_for(labels, self._in_order(tier, names)))
            for tier, names in openings
        )
        return [(tier, accounts) for tier, accounts in able if accounts]

    def _in_order(self, tier: str, names: frozenset[str]) -> Sequence[Account]:
        """Those of the accounts that have a place and anything left, in the order in which they are tried."""
        if len(names) == len(self._giving[tier]):
            return self._by_price(tier)
        return [a for a in self._by_price(tier) if a.name in names]

    def _opened(self, task: Task) -> Openings:
        """The tiers that a task may use whose session stays nowhere, each with the accounts that are open to it in this
        round."""
        key = self._opens_to(task)
        if key not in self._open_to:
            self._open_to[key] = tuple(
                (tier, self._open_for(task, tier)) for tier in allowed(self.fleet, task)
            )
        return self._open_to[key]

    def _opens_to(self, task: Task) -> Alike:
        project = self.fleet.projects.get(task.spec.project_name)
        return (
            () if project is None else project.accounts,
            allowed(self.fleet, task),
            task.plans_with,
            task.shuns,
            task.bound and (task.session_account or ""),
        )

    def _open_for(self, task: Task, tier: str) -> frozenset[str]:
        giving = self._giving_to(tier)
        if suits_all(self.fleet, task):
            return frozenset(giving)
        return frozenset(name for name, a in giving.items() if suits(self.fleet, self.slots, task, a))

    def is_open_to(self, task: Task, account: Account, tier: str) -> bool:
        """Whether nothing but capacity stands against a task without a session there: then `refusal` finds nothing."""
        return (
            task.session_id is None
            and self.gives(account, tier)
            and suits(self.fleet, self.slots, task, account)
            and not self.slots.account_is_full(account)
            and self.slots.project_refusal(task) is None
        )

    def _is_open(self, account: Account, task: Task, tier: str) -> bool:
        return standing(self.fleet, self.slots, task, account, tier) is None

    def _giving_to(self, tier: str) -> Mapping[str, Account]:
        """The accounts that had a place at the round's beginning and give to the tier, whatever the task."""
        if tier not in self._giving:
            self._giving[tier] = {a.name: a for a in self._with_places if self.gives(a, tier)}
        return self._giving[tier]

    def gives(self, account: Account, tier: str) -> bool:
        """Whether it gives work of the tier to some task now."""
        known = self.remembered.gives.setdefault(tier, {})
        if account.name not in known:
            known[account.name] = gives(self.fleet, self.slots, account, tier)
        return known[account.name]

    def _by_price(self, tier: str) -> tuple[Account, ...]:
        """The accounts with a place and anything left, in the order in which they are tried for a tier: the cheapest
        first, then what is paid for, then the most headroom, then the name. What fits the first is not offered to the
        next."""
        if tier not in self._order:
            known = self.remembered.orders.setdefault(tier, {})
            giving = self._giving_to(tier)
            for name in giving.keys() - known.keys():
                known[name] = self._order_of(giving[name], tier)
            ordered = [(order, a) for name, a in giving.items() if (order := known[name]) is not None]
            ordered.sort(key=itemgetter(0))
            self._order[tier] = tuple(a for _, a in ordered)
        return self._order[tier]

    def _order_of(self, account: Account, tier: str) -> tuple[float | str, ...] | None:
        """None when it has no place, or nothing left."""
        if self.slots.account_is_full(account) or self.shares.is_spent(account, tier):
            return None
        return (self.market.unit(account, tier), *self.among_equals(account, tier), account.name)

    def among_equals(self, account: Account, tier: str) -> tuple[float, ...]:
        draws = self.shares.draws(account, tier)
        least = min(
            (left.mean if left.known else UNKNOWN_HEADROOM for left, _ in draws), default=UNKNOWN_HEADROOM
        )
        roomy = least - CROWD * self.slots.workers_on(account)
        return (MERIT[account.kind], -round(roomy, SAME_DECIMALS))
