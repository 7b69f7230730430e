"""What speaks against placements in a round: told of those that were not made, and asked by `why`."""

from __future__ import annotations

from itertools import islice

from fleet.core.capacity.costs import Expected
from fleet.core.dispatch.feasible import Refusal, beyond_means, refusal, suits_all
from fleet.core.dispatch.lane_places import LanePlaces
from fleet.core.dispatch.price import Bid, Quote
from fleet.core.dispatch.slots import Slots
from fleet.core.dispatch.spending import Spending
from fleet.core.dispatch.tiers import allowed
from fleet.core.model import Account, Fleet, Task

PATIENCE = 0.02
"""By how much of its worth waiting must be better than running now (docs/dispatch.md, "5. The choice")."""

TOLERANCE = 1e-6
"""A net below 0 by less than this part of the worth is 0: prices are computed, and what pays exactly its price is
accepted (docs/dispatch.md, "4. What capacity costs: the planning problem")."""

REFUSALS_TOLD = 8
"""Of what was refused when a task was placed, so that many accounts fill no journal."""


class Refusals:
    """Of one round of dispatch."""

    def __init__(self, fleet: Fleet, slots: Slots, places: LanePlaces, spending: Spending) -> None:
        self.fleet, self.slots, self.places, self.spending = fleet, slots, places, spending
        self.shares, self.market = places.shares, places.market
        self._accounts = [a for a in fleet.accounts.values() if a.state != "removed"]

    def of(self, task: Task) -> tuple[Refusal, ...]:
        """What speaks against placements of the task that cannot be made, by account: the first that are told."""
        tiers = allowed(self.fleet, task)
        needs = {tier: self.market.expected(task, tier) for tier in tiers} if self._is_plain(task) else {}
        against = (
            self._refusal(task, account, tier)
            for account in sorted(self._accounts, key=lambda a: a.name)
            for tier in tiers
            if tier not in needs or not self._takes_plainly(account, tier, needs[tier])
        )
        return tuple(islice((one for one in against if one is not None), REFUSALS_TOLD + 1))

    def _is_plain(self, task: Task) -> bool:
        """Whether nothing but room stands against it on an account that gives and is not billed."""
        return (
            task.session_id is None
            and suits_all(self.fleet, task)
            and self.market.prices is None
            and not self.fleet.limits
            and not self.spending.matters
            and self.slots.project_refusal(task) is None
        )

    def _takes_plainly(self, account: Account, tier: str, need: Expected) -> bool:
        """Whether the account takes what is plain, without a closer look."""
        return (
            account.kind != "api-key"
            and self.places.gives(account, tier)
            and not self.slots.account_is_full(account)
            and self.shares.has_plenty(account, tier, need)
        )

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
        why = self.not_worth_it(task, bid, self.market.net(bid, account, tier), tier)
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

    def not_worth_it(self, task: Task, bid: Bid, net: float, tier: str) -> str | None:
        """Why a feasible placement is left: its capacity is worth more elsewhere, or the task does better later."""
        if net < -TOLERANCE * bid.worth:
            return f"its capacity is worth {bid.gross - net:.3g} elsewhere, the task {bid.gross:.3g}"
        if bid.gross - net <= PATIENCE * bid.worth:
            return None  # no later price can save more than this one costs
        later = self.market.later(task, tier)
        if later > net + PATIENCE * bid.worth:
            return f"it does better later: {later:.3g} instead of {net:.3g} now"
        return None
