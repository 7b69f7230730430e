"""What the lanes of the queue offer in one round of dispatch: each the best of its first tasks.

Acceptable is what pays for its capacity (net ≥ 0), and would not do clearly better later. Why: docs/dispatch.md, "5.
The choice".
"""

from __future__ import annotations

from collections.abc import Iterator
from heapq import merge
from math import inf
from typing import Literal, NamedTuple

from fleet.core.capacity.costs import Expected
from fleet.core.dispatch.fairness import Fairness
from fleet.core.dispatch.feasible import (
    backs_off_from,
    backs_off_until,
    beyond_means,
    held_back,
    refusal,
)
from fleet.core.dispatch.lane_places import LanePlaces
from fleet.core.dispatch.price import Quote, are_apart
from fleet.core.dispatch.refusals import TOLERANCE, Refusals
from fleet.core.dispatch.relearned import Relearned
from fleet.core.dispatch.remembered import LookedAt, Places, Remembered, Seen
from fleet.core.dispatch.resting import WORK_MIN, Group, Head, Line, Order, at_most
from fleet.core.dispatch.slots import Slots
from fleet.core.dispatch.spending import Spending
from fleet.core.model import AGE_DOUBLES_MS, Account, Fleet, Task, is_timed

HEADS = 4
"""How many acceptable tasks of a lane with deadlines are compared: the nearest deadline is not always worth most."""

LOOKED_AT = 32
"""How many tasks of a lane are looked at: a long lane of tasks that cannot run must take no time."""

Against = Literal["price", "size", "both", "host"]


class Offer(NamedTuple):
    task: Task
    account: Account
    quote: Quote
    rank: float
    taken: int


Found = tuple[float, "Offer | LookedAt"]
"""What a lane has to offer, and its rank: of what was kept the most that it can be now."""

Waiting = tuple[tuple[float, int, str], str, "Offer | LookedAt"]
"""An offer in the order in which they are taken, and its lane."""


class Round:
    """What is known while one round lasts."""

    def __init__(self, fleet: Fleet, slots: Slots, remembered: Remembered | None = None) -> None:
        """`remembered` follows the fleet, and `slots` is its own."""
        self.fleet = fleet
        self.slots = slots
        self.remembered = remembered or Remembered(fleet, slots)
        self.shares = self.remembered.shares
        self.market = self.remembered.market
        self.places = LanePlaces(fleet, slots, self.remembered)
        self.fairness = Fairness(fleet, slots.running)
        self.spending = Spending(fleet, slots, self.shares, self.market)
        self.refusals = Refusals(fleet, self.slots, self.places, self.spending)
        self._taken = 0
        self._placed: set[str] = set()
        self._too_large: dict[str, float] = {}
        """By lane, the smallest size that fits nowhere any more in this round."""
        self._growth: dict[int, float] = {}
        self._rests = self.fairness.is_plain and not slots.some_are_unfit

    def lanes(self) -> list[str]:
        """Those that have to be looked at when the round begins. The others are at rest: what they offer comes, the
        best first, from `resting`."""
        Relearned(self.fleet, self.remembered, self.places, self.spending).settle()
        if not self._rests:
            return sorted(self.fleet.queue)
        self._follow_groups()
        return sorted(self.remembered.resting.awake | self.remembered.resting.rooted)

    def resting(self) -> Iterator[Waiting]:
        """What the lanes that are at rest now offer, at the most that it can be now."""
        resting = self.remembered.resting.in_order() if self._rests else {}
        return merge(*(self._offers_of(line, lanes) for line, lanes in resting.items()))

    def _offers_of(self, line: Line, lanes: list[tuple[Order, str]]) -> Iterator[Waiting]:
        heads, now_ms = self.remembered.resting.heads, self.fleet.now_ms
        more = 1.0 + TOLERANCE
        first: Account | None = None
        seen: Seen = ()
        if line is not None:
            alike, tier = line
            group = self.remembered.resting.groups[alike]
            if not group.is_open:
                return
            first, seen = group.firsts[tier], group.seen
            more /= max(self.market.tightest(first, tier), WORK_MIN)
        for order, lane in lanes:
            _, number, name = order
            kept = heads[lane].kept
            if kept is not None and self.slots.project_refusal(kept.task) is None:
                if first is not None and kept.seen != seen and not isinstance(kept.came, str):
                    quote = self.market.requoted(kept.came.quote, first)
                    kept.came, kept.seen = kept.came._replace(account=first, quote=quote), seen
                yield (-at_most(order, now_ms) * more, number, name), lane, kept

    def _follow_groups(self) -> None:
        """Looks at each group of lanes once: whether they may still have what they had to offer."""
        resting = self.remembered.resting
        for alike, group in list(resting.groups.items()):
            lane = next(iter(group.lanes), None)
            task = None if lane is None else self.fleet.tasks[self.fleet.queue[lane][0][3]]
            places = [] if task is None else self.places.of_new(task)
            group.is_open = bool(places)
            if task is None or (places and not self._group_still_fits(group, task, places)):
                resting.dissolve(alike)

    def _group_still_fits(self, group: Group, task: Task, places: Places) -> bool:
        """As `_still_fits`, of all lanes that are like that of the task."""
        seen = self._seen(places)
        if seen == group.seen and not group.is_unsure:
            return True
        if [tier for tier, _, _ in seen] != [tier for tier, _, _ in group.seen]:
            return False
        if not all(self._is_fit(task, some[0], tier, group.most[tier]) for tier, some in places):
            return False
        group.seen, group.firsts = seen, {tier: some[0] for tier, some in places}
        group.is_unsure = False
        return True

    def _seen(self, places: Places) -> Seen:
        return tuple((tier, some[0].name, self.remembered.weight(some[0].pool)) for tier, some in places)

    def _is_fit(self, task: Task, account: Account, tier: str, need: Expected) -> bool:
        """Whether what the task needs fits there, and nothing there has a price."""
        return (
            not self.spending.asks(account, task)
            and self.market.is_calm(task, account, tier)
            and self.shares.too_little(account, tier, need) is None
        )

    def first_of(self, lane: str) -> Found | None:
        """As `best_of`, at the beginning of the round: what was kept is reckoned for this moment (`of_now`) only when
        it may be the best of all."""
        head = self.remembered.resting.heads.get(lane)
        still = head is not None and head.account is not None and self._is_still(head, head.account)
        found = head.kept if head is not None and still else self._found(lane)
        if not isinstance(found, LookedAt):
            return found and (found.rank, found)
        if not self.fairness.is_plain:
            return self.of_now(found)
        at_ms = found.at_ms
        if at_ms not in self._growth:
            self._growth[at_ms] = 2.0 ** ((self.fleet.now_ms - at_ms) / AGE_DOUBLES_MS) * (1.0 + TOLERANCE)
        return found.density * self._growth[at_ms], found

    def _is_still(self, head: Head, account: Account) -> bool:
        """Whether it is the lane's offer at the beginning of this round, too."""
        if head.kept is None:
            return True
        task = head.kept.task
        return self.slots.project_refusal(task) is None and (
            not self._differs(task)
            or (not held_back(self.fleet, task) and self.slots.host_for(task, account) is not None)
        )

    def of_now(self, kept: LookedAt) -> Found:
        """A kept offer as one finds it who looks at the lane at the beginning of the round."""
        assert isinstance(kept.came, Offer)
        offer = self._quoted(kept.task, kept.came.account, kept.came.quote.tier, 0)
        kept.came, kept.at_ms = offer, self.fleet.now_ms
        return offer.rank, offer

    def best_of(self, lane: str) -> Found | None:
        """The best acceptable offer of a lane, None when there is none."""
        found = self._found(lane)
        if isinstance(found, LookedAt):
            assert isinstance(found.came, Offer)
            found = self._quoted(found.task, found.came.account, found.came.quote.tier, self._taken)
        return found and (found.rank, found)

    def _found(self, lane: str) -> Offer | LookedAt | None:
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
            if isinstance(offer, LookedAt):
                self._is_head(offer, lane, until_ms, places)
                return offer
            looked_at += offer != "host"
            until_ms = -inf
            if isinstance(offer, Offer):
                found.append(offer)
            elif offer == "price" and not timed:
                break
            elif offer == "size":
                self._too_large[lane] = too_large = min(too_large, task.work.size)
            elif offer == "both" and not timed and not task.attempts:
                too_large = min(too_large, task.work.size)
        return min(found, key=lambda o: (-o.rank, o.task.number, o.task.id), default=None)

    def _waits_until(self, task: Task, too_large: float) -> float | None:
        """Until when a task is passed by, should nothing of it change; an unknown time is past. None: it is not."""
        if task.work.size >= too_large and not task.attempts:
            return -inf
        if task.id in self._placed or held_back(self.fleet, task):
            return -inf
        return backs_off_until(self.fleet, task)

    def _is_head(self, kept: LookedAt, lane: str, until_ms: float, places: Places) -> None:
        assert isinstance(kept.came, Offer)
        task, account, until_ms = kept.task, kept.came.account, min(until_ms, kept.until_ms)
        if self.fleet.now_ms >= until_ms:
            return
        if task.session_id is not None and task.session_account == account.name:
            self.remembered.resting.rest(lane, Head(account, kept, until_ms, self._differs(task)))
        elif task.session_id is None and kept.first and self._rests and not self._taken:
            self._join(lane, Head(None, kept, until_ms, alike=self.places.alike(task)), places)

    def _join(self, lane: str, head: Head, places: Places) -> None:
        """From here on the lane is at rest with those that are alike."""
        resting = self.remembered.resting
        assert head.alike is not None and head.kept is not None
        if head.alike not in resting.groups:
            firsts = {tier: some[0] for tier, some in places}
            resting.groups[head.alike] = Group(head.kept.seen, firsts)
        group = resting.groups[head.alike]
        if group.seen == head.kept.seen:
            for tier, _ in places:
                group.needs(tier, self.market.expected(head.kept.task, tier))
            resting.rest(lane, head)

    def _remembered(self, task: Task, places: Places) -> Offer | LookedAt | Against:
        """As `_offer_of`, of a task without a deadline; what came of it in an earlier round, where that holds still."""
        if task.spec.deadline_ms is not None:
            return self._offer_of(task, places)
        first = places[0][1][0]
        stays = task.session_id is not None and task.session_account == first.name
        differs = self._differs(task)
        if differs and not stays:
            return self._offer_of(task, places)
        if differs and self.slots.host_for(task, first) is None:
            return "host"
        seen = self._seen(places)
        kept = self.remembered.offers.get(task.id)
        if (
            kept is not None
            and kept.task is task
            and self.fleet.now_ms < kept.until_ms
            and not kept.stale
            and (kept.seen == seen or self._still_fits(kept, seen, places))
        ):
            return kept if isinstance(kept.came, Offer) else kept.came
        self.shares.begin()
        came = self._offer_of(task, places)
        by_the_first = isinstance(came, Offer) and not self.shares.found_short
        if (stays or by_the_first) and self._stays_so(task, places, came):
            until_ms = min(self.shares.eases_ms, backs_off_from(self.fleet, task))
            kept = LookedAt(task, seen, came, self.fleet.now_ms, until_ms, first=by_the_first)
            self.remembered.offers[task.id] = kept
            if isinstance(came, Offer):
                return kept
        return came

    def _still_fits(self, kept: LookedAt, seen: Seen, places: Places) -> bool:
        """Whether the tier that was chosen still is, though the accounts that are tried first are others, or were
        touched: it fits with each tier where that is tried first, as it did, and nothing there has a price."""
        if not kept.first or [tier for tier, _, _ in seen] != [tier for tier, _, _ in kept.seen]:
            return False
        assert isinstance(kept.came, Offer)
        task, market, chosen = kept.task, self.market, kept.came.account
        for tier, some in places:
            account = some[0]
            if not self._is_fit(task, account, tier, market.expected(task, tier)):
                return False
            if tier == kept.came.quote.tier:
                chosen = account
        quote = market.requoted(kept.came.quote, chosen)
        kept.seen, kept.came = seen, kept.came._replace(account=chosen, quote=quote)
        return True

    def _stays_so(self, task: Task, places: Places, came: Offer | Against) -> bool:
        """Whether only a touch of the pools that are tried first, or what becomes small enough to fit by itself,
        changes what came of looking at the task: nothing has a price, no limit counts, and rounding decides nothing."""
        if self.fleet.limits or (self.spending.matters and not isinstance(came, Offer)):
            return False
        return (
            are_apart([self.market.bid(task, tier) for tier, _ in places])
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
                if self.refusals.not_worth_it(task, bid, net, tier) is not None:
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
        self.remembered.take(offer.account.pool)
        self.places.taken()
