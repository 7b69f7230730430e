"""Whether a task needs an account that is billed for each token, or can be done by what is paid for already.

The condition, and what follows from it: docs/dispatch.md, "What is paid for goes before what is billed".
"""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from dataclasses import dataclass
from itertools import accumulate
from math import inf

from fleet.core.capacity import reserved
from fleet.core.capacity.headroom import length_of
from fleet.core.dispatch.feasible import PAUSED, Refusal, beyond_means, standing
from fleet.core.dispatch.price import Market
from fleet.core.dispatch.shares import Left, Shares
from fleet.core.dispatch.slots import Slots
from fleet.core.dispatch.tiers import allowed
from fleet.core.model import NEVER_MS, Account, Fleet, Task, is_timed

LATEST = 2.0
"""So many times the expected time is left for a task that has a deadline: half of all tasks take longer than expected,
one in ten more than twice as long (docs/dispatch.md, "2. What a task costs")."""

LATEST_MS = 600_000
"""And so much more, for the start, the verification and the landing."""


@dataclass(frozen=True, slots=True)
class Way:
    """An account that takes work freely and can do a task with this tier; it is open to it from `opens_ms` on, as far
    as anybody knows."""

    account: str
    tier: str
    opens_ms: int


class Spending:
    """Lives for one round of dispatch."""

    def __init__(self, fleet: Fleet, slots: Slots, shares: Shares, market: Market) -> None:
        self._fleet, self._slots, self._shares, self._market = fleet, slots, shares, market
        # One that is silent may speak again in a moment.
        ready = [a for _, a in sorted(fleet.accounts.items()) if a.in_use]
        self._free = [a for a in ready if a.spends == "free"]
        self.matters = any(a.spends == "when-needed" for a in ready)
        self._queue: _TimedQueue | None = None

    def asks(self, account: Account, task: Task) -> bool:
        """Whether the account takes the task only when it is needed. A session that it has begun stays on it."""
        warm = task.session_id is not None and task.session_account == account.name
        return account.spends == "when-needed" and not warm

    def refusal(self, task: Task, account: Account, tier: str) -> Refusal | None:
        """Why the task is left to what is paid for, None when it needs the account. Whether an account that takes work
        freely would take it this moment has to be looked at before."""
        if not self.asks(account, task):
            return None
        ways = self.ways(task)
        if not ways:
            return None
        first = min(ways, key=lambda way: (self._is_paused(way), way.opens_ms, way.account, way.tier))
        there = f"{first.account} with {first.tier}"
        if self._is_paused(first) and not self._is_timely(task):
            why = f"is billed, and {there}, which is paid for, is only {PAUSED}"
            return Refusal(account.name, tier, why, lasting=True)
        if self._is_timely(task):
            if self._fleet.now_ms >= self._latest_ms(task, tier) or self._comes_too_late(task, ways):
                return None
            why = f"is billed, and {there} is paid for and can do it in time"
            return Refusal(account.name, tier, why, self._latest_ms(task, tier))
        why = f"is billed, and {there} is paid for and can do it"
        return Refusal(account.name, tier, why, crowded=True)

    def ways(self, task: Task) -> list[Way]:
        """How accounts that take work freely can do the task, now or later, without a person's help. What is unknown of
        an account counts for it: it has to be tried."""
        found = []
        for account in self._free:
            if not self._is_reachable(task, account):
                continue
            for tier in allowed(self._fleet, task):
                opens_ms = self._opens_ms(task, account, tier)
                if opens_ms is not None:
                    found.append(Way(account.name, tier, opens_ms))
        return found

    def _is_paused(self, way: Way) -> bool:
        return self._fleet.accounts[way.account].paused

    def _is_reachable(self, task: Task, account: Account) -> bool:
        return any(
            host.state != "lost" and self._slots.host_refusal_for(host, task, account) is None
            for host in self._fleet.hosts.values()
        )

    def _opens_ms(self, task: Task, account: Account, tier: str) -> int | None:
        """When the account is open to the task, as far as anybody knows; None while no person changes something."""
        if account.model_of(tier) is None or self._is_kept_whole(account, tier):
            return None
        if account.paused:  # nobody means to be billed by pausing what is paid for
            return self._fleet.now_ms
        need = self._market.expected(task, tier)
        against = standing(self._fleet, self._slots, task, account, tier) or beyond_means(
            self._fleet, self._shares, task, account, tier, need
        )
        if against is None or (not against.lasting and against.until_ms is None):
            return self._fleet.now_ms
        if against.lasting or against.until_ms is None or against.until_ms >= NEVER_MS:
            return None
        return max(against.until_ms, self._fleet.now_ms)

    def _is_kept_whole(self, account: Account, tier: str) -> bool:
        """Whether automation never gets anything of a bucket that the tier draws on."""
        return any(
            reserved.floor(self._fleet, left.bucket) >= 1.0 for left, _ in self._shares.draws(account, tier)
        )

    # --- deadlines ---

    def _is_timely(self, task: Task) -> bool:
        return task.spec.deadline_ms is not None and self._fleet.now_ms < task.spec.deadline_ms

    def _latest_ms(self, task: Task, tier: str) -> int:
        """When work on a task that has a deadline has to begin with that tier, so that it is in time."""
        need_ms = self._market.expected(task, tier).ms
        return (task.spec.deadline_ms or 0) - LATEST_MS - round(LATEST * need_ms)

    def _comes_too_late(self, task: Task, ways: list[Way]) -> bool:
        """Whether all that is paid for opens too late, or is taken by tasks with nearer deadlines until then."""
        if self._queue is None:
            self._queue = _TimedQueue(self._fleet, self._shares, self._market, self._free)
        turn_ms = self._fleet.now_ms + self._queue.wait_ms(task)
        return all(
            max(way.opens_ms, turn_ms) > self._latest_ms(task, way.tier)
            or self._queue.exceeds_supply(task, way.tier)
            for way in ways
        )


class _TimedQueue:
    """The queued tasks that have a deadline, the nearest first, and what the accounts that take work freely can do of
    them: as if work could be divided at will, since it only tells when those cannot do it all."""

    def __init__(self, fleet: Fleet, shares: Shares, market: Market, accounts: list[Account]) -> None:
        self._fleet, self._market = fleet, market
        tasks = [
            fleet.tasks[rank[3]]
            for lane in sorted(fleet.queue)
            if is_timed(lane)
            for rank in fleet.queue[lane]
        ]
        tasks = sorted((t for t in tasks if (t.spec.deadline_ms or 0) > fleet.now_ms), key=_by_deadline)
        self._keys = [_by_deadline(task) for task in tasks]
        served = {tier for account in accounts for tier, _ in account.tiers}
        firsts = [next((t for t in allowed(fleet, task) if t in served), None) for task in tasks]
        needs = [
            None if tier is None else market.expected(task, tier)
            for task, tier in zip(tasks, firsts, strict=True)
        ]
        self._ms = list(accumulate((0.0 if need is None else need.ms for need in needs), initial=0.0))
        self._work = {
            tier: list(
                accumulate(
                    (n.work if n and t == tier else 0.0 for t, n in zip(firsts, needs, strict=True)),
                    initial=0.0,
                )
            )
            for tier in sorted(served)
        }
        hosts = sum(host.workers_max for host in fleet.hosts.values() if host.takes_work)
        self._places = max(min(sum(account.concurrency for account in accounts), hosts), 1)
        self._supplies: dict[str, list[list[tuple[Left, float, float]]]] = defaultdict(list)
        for account in accounts:
            for tier, _ in account.tiers:
                draws = [(left, left.here, rate) for left, rate in shares.draws(account, tier) if rate > 0.0]
                self._supplies[tier].append(draws)

    def _place_of(self, task: Task) -> int:
        return bisect_left(self._keys, _by_deadline(task))

    def wait_ms(self, task: Task) -> int:
        """How long the places that are paid for are taken by tasks with nearer deadlines."""
        return round(self._ms[self._place_of(task)] / self._places)

    def exceeds_supply(self, task: Task, tier: str) -> bool:
        """Whether this task and those with nearer deadlines need more of the tier than all windows until then give."""
        wanted = self._work[tier][self._place_of(task)] + self._market.expected(task, tier).work
        supply = sum(
            min((self._until(left, here, task) / rate for left, here, rate in draws), default=inf)
            for draws in self._supplies[tier]
        )
        return wanted > supply

    def _until(self, left: Left, here: float, task: Task) -> float:
        """What the bucket gives until the task's deadline, as a share of a window."""
        resets_ms, length_ms = left.bucket.resets_ms, length_of(left.bucket)
        deadline_ms = task.spec.deadline_ms or 0
        if resets_ms is None or resets_ms > deadline_ms:
            return max(here, 0.0)
        later = 0 if not length_ms else (deadline_ms - max(resets_ms, self._fleet.now_ms)) // length_ms
        return max(here, 0.0) + left.whole * (1 + later)


def _by_deadline(task: Task) -> tuple[int, int]:
    return task.spec.deadline_ms or 0, task.number
