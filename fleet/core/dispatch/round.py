"""One round of dispatch: the placements to make now, the best first.

Each lane of the queue offers the best of its first tasks; among the lanes the offer with the highest density is taken,
its capacity and place are gone, and the next is looked for, until nothing acceptable is left. Acceptable is what pays
for its capacity (net ≥ 0), and would not do clearly better later. Why: docs/dispatch.md, "5. The choice".
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from heapq import heappop, heappush
from itertools import islice
from math import inf
from typing import Literal

from fleet.core.capacity.headroom import UNKNOWN_HEADROOM
from fleet.core.capacity.running import Running
from fleet.core.dispatch.fairness import Fairness
from fleet.core.dispatch.feasible import (
    Placement,
    Refusal,
    any_account_gives,
    backs_off_until,
    beyond_means,
    closed,
    held_back,
    refusal,
    standing,
    warm_account,
)
from fleet.core.dispatch.price import Bid, Market, Quote
from fleet.core.dispatch.shares import Shares
from fleet.core.dispatch.slots import Slots
from fleet.core.dispatch.spending import Spending
from fleet.core.dispatch.tiers import allowed
from fleet.core.model import Account, Fleet, Task, is_timed

HEADS = 4
"""How many acceptable tasks of a lane with deadlines are compared: the nearest deadline is not always worth most."""

LOOKED_AT = 32
"""How many tasks of a lane are looked at: a long lane of tasks that cannot run must take no time."""

PATIENCE = 0.02
"""By how much of its worth waiting must be better than running now (docs/dispatch.md, "5. The choice")."""

MERIT = {"subscription": 0, "local": 0, "api-key": 1}
"""Among equals, what is already paid for goes first (docs/dispatch.md, "5. The choice")."""

CROWD = 0.02
"""What a worker counts for on its account, as a share of a bucket: of accounts with the same headroom, the one with
fewer workers is tried first."""

SAME_DECIMALS = 6
"""Headroom that differs only behind these decimals is the same: then the name decides, on every machine alike."""

TOLERANCE = 1e-6
"""A net below 0 by less than this part of the worth is 0: prices are computed, and what pays exactly its price is
accepted (docs/dispatch.md, "4. What capacity costs: the planning problem")."""

REFUSALS_TOLD = 8
"""Of what was refused when a task was placed, so that many accounts fill no journal."""

Against = Literal["price", "size", "both", "host"]

Places = list[tuple[str, list[Account]]]
"""Tiers, each with the accounts that have a place, in the order in which they are tried."""

Openings = tuple[tuple[str, frozenset[str]], ...]
"""Tiers, each with the names of the accounts that are open to it."""


def choose(fleet: Fleet) -> Iterator[Placement]:
    """Yields the placements to make now, best first."""
    return Chooser()(fleet)


class Chooser:
    """`choose`, for one who asks again and again as a fleet goes on: what was worked out of running work is kept for
    what has not changed. The placements are the same."""

    def __init__(self) -> None:
        self._running: Running | None = None

    def __call__(self, fleet: Fleet) -> Iterator[Placement]:
        if fleet.draining or not fleet.queue or fleet.policy.breaker:
            return iter(())
        if self._running is None:
            self._running = Running(fleet)
        else:
            self._running.follow(fleet)
        return _chosen(fleet, Slots(fleet, self._running))


def _chosen(fleet: Fleet, slots: Slots) -> Iterator[Placement]:
    if slots.hosts_are_full() or not any_account_gives(fleet, slots):
        return
    dispatch = Round(fleet, slots)
    offers: list[tuple[tuple[float, int, str], str, Offer]] = []
    for lane in sorted(fleet.queue):
        _push(offers, lane, dispatch.best_of(lane))
    while offers:
        _, lane, offer = heappop(offers)
        host = slots.host_for(offer.task, offer.account)
        if host is None or not dispatch.still_good(offer):
            _push(offers, lane, dispatch.best_of(lane))
            continue
        refused = dispatch.refused(offer.task)
        dispatch.take(offer, host.name)
        yield Placement(offer.task.id, offer.account.name, offer.quote.tier, host.name, refused, offer.quote)
        if slots.hosts_are_full() or not any_account_gives(fleet, slots):
            return
        _push(offers, lane, dispatch.best_of(lane))


@dataclass(frozen=True, slots=True)
class Offer:
    task: Task
    account: Account
    quote: Quote
    rank: float
    taken: int


def _push(offers: list[tuple[tuple[float, int, str], str, Offer]], lane: str, offer: Offer | None) -> None:
    if offer is not None:
        heappush(offers, ((-offer.rank, offer.task.number, offer.task.id), lane, offer))


class Round:
    """What is known while one round lasts."""

    def __init__(self, fleet: Fleet, slots: Slots) -> None:
        self.fleet = fleet
        self.slots = slots
        self.shares = Shares(fleet, slots.running, slots.pools)
        self.market = Market(fleet, self.shares, slots.running.costs)
        self.fairness = Fairness(fleet, slots.running)
        self.spending = Spending(fleet, slots, self.shares, self.market)
        self._accounts = [a for a in fleet.accounts.values() if a.state != "removed"]
        self._accounts_by_name = sorted(self._accounts, key=lambda a: a.name)
        self._with_places = [a for a in self._accounts if not slots.account_is_full(a)]
        self._taken = 0
        self._placed: set[str] = set()
        self._giving: dict[str, dict[str, Account]] = {}
        self._open: dict[str, Openings] = {}
        self._open_to: dict[tuple[object, ...], Openings] = {}
        self._too_large: dict[str, float] = {}
        """By lane, the smallest size that fits nowhere any more in this round."""
        self._order: dict[str, tuple[Account, ...]] = {}
        self._able: dict[tuple[Openings, tuple[str, ...]], Places] = {}
        """By openings and labels. It holds until the next placement, as the order does."""

    def best_of(self, lane: str) -> Offer | None:
        """The best acceptable offer of a lane, None when there is none.

        A lane without deadlines is in the order of value for size. So its first acceptable task is its best. Behind a
        task that does not pay for its capacity, no task does. Behind a task that pays only where it does not fit, no
        task that is as large can run. In a lane with deadlines several tasks have to be compared.
        """
        places = self._places(lane)
        timed = is_timed(lane)
        found: list[Offer] = []
        looked_at = 0
        too_large = self._too_large.get(lane, inf)
        for rank in self.fleet.queue[lane] if places else ():
            task = self.fleet.tasks[rank[3]]
            if task.spec.size >= too_large and not task.attempts:
                continue
            if task.id in self._placed or held_back(self.fleet, task) or backs_off_until(self.fleet, task):
                continue
            if looked_at >= LOOKED_AT or len(found) >= (HEADS if timed else 1):
                break
            offer = self._offer_of(task, places)
            looked_at += offer != "host"
            if isinstance(offer, Offer):
                found.append(offer)
            elif offer == "price" and not timed:
                break
            elif offer == "size":
                self._too_large[lane] = too_large = min(too_large, task.spec.size)
            elif offer == "both" and not timed and not task.attempts:
                too_large = min(too_large, task.spec.size)
        return min(found, key=lambda o: (-o.rank, o.task.number, o.task.id), default=None)

    def _places(self, lane: str) -> Places:
        """The tiers and the accounts, in the order in which they are tried, that have a place for tasks of the lane:
        these are the same for all of them."""
        first = self.fleet.tasks[self.fleet.queue[lane][0][3]]
        if self.slots.project_refusal(first) is not None:
            return []
        if lane not in self._open:
            self._open[lane] = self._opened(first)
        key = (self._open[lane], first.spec.labels)
        if key not in self._able:
            self._able[key] = self._with_room(self._open[lane], first.spec.labels)
        return self._able[key]

    def _with_room(self, openings: Openings, labels: tuple[str, ...]) -> Places:
        able = (
            (tier, [a for a in self._in_order(tier, names) if self.slots.has_host_for(labels, a)])
            for tier, names in openings
        )
        return [(tier, accounts) for tier, accounts in able if accounts]

    def _in_order(self, tier: str, names: frozenset[str]) -> list[Account]:
        """Those of the accounts that have a place and anything left, in the order in which they are tried."""
        if len(names) > 1:
            return [a for a in self._by_price(tier) if a.name in names]
        alone = [self.fleet.accounts[name] for name in names]
        return [a for a in alone if self._has_any(a, tier)]

    def _opened(self, task: Task) -> Openings:
        """The tiers that a task may use, each with the accounts that are open to it in this round."""
        warm = warm_account(self.fleet, self.slots, task)
        stays_on = None if warm is None else warm.name
        bound_to = task.session_account if task.bound else None
        project = self.fleet.projects.get(task.spec.project_name)
        key = (
            () if project is None else project.accounts,
            allowed(self.fleet, task),
            task.plans_with,
            stays_on,
            task.shuns,
            bound_to,
        )
        if key not in self._open_to:
            self._open_to[key] = tuple(
                (tier, frozenset(a.name for a in self._giving_to(tier, warm) if self._is_open(a, task, tier)))
                for tier in allowed(self.fleet, task)
            )
        return self._open_to[key]

    def _is_open(self, account: Account, task: Task, tier: str) -> bool:
        return standing(self.fleet, self.slots, task, account, tier) is None

    def _giving_to(self, tier: str, only: Account | None) -> list[Account]:
        """The accounts that had a place at the round's beginning and are not closed to the tier, whatever the task; of
        a session that stays on one, this one `only`."""
        if tier not in self._giving:
            self._giving[tier] = {
                a.name: a for a in self._with_places if closed(self.fleet, self.slots, a, tier) is None
            }
        giving = self._giving[tier]
        if only is None:
            return list(giving.values())
        return [only] if only.name in giving else []

    def _offer_of(self, task: Task, places: Places) -> Offer | Against:
        """As `_offer`. Accounts that are billed are asked only when no other takes the task, and it needs them."""
        if not self.spending.matters:
            return self._offer(task, places)
        asks = self.spending.asks
        offer = self._offer(task, [(tier, [a for a in some if not asks(a, task)]) for tier, some in places])
        if isinstance(offer, Offer) or offer == "host":
            return offer
        billed = [(tier, [a for a in some if self._is_needed(task, a, tier)]) for tier, some in places]
        if any(some for _, some in billed):
            on_bill = self._offer(task, billed)
            return on_bill if isinstance(on_bill, Offer) or on_bill in (offer, "host") else "both"
        # What speaks against this one says nothing of another with a deadline, which may need what is billed.
        return "price" if is_timed(task.lane) else offer

    def _is_needed(self, task: Task, account: Account, tier: str) -> bool:
        return self.spending.asks(account, task) and self.spending.refusal(task, account, tier) is None

    def _offer(self, task: Task, places: Places) -> Offer | Against:
        """The best acceptable placement of the task. When there is none, what is against all of them: `price`, they are
        too dear; `size`, the task fits nowhere, and so no larger task of its lane does; `both`; or `host`, it waits for
        a place where its work is, or on a host that takes its repository, which says nothing of other tasks."""
        best: tuple[tuple[float, ...], str, str, Account] | None = None
        dear = large = stays = False
        differs = task.id in self.fleet.worktrees or self.slots.is_choosy(task)
        for tier, accounts in places:
            bid = self.market.bid(task, tier)
            for account in accounts:
                if differs and self.slots.host_for(task, account) is None:
                    stays = True
                    continue
                if self.shares.is_hopeless(account, tier, bid.need):
                    large = True
                    continue
                net = self.market.net(bid, account, tier)
                if self._not_worth_it(task, bid, net, tier) is not None:
                    dear = True
                    break  # the next accounts are dearer still
                if beyond_means(self.fleet, self.shares, task, account, tier, bid.need) is not None:
                    large = True
                    dear = dear or not self.shares.is_hopeless(account, tier, bid.need)
                    continue
                order = (bid.preference - net, *self._among_equals(account, tier))
                best = (
                    min(best, (order, account.name, tier, account))
                    if best
                    else (order, account.name, tier, account)
                )
                break
        if best is None and stays:
            return "host"
        if best is None:
            return "both" if dear and large else "price" if dear else "size"
        _, _, tier, account = best
        quote = self.market.quote(task, account, tier)
        return Offer(task, account, quote, quote.density * self.fairness.of(task), self._taken)

    def refused(self, task: Task) -> tuple[Refusal, ...]:
        """What speaks against placements of the task that cannot be made, by account: the first that are told."""
        considered = (
            self.considered(task, account, tier)[0]
            for account in self._accounts_by_name
            for tier in allowed(self.fleet, task)
        )
        return tuple(islice((against for against in considered if against is not None), REFUSALS_TOLD + 1))

    def considered(self, task: Task, account: Account, tier: str) -> tuple[Refusal | None, Quote | None]:
        """The first reason against the placement, None when there is none; and its arithmetic, if it came to that."""
        against = refusal(self.fleet, self.slots, task, account, tier)
        if against is not None:
            return against, None
        quote = self.market.quote(task, account, tier)
        return self._against(task, account, quote), quote

    def _against(self, task: Task, account: Account, quote: Quote) -> Refusal | None:
        bid = self.market.bid(task, quote.tier)
        short = beyond_means(self.fleet, self.shares, task, account, quote.tier, bid.need)
        why = self._not_worth_it(task, bid, quote.net, quote.tier)
        dear = None if why is None else Refusal(account.name, quote.tier, why, crowded=True)
        return short or dear or self._billed(task, account, quote.tier)

    def _billed(self, task: Task, account: Account, tier: str) -> Refusal | None:
        """Why the task is left to an account that is paid for, now or later."""
        if not self.spending.asks(account, task):
            return None
        takes = next((a.name for a in self._accounts if self._takes_freely(a, task)), None)
        if takes is not None:
            return Refusal(
                account.name, tier, f"is billed, and {takes} is paid for and takes it", crowded=True
            )
        return self.spending.refusal(task, account, tier)

    def _takes_freely(self, account: Account, task: Task) -> bool:
        """Whether the account is not billed, and would take the task this moment."""
        return (
            not self.spending.asks(account, task)
            and self.slots.host_for(task, account) is not None
            and any(self.considered(task, account, tier)[0] is None for tier in allowed(self.fleet, task))
        )

    def _not_worth_it(self, task: Task, bid: Bid, net: float, tier: str) -> str | None:
        """Why a feasible placement is left: its capacity is worth more elsewhere, or the task does better later."""
        if net < -TOLERANCE * bid.worth:
            return f"its capacity is worth {bid.gross - net:.3g} elsewhere, the task {bid.gross:.3g}"
        if bid.gross - net <= PATIENCE * bid.worth:
            return None  # no later price can save more than this one costs
        later = self.market.later(task, tier)
        if later > net + PATIENCE * bid.worth:
            return f"it does better later: {later:.3g} instead of {net:.3g} now"
        return None

    def _by_price(self, tier: str) -> tuple[Account, ...]:
        """The accounts with a place and anything left, in the order in which they are tried for a tier: the cheapest
        first, then what is paid for, then the most headroom, then the name. What fits the first is not offered to the
        next."""
        if tier not in self._order:
            able = [a for a in self._giving_to(tier, None) if self._has_any(a, tier)]
            able.sort(key=lambda a: (self.market.unit(a, tier), *self._among_equals(a, tier), a.name))
            self._order[tier] = tuple(able)
        return self._order[tier]

    def _has_any(self, account: Account, tier: str) -> bool:
        return not self.slots.account_is_full(account) and not self.shares.is_spent(account, tier)

    def _among_equals(self, account: Account, tier: str) -> tuple[float, ...]:
        draws = self.shares.draws(account, tier)
        least = min(
            (left.mean if left.known else UNKNOWN_HEADROOM for left, _ in draws), default=UNKNOWN_HEADROOM
        )
        roomy = least - CROWD * self.slots.workers_on(account)
        return (MERIT[account.kind], -round(roomy, SAME_DECIMALS))

    def still_good(self, offer: Offer) -> bool:
        """Whether nothing was taken since it was made, or it still fits."""
        if offer.taken == self._taken:
            return True
        return (
            refusal(self.fleet, self.slots, offer.task, offer.account, offer.quote.tier) is None
            and beyond_means(
                self.fleet, self.shares, offer.task, offer.account, offer.quote.tier, offer.quote.need
            )
            is None
        )

    def take(self, offer: Offer, host: str) -> None:
        self.slots.take(offer.task, offer.account.name, host)
        self.shares.take(offer.account, offer.quote.tier, offer.quote.need)
        self.shares.budgets.take(offer.task, offer.account, offer.quote.tier, offer.quote.need)
        self.fairness.take(offer.task)
        self._placed.add(offer.task.id)
        self._taken += 1
        self._order.clear()
        self._able.clear()
