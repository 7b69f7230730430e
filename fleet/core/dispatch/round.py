"""One round of dispatch: the placements to make now, the best first.

Each lane of the queue offers the best of its first tasks; among the lanes the offer with the highest density is taken,
its capacity and place are gone, and the next is looked for, until nothing acceptable is left. Acceptable is what pays
for its capacity (net ≥ 0), and would not do clearly better later. Why: docs/dispatch.md, "5. The choice".
"""

from __future__ import annotations

from collections.abc import Iterator
from heapq import heappop, heappush
from itertools import islice, pairwise
from math import inf
from typing import Literal, NamedTuple

from fleet.core.dispatch.fairness import Fairness
from fleet.core.dispatch.feasible import (
    Placement,
    Refusal,
    any_account_gives,
    backs_off_from,
    backs_off_until,
    beyond_means,
    held_back,
    refusal,
)
from fleet.core.dispatch.lane_places import LanePlaces
from fleet.core.dispatch.memory import Head, Kept, Memory, Places
from fleet.core.dispatch.price import CLOSE, Bid, Quote
from fleet.core.dispatch.slots import Slots
from fleet.core.dispatch.spending import Spending
from fleet.core.dispatch.tiers import allowed
from fleet.core.model import AGE_DOUBLES_MS, Account, Fleet, Task, is_timed

HEADS = 4
"""How many acceptable tasks of a lane with deadlines are compared: the nearest deadline is not always worth most."""

LOOKED_AT = 32
"""How many tasks of a lane are looked at: a long lane of tasks that cannot run must take no time."""

PATIENCE = 0.02
"""By how much of its worth waiting must be better than running now (docs/dispatch.md, "5. The choice")."""

TOLERANCE = 1e-6
"""A net below 0 by less than this part of the worth is 0: prices are computed, and what pays exactly its price is
accepted (docs/dispatch.md, "4. What capacity costs: the planning problem")."""

REFUSALS_TOLD = 8
"""Of what was refused when a task was placed, so that many accounts fill no journal."""

Against = Literal["price", "size", "both", "host"]


def choose(fleet: Fleet) -> Iterator[Placement]:
    """Yields the placements to make now, best first."""
    return Chooser()(fleet)


class Chooser:
    """`choose`, for one who asks again and again as a fleet goes on: what was worked out is kept for what has not
    changed (`fleet.core.dispatch.memory`). The placements are the same."""

    def __init__(self) -> None:
        self._memory: Memory | None = None

    def __call__(self, fleet: Fleet) -> Iterator[Placement]:
        if fleet.draining or not fleet.queue or fleet.policy.breaker:
            return iter(())
        if self._memory is None:
            self._memory = Memory(fleet, Slots(fleet))
        else:
            self._memory.follow(fleet)
        return _chosen(fleet, self._memory)


def _chosen(fleet: Fleet, memory: Memory) -> Iterator[Placement]:
    slots = memory.slots
    if slots.hosts_are_full() or not any_account_gives(fleet, slots):
        return
    dispatch = Round(fleet, slots, memory)
    offers: list[tuple[tuple[float, int, str], str, Offer | Kept]] = []
    for lane in sorted(fleet.queue):
        _push(offers, lane, dispatch.first_of(lane))
    while offers:
        _, lane, found = heappop(offers)
        if isinstance(found, Kept):
            _push(offers, lane, dispatch.of_now(found))
            continue
        offer = found
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


class Offer(NamedTuple):
    task: Task
    account: Account
    quote: Quote
    rank: float
    taken: int


Found = tuple[float, "Offer | Kept"]
"""What a lane has to offer, and its rank: of what was kept the most that it can be now."""


def _push(
    offers: list[tuple[tuple[float, int, str], str, Offer | Kept]], lane: str, found: Found | None
) -> None:
    if found is not None:
        rank, offer = found
        heappush(offers, ((-rank, offer.task.number, offer.task.id), lane, offer))


class Round:
    """What is known while one round lasts."""

    def __init__(self, fleet: Fleet, slots: Slots, memory: Memory | None = None) -> None:
        """`memory` follows the fleet, and `slots` is its own."""
        self.fleet = fleet
        self.slots = slots
        self.memory = memory or Memory(fleet, slots)
        self.shares = self.memory.shares
        self.market = self.memory.market
        self.places = LanePlaces(fleet, slots, self.memory)
        self.fairness = Fairness(fleet, slots.running)
        self.spending = Spending(fleet, slots, self.shares, self.market)
        self._accounts = [a for a in fleet.accounts.values() if a.state != "removed"]
        self._taken = 0
        self._placed: set[str] = set()
        self._too_large: dict[str, float] = {}
        """By lane, the smallest size that fits nowhere any more in this round."""
        self._growth: dict[int, float] = {}

    def first_of(self, lane: str) -> Found | None:
        """As `best_of`, at the beginning of the round: what was kept is reckoned for this moment (`of_now`) only when
        it may be the best of all."""
        head = self.memory.heads.get(lane)
        found = head.kept if head is not None and self._is_still(head, lane) else self._found(lane)
        if not isinstance(found, Kept):
            return found and (found.rank, found)
        if not self.fairness.is_plain:
            return self.of_now(found)
        at_ms = found.at_ms
        if at_ms not in self._growth:
            self._growth[at_ms] = 2.0 ** ((self.fleet.now_ms - at_ms) / AGE_DOUBLES_MS) * (1.0 + TOLERANCE)
        assert isinstance(found.came, Offer)
        return found.came.quote.density * self._growth[at_ms], found

    def _is_still(self, head: Head, lane: str) -> bool:
        """Whether it is the lane's offer at the beginning of this round, too. What is asked of the task itself has been
        asked: it is no longer there when something of the task has changed."""
        task, slots = head.kept.task, self.slots
        return (
            head.ranks is self.fleet.queue[lane]
            and head.mark == self.memory.mark(head.account.pool)
            and self.fleet.now_ms < head.until_ms
            and slots.project_refusal(task) is None
            and slots.has_host_for(task.spec.labels, head.account)
            and (
                not self._differs(task)
                or (not held_back(self.fleet, task) and slots.host_for(task, head.account) is not None)
            )
        )

    def of_now(self, kept: Kept) -> Found:
        """A kept offer as one finds it who looks at the lane at the beginning of the round."""
        assert isinstance(kept.came, Offer)
        offer = self._quoted(kept.task, kept.came.account, kept.came.quote.tier, 0)
        kept.came, kept.at_ms = offer, self.fleet.now_ms
        return offer.rank, offer

    def best_of(self, lane: str) -> Found | None:
        """The best acceptable offer of a lane, None when there is none."""
        found = self._found(lane)
        if isinstance(found, Kept):
            assert isinstance(found.came, Offer)
            found = self._quoted(found.task, found.came.account, found.came.quote.tier, self._taken)
        return found and (found.rank, found)

    def _found(self, lane: str) -> Offer | Kept | None:
        """The best acceptable offer of a lane, None when there is none.

        A lane without deadlines is in the order of value for size. So its first acceptable task is its best. Behind a
        task that does not pay for its capacity, no task does. Behind a task that pays only where it does not fit, no
        task that is as large can run. In a lane with deadlines several tasks have to be compared.
        """
        places = self.places.of(lane)
        timed = is_timed(lane)
        found: list[Offer] = []
        looked_at, until_ms = 0, inf
        too_large = self._too_large.get(lane, inf)
        for rank in self.fleet.queue[lane] if places else ():
            task = self.fleet.tasks[rank[3]]
            waits_ms = self._waits_until(task, too_large)
            if waits_ms is not None:
                until_ms = min(until_ms, waits_ms)
                continue
            if looked_at >= LOOKED_AT or len(found) >= (HEADS if timed else 1):
                break
            offer = self._offer_of(task, places) if timed else self._remembered(task, places)
            if isinstance(offer, Kept):
                self._is_head(offer, lane, until_ms)
                return offer
            looked_at += offer != "host"
            until_ms = -inf
            if isinstance(offer, Offer):
                found.append(offer)
            elif offer == "price" and not timed:
                break
            elif offer == "size":
                self._too_large[lane] = too_large = min(too_large, task.spec.size)
            elif offer == "both" and not timed and not task.attempts:
                too_large = min(too_large, task.spec.size)
        return min(found, key=lambda o: (-o.rank, o.task.number, o.task.id), default=None)

    def _waits_until(self, task: Task, too_large: float) -> float | None:
        """Until when a task is passed by, should nothing of it change; an unknown time is past. None: it is not."""
        if task.spec.size >= too_large and not task.attempts:
            return -inf
        if task.id in self._placed or held_back(self.fleet, task):
            return -inf
        return backs_off_until(self.fleet, task)

    def _is_head(self, kept: Kept, lane: str, until_ms: float) -> None:
        assert isinstance(kept.came, Offer)
        account, until_ms = kept.came.account, min(until_ms, kept.until_ms)
        stays = kept.task.session_id is not None and kept.task.session_account == account.name
        if stays and self.fleet.now_ms < until_ms:
            mark = self.memory.mark(account.pool)
            self.memory.heads[lane] = Head(self.fleet.queue[lane], mark, account, kept, until_ms)

    def _remembered(self, task: Task, places: Places) -> Offer | Kept | Against:
        """As `_offer_of`, of a task without a deadline; what came of it in an earlier round, where that holds still."""
        if task.spec.deadline_ms is not None:
            return self._offer_of(task, places)
        first = places[0][1][0]
        stays = task.session_id is not None and task.session_account == first.name
        differs = self._differs(task)
        if differs and stays and self.slots.host_for(task, first) is None:
            return "host"
        seen = tuple((tier, some[0].name, self.memory.mark(some[0].pool)) for tier, some in places)
        kept = self.memory.offers.get(task.id)
        if kept is not None and kept.task is task and kept.seen == seen and self.fleet.now_ms < kept.until_ms:
            return kept if isinstance(kept.came, Offer) else kept.came
        self.shares.begin()
        came = self._offer_of(task, places)
        by_the_first = isinstance(came, Offer) and not self.shares.found_short and not differs
        if (stays or by_the_first) and self._stays_so(task, places, came):
            until_ms = min(self.shares.eases_ms, backs_off_from(self.fleet, task))
            self.memory.offers[task.id] = Kept(task, seen, came, self.fleet.now_ms, until_ms)
        return came

    def _stays_so(self, task: Task, places: Places, came: Offer | Against) -> bool:
        """Whether only a touch of the pools that are tried first, or what becomes small enough to fit by itself,
        changes what came of looking at the task: nothing has a price, no limit counts, and rounding decides nothing."""
        if self.fleet.limits or (self.spending.matters and not isinstance(came, Offer)):
            return False
        bids = [self.market.bid(task, tier) for tier, _ in places]
        merits = sorted(bid.preference - bid.gross for bid in bids)
        apart = CLOSE * bids[0].worth
        return (
            not any(bid.close for bid in bids)
            and not any(after - before <= apart for before, after in pairwise(merits))
            and all(self.market.is_calm(task, some[0], tier) for tier, some in places)
            and not any(self.spending.asks(some[0], task) for _, some in places)
        )

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
        differs = self._differs(task)
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
                order = (bid.preference - net, *self.places.among_equals(account, tier))
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
        return self._quoted(task, account, tier, self._taken)

    def _quoted(self, task: Task, account: Account, tier: str, taken: int) -> Offer:
        quote = self.market.quote(task, account, tier)
        return Offer(task, account, quote, quote.density * self.fairness.of(task), taken)

    def _differs(self, task: Task) -> bool:
        """Whether it matters to the task on which of the hosts that have a place."""
        return task.id in self.fleet.worktrees or self.slots.is_choosy(task)

    def refused(self, task: Task) -> tuple[Refusal, ...]:
        """What speaks against placements of the task that cannot be made, by account: the first that are told."""
        against = (
            self._refusal(task, account, tier)
            for account in sorted(self._accounts, key=lambda a: a.name)
            for tier in allowed(self.fleet, task)
        )
        return tuple(islice((one for one in against if one is not None), REFUSALS_TOLD + 1))

    def considered(self, task: Task, account: Account, tier: str) -> tuple[Refusal | None, Quote | None]:
        """The first reason against the placement, None when there is none; and its arithmetic, if it came to that."""
        against = refusal(self.fleet, self.slots, task, account, tier)
        if against is not None:
            return against, None
        return self._against(task, account, tier), self.market.quote(task, account, tier)

    def _refusal(self, task: Task, account: Account, tier: str) -> Refusal | None:
        if not self.places.is_open_to(task, account, tier):
            against = refusal(self.fleet, self.slots, task, account, tier)
            if against is not None:
                return against
        return self._against(task, account, tier)

    def _against(self, task: Task, account: Account, tier: str) -> Refusal | None:
        bid = self.market.bid(task, tier)
        short = beyond_means(self.fleet, self.shares, task, account, tier, bid.need)
        if short is not None:
            return short
        why = self._not_worth_it(task, bid, self.market.net(bid, account, tier), tier)
        dear = None if why is None else Refusal(account.name, tier, why, crowded=True)
        return dear or self._billed(task, account, tier)

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
            and any(self._refusal(task, account, tier) is None for tier in allowed(self.fleet, task))
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
        self.memory.take(offer.account.pool)
        self.places.taken()
