"""What a placement is worth and what it costs: value × chance − Σ share of each bucket × its price − the place's price.

The prices are made in `fleet.planning.solve`, as dual values of the planning problem: what the best use that we would
have to give up is worth. Without fresh prices every bucket is free, and the order alone decides (greedy by density).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import NamedTuple

from fleet.core.capacity.costs import Believed, Class, Costs, Expected, class_of
from fleet.core.capacity.worth import worth_now
from fleet.core.dispatch.shares import Shares
from fleet.core.dispatch.tiers import allowed, is_free
from fleet.core.model import Account, Fleet, Task, bucket_key
from fleet.core.model.policy import UNKNOWN_WEIGHT
from fleet.core.model.prices import Prices

STALE_MS = 6 * 3_600_000
"""Prices older than this say nothing any more (docs/dispatch.md, "4. What capacity costs: the planning problem")."""

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS

STEP_DOWN = 0.1
"""Where a person named tiers, each step away from the preferred one costs this part of the value (docs/dispatch.md,
"5. The choice")."""

FUEL = 0.03
"""What work with a tier of weight 1 costs in any case, as a part of the task's value: so that of two tiers that would
do, the cheaper one does it also while nothing is scarce (merit order; docs/dispatch.md, "5. The choice")."""

FAILURE = 0.05
"""What a failed try costs beside its work, as a part of the task's value: time, and a person's patience
(docs/dispatch.md, "3. What a task is worth")."""

CLOSE = 1e-9
"""Two amounts that differ by less than this part of the worth are taken for equal where rounding could decide."""

CERTAIN = 0.995
"""From this chance on nobody asks what follows a failure: no chance is known that well."""

HOUR_SHARE = 1e-6
"""What an hour of a worker counts for beside shares of buckets, in the density: of tasks that take next to nothing of
any bucket the shorter goes first."""

SHARE_MIN = 1e-12
"""The density divides by no less."""

DOLLAR = 0.5
"""The price of a dollar, in the worth of a task of priority 0: what a key that bills by the token has to be worth."""

DOLLARS_PER_WORK = 1e-6
"""List price of a work unit with a tier of weight 1: a million plain input tokens for a dollar."""


class Quote(NamedTuple):
    """One placement's arithmetic, in the worth of a fresh task of priority 0. `charges` are (bucket, share, price of
    the whole bucket); `place` what the worker's place costs, `money` what the bill does, `other` fuel (that
    of stronger tiers after it, too) and steps down; `after` is what a stronger tier is expected to make of it should
    this one fail. `density` is its value for the share of its tightest bucket, by which what is acceptable is ordered.
    """

    account: str
    tier: str
    worth: float
    chance: float
    need: Expected
    charges: tuple[tuple[str, float, float], ...]
    place: float
    money: float
    other: float
    after: float
    density: float

    @property
    def cost(self) -> float:
        return sum(share * price for _, share, price in self.charges) + self.place + self.money

    @property
    def gross(self) -> float:
        return self.worth * self.chance + self.after

    @property
    def net(self) -> float:
        """What is left when the capacity is paid; that is what decides whether it runs."""
        return self.worth * self.chance - self.cost + self.after

    @property
    def merit(self) -> float:
        """What decides between tiers: the net less what is only a preference."""
        return self.net - self.other


class Bid(NamedTuple):
    """What a task offers with a tier, before the price of any account: see `Quote`."""

    need: Expected
    worth: float
    after: float
    preference: float
    close: bool = False
    """Whether so little decides what follows a failure that rounding might decide otherwise at another moment."""

    @property
    def gross(self) -> float:
        return self.worth * self.need.chance + self.after


class Market:
    """Quotes for one round of dispatch, or for one after the other (`follow`)."""

    def __init__(self, fleet: Fleet, shares: Shares, costs: Costs) -> None:
        self._fleet = fleet
        self._shares = shares
        self._costs = costs
        self.prices = fresh(fleet)
        self._weights = {tier.name: tier.weight for tier in fleet.policy.tiers}
        self._unit: dict[str, dict[str, float]] = {}
        self._offers: dict[str, dict[str, float | None]] = {}
        """By account and tier: the price of a work unit, None where it has none to offer."""
        self._cheapest: dict[str, float] = {}
        self._bids: dict[tuple[str, str], Bid] = {}
        self._later: dict[tuple[str, str], tuple[float, int | None]] = {}
        self._periods: dict[str, list[tuple[int, float, float]]] = {}
        self._ladders: dict[tuple[tuple[str, ...], str], tuple[str, ...]] = {}
        self._expected: dict[Class, tuple[Believed, float, Expected]] = {}
        self._remaining: dict[tuple[str, str], Expected] = {}
        self._of_one: dict[Class, Expected] = {}
        self._worth: dict[str, float] = {}
        """Of tasks without a deadline: whatever their work takes."""

    def follow(self, fleet: Fleet, touched: Iterable[str]) -> None:
        """From here on this is the state of the fleet, which the costs follow, too. Prices are those of before, and
        what work takes of buckets has changed of the accounts `touched` alone."""
        self._fleet = fleet
        for name in touched:
            self._unit.pop(name, None)
            self._offers.pop(name, None)
        self._cheapest.clear()
        self._ladders.clear()
        self._bids.clear()
        self._later.clear()
        self._remaining.clear()
        self._of_one.clear()
        self._worth.clear()

    def expected(self, task: Task, tier: str) -> Expected:
        """What is still to be done of the task with that tier."""
        if task.tier_work or task.attempts:
            begun = (task.id, tier)
            if begun not in self._remaining:
                self._remaining[begun] = self._costs.remaining(task, tier)
            return self._remaining[begun]
        spec = task.work
        key = class_of(spec, tier)
        unit = self._of_one.get(key)
        if unit is None:
            believed, known = self._costs.believed(spec, tier), self._expected.get(key)
            if known is None or known[0] is not believed or known[1] != self._costs.quantile:
                of_one = self._costs.of_one(believed)
                known = self._expected[key] = believed, self._costs.quantile, of_one
            unit = self._of_one[key] = known[2]
        return Expected(unit.work * spec.size, unit.high * spec.size, unit.ms * spec.size, unit.chance)

    def unit(self, account: Account, tier: str) -> float:
        """Price of a work unit with that tier on that account."""
        units = self._unit.setdefault(account.name, {})
        found = units.get(tier)
        if found is None:
            total = 0.0
            if self.prices is not None:
                for bucket, per_work in self._shares.rates(account, tier):
                    key = bucket_key(bucket.pool, bucket.name)
                    total += per_work * self.prices.buckets.get(key, 0.0)
            found = units[tier] = total + self._bill(account, tier)
        return found

    def _bill(self, account: Account, tier: str) -> float:
        if account.kind != "api-key":
            return 0.0
        return self._fleet.policy.weight_of(tier) * DOLLARS_PER_WORK * DOLLAR

    def cheapest(self, tier: str) -> float | None:
        """Price of a work unit with that tier where it costs least now, None when no account has it."""
        if tier not in self._cheapest:
            offers = (self._offered(account, tier) for account in self._fleet.accounts.values())
            self._cheapest[tier] = min((unit for unit in offers if unit is not None), default=-1.0)
        found = self._cheapest[tier]
        return None if found < 0 else found

    def _offered(self, account: Account, tier: str) -> float | None:
        offers = self._offers.setdefault(account.name, {})
        if tier not in offers:
            has = account.is_open and account.spends != "never" and account.model_of(tier) is not None
            offers[tier] = self.unit(account, tier) if has else None
        return offers[tier]

    def served(self) -> dict[str, bool]:
        """The tiers that an account serves now, each with whether it costs something wherever it is served."""
        tiers = {tier for account in self._fleet.accounts.values() for tier, _ in account.tiers}
        prices = {tier: self.cheapest(tier) for tier in tiers}
        return {tier: price > 0.0 for tier, price in prices.items() if price is not None}

    def bid(self, task: Task, tier: str) -> Bid:
        """What the task offers for being done with that tier, wherever."""
        key = (task.id, tier)
        if key not in self._bids:
            need = self.expected(task, tier)
            worth = self._worth_of(task, need)
            after, aside, close = (
                self._after(task, tier, worth, need.chance) if need.chance < CERTAIN else (0.0, 0.0, False)
            )
            self._bids[key] = Bid(need, worth, after, self._preference(task, tier) * worth + aside, close)
        return self._bids[key]

    def _worth_of(self, task: Task, need: Expected) -> float:
        if task.spec.deadline_ms is not None:
            return worth_now(task, self._fleet.now_ms, need.ms)
        if task.id not in self._worth:
            self._worth[task.id] = worth_now(task, self._fleet.now_ms)
        return self._worth[task.id]

    def net(self, bid: Bid, account: Account, tier: str) -> float:
        """As `Quote.net`, without its parts."""
        return bid.gross - bid.need.work * self.unit(account, tier) - bid.need.ms * self.place(account)

    def place(self, account: Account) -> float:
        """Price of a worker's place on that account, for a ms."""
        prices = self.prices
        return 0.0 if prices is None else (prices.slots.get(account.name, 0.0) + prices.hosts) / HOUR_MS

    def quote(self, task: Task, account: Account, tier: str) -> Quote:
        """The whole arithmetic of a placement."""
        bid, prices = self.bid(task, tier), self.prices
        need = bid.need
        charges = []
        tightest = 0.0
        for left, per_work in self._shares.draws(account, tier):
            share = need.work * per_work
            tightest = max(tightest, share)
            if prices is not None:
                price = prices.buckets.get(bucket_key(left.bucket.pool, left.bucket.name), 0.0)
                if price:
                    charges.append((left.bucket.name, share, price))
        return Quote(
            account=account.name,
            tier=tier,
            worth=bid.worth,
            chance=need.chance,
            need=need,
            charges=tuple(charges),
            place=need.ms * self.place(account),
            money=need.work * self._bill(account, tier),
            other=bid.preference,
            after=bid.after,
            density=_density(bid.gross, tightest, need),
        )

    def tightest(self, account: Account, tier: str) -> float:
        """The share of its tightest bucket that a work unit takes."""
        return max((rate for _, rate in self._shares.draws(account, tier)), default=0.0)

    def requoted(self, quote: Quote, account: Account) -> Quote:
        """The same placement on another account, or where rates have changed, as it was worth when it was quoted; where
        nothing has a price."""
        need = quote.need
        tightest = need.work * self.tightest(account, quote.tier)
        return quote._replace(
            account=account.name,
            density=_density(quote.gross, tightest, need),
        )

    def relearned(self, quote: Quote, account: Account, need: Expected, after: float, other: float) -> Quote:
        """The same placement as it was worth when it was quoted, of which other amounts are believed; `after` and
        `other` for each unit of worth, and nothing has a price."""
        worth = quote.worth
        density = _density(
            worth * (need.chance + after), need.work * self.tightest(account, quote.tier), need
        )
        return Quote(
            account.name,
            quote.tier,
            worth,
            need.chance,
            need,
            (),
            0.0,
            0.0,
            worth * other,
            worth * after,
            density,
        )

    def _preference(self, task: Task, tier: str) -> float:
        if is_free(task):
            return self._fuel(task, tier)
        tiers = allowed(self._fleet, task)
        # A worker may have been given another tier by a person's words: that is further away than all they named.
        return STEP_DOWN * (tiers.index(tier) if tier in tiers else len(tiers))

    def _after(self, task: Task, tier: str, worth: float, chance: float) -> tuple[float, float, bool]:
        """Should `tier` fail: what the stronger tiers are still expected to bring, at the cheapest prices of now, and
        the fuel of that: a tier that often fails is not cheap. Both chances are of the same work, and work that has
        failed once is harder: p' = (p_next − p) / (1 − p). (docs/dispatch.md, "3. What a task is worth")"""
        value, aside, failed = 0.0, 0.0, 1.0 - chance
        likely, close = chance, False
        for following in self._above(allowed(self._fleet, task), tier):
            need = self.expected(task, following)
            gain = max(0.0, need.chance - likely)
            paid = need.work * (self.cheapest(following) or 0.0) + FAILURE * worth
            fuel = self._fuel(task, following) * worth
            close = close or abs(gain * worth - failed * (paid + fuel)) <= CLOSE * worth
            if gain * worth > failed * (paid + fuel):
                value += gain * worth - failed * paid
                aside += failed * fuel
                failed, likely = failed - gain, likely + gain
        return value, aside, close

    def is_calm(self, task: Task, account: Account, tier: str) -> bool:
        """Whether nothing that the task could use with that tier there has a price: then its net is its gross, and all
        of it grows alike as it ages."""
        return (
            self.unit(account, tier) == 0.0
            and self.place(account) == 0.0
            and not any(self.cheapest(t) for t in self._above(allowed(self._fleet, task), tier))
        )

    def _fuel(self, task: Task, tier: str) -> float:
        """Where a person named the tiers, going on with the next of them is what they asked for."""
        return FUEL * self._weights.get(tier, UNKNOWN_WEIGHT) if is_free(task) else 0.0

    def _above(self, tiers: tuple[str, ...], tier: str) -> tuple[str, ...]:
        """Those of the tiers that are stronger than `tier` and served by an account, in their order."""
        key = (tiers, tier)
        if key not in self._ladders:
            order = self._fleet.policy.order_of
            above = [t for t in tiers if order(t) > order(tier) and self.cheapest(t) is not None]
            self._ladders[key] = tuple(sorted(above, key=order))
        return self._ladders[key]

    def later(self, task: Task, tier: str) -> float:
        """The best that waiting promises: its net in the best later period, at that period's price on the cheapest
        account. To a task that is bound to some, by its project or its session, that promises nothing."""
        return self._waiting(task, tier)[0]

    def later_at(self, task: Task, tier: str) -> int | None:
        """When that period begins, None where waiting promises nothing."""
        return self._waiting(task, tier)[1]

    def _waiting(self, task: Task, tier: str) -> tuple[float, int | None]:
        key = (task.id, tier)
        if key not in self._later:
            self._later[key] = self._best_later(task, tier)
        return self._later[key]

    def _best_later(self, task: Task, tier: str) -> tuple[float, int | None]:
        prices = self.prices
        if prices is None or tier not in prices.places or self._is_bound(task):
            return 0.0, None
        bid = self.bid(task, tier)
        haste = self._fleet.policy.strategy.haste / DAY_MS
        deadline, now_ms = task.spec.deadline_ms, self._fleet.now_ms
        best: tuple[float, int | None] = (0.0, None)
        hours = bid.need.ms / HOUR_MS
        for starts_ms, unit, place in self._cheaper_and_cheaper(prices, tier):
            if deadline is not None and starts_ms + bid.need.ms > deadline:
                break
            kept = 1.0 - haste * max(0, starts_ms - now_ms)
            net = bid.gross * kept - bid.need.work * unit - hours * place
            if net > best[0]:
                best = (net, starts_ms)
        return best

    def _cheaper_and_cheaper(self, prices: Prices, tier: str) -> list[tuple[int, float, float]]:
        """The later periods that are cheaper in something than all before them: to wait for another is never better."""
        if tier not in self._periods:
            found: list[tuple[int, float, float]] = []
            for starts_ms, unit, place in zip(
                prices.edges, prices.later[tier], prices.places[tier], strict=True
            ):
                if not any(u <= unit and p <= place for _, u, p in found):
                    found.append((starts_ms, unit, place))
            self._periods[tier] = found
        return self._periods[tier]

    def _is_bound(self, task: Task) -> bool:
        project = self._fleet.projects.get(task.spec.project_name)
        return task.session_id is not None or (project is not None and bool(project.accounts))


def _density(gross: float, tightest: float, need: Expected) -> float:
    return gross / max(tightest, need.ms / HOUR_MS * HOUR_SHARE, SHARE_MIN)


def are_apart(bids: Sequence[Bid]) -> bool:
    """Whether rounding decides nothing between bids of one task, whatever it is worth."""
    merits = sorted(bid.preference - bid.gross for bid in bids)
    apart = CLOSE * bids[0].worth
    return not any(bid.close for bid in bids) and not any(
        after - before <= apart for before, after in pairwise(merits)
    )


def fresh(fleet: Fleet) -> Prices | None:
    """The fleet's prices, unless they are too old to say anything."""
    prices = fleet.prices
    if prices is None or not 0 <= fleet.now_ms - prices.at_ms < STALE_MS:
        return None
    return prices
