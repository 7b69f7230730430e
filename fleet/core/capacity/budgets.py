"""Budgets: what may be spent, on whom, in what time; and the circuit breaker.

A limit stops starts. Running work is stopped by a task's own budget only (`--max-budget-usd`): what a session has cost
is lost if it is broken off. So before a start the limit has to have room for what is counted in its period, for what
running work is still expected to take, and for the high quantile of the new task's need. Tasks err independently of
each other, so beyond their means the spreads add as squares do.

A task that runs longer than the limit's period takes in one period only the part that fits into it. Against tokens a
minute its mean counts instead of the high quantile: such a limit is a rate, and a slow minute makes up for a fast one.

Dollars are those of API keys, and reckoned ahead at list prices: a work unit is one plain input token, a tier's
`weight` is what a million of those costs. Tokens are reckoned by how many there are to a work unit in the work that
runs now.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from math import sqrt

from fleet.core.capacity import costs, rates
from fleet.core.capacity.costs import Expected
from fleet.core.draft import Draft
from fleet.core.model import Account, Attempt, Fleet, Task
from fleet.core.model.learned import work_of
from fleet.core.model.policy import PER_MS, Limit, Policy, Spent

TOKENS_A_WORK_UNIT, GUESS_WORK = 5.0, 100_000.0
"""How many tokens there are to a work unit, by a guess that counts as much as so much work: a typical turn reads 50,000
from the cache, writes 2,000 to it and answers 500, which is 52,500 tokens and 10,000 work units."""

OVERRUN = 1.2
"""Running work that has taken so many times a limit is told of (of a minute's never: that would fill journals)."""


@dataclass(frozen=True, slots=True)
class Against:
    """A limit that leaves too little. `until_ms` is when its next period begins, None where there is none. `lasting`:
    the need alone is more than the limit gives in any period, so only a person can change it."""

    why: str
    until_ms: int | None
    lasting: bool = False


@dataclass(slots=True)
class _Going:
    """What running work is expected to take still of a limit: the sum of the means, the sum of the squared distances
    from them to the high quantiles, and how many tokens there are to a unit of its work."""

    mean: float
    spread: float
    tokens_a_unit: float


class Budgets:
    """What each limit still allows in this round of dispatch. Call `take` for every placement: those of this round are
    not running yet."""

    def __init__(self, fleet: Fleet, known: costs.Costs | None = None) -> None:
        """`known` follows the fleet."""
        self._fleet = fleet
        self._costs = known or costs.Costs(fleet)
        self._going: dict[str, _Going] = {}

    def against(self, task: Task, account: Account, tier: str, need: Expected) -> Against | None:
        """The first limit that `need` would exceed."""
        for limit in self._fleet.limits.values():
            if _is_under(limit, task, account):
                found = self._against(limit, self._need(limit, task, account, tier, need))
                if found is not None:
                    return found
        return None

    def take(self, task: Task, account: Account, tier: str, need: Expected) -> None:
        """From here on `need` counts as running work."""
        for limit in self._fleet.limits.values():
            if _is_under(limit, task, account):
                self._add(self._of(limit), self._need(limit, task, account, tier, need))

    def _against(self, limit: Limit, need: tuple[float, float]) -> Against | None:
        mean, high = need
        if high <= 0.0:
            return None
        going, used = self._of(limit), used_of(self._fleet, limit)
        if used + going.mean + mean + sqrt(going.spread + (high - mean) ** 2) <= limit.amount:
            return None
        spent_for_good = used if PER_MS[limit.per] is None else 0.0
        lasting = spent_for_good + high > limit.amount
        why = _why(limit, used, going.mean, high, lasting)
        return Against(why, next_period_ms(limit, self._fleet.now_ms), lasting)

    def _of(self, limit: Limit) -> _Going:
        if limit.id not in self._going:
            running = list(self._running(limit))
            going = self._going[limit.id] = _Going(0.0, 0.0, _tokens_a_work_unit(a for a, _ in running))
            for attempt, task in running:
                self._add(going, self._still(limit, attempt, task))
        return self._going[limit.id]

    def _add(self, going: _Going, need: tuple[float, float]) -> None:
        mean, high = need
        going.mean += mean
        going.spread += (high - mean) ** 2

    def _running(self, limit: Limit) -> Iterator[tuple[Attempt, Task]]:
        for attempt in self._fleet.attempts.values():
            task = self._fleet.tasks[attempt.task]
            if _is_under(limit, task, self._fleet.accounts[attempt.account]):
                yield attempt, task

    def _still(self, limit: Limit, attempt: Attempt, task: Task) -> tuple[float, float]:
        """What a running attempt is expected to take still. Of a turn that runs the dollars are not counted yet: they
        come with its end."""
        account = self._fleet.accounts[attempt.account]
        need = self._costs.remaining(task, attempt.tier)
        mean, high = self._need(limit, task, account, attempt.tier, need)
        if limit.unit == "usd":
            unbilled = work_of(attempt.running_tokens + attempt.answer_tokens)
            dollars = unbilled * _dollars_a_unit(self._fleet.policy, attempt.tier)
            return mean + dollars, high + dollars
        return mean, high

    def _need(
        self, limit: Limit, task: Task, account: Account, tier: str, need: Expected
    ) -> tuple[float, float]:
        """Mean and high quantile of a need in the limit's unit, within one of its periods."""
        per_ms = PER_MS[limit.per]
        part = 1.0 if per_ms is None or need.ms <= per_ms else per_ms / need.ms
        unit = self._a_unit(limit, account, tier) * part
        mean, high = need.work * unit, max(need.work, need.high) * unit
        if limit.unit == "usd" and task.budget_left_usd is not None:
            mean, high = min(mean, task.budget_left_usd), min(high, task.budget_left_usd)
        return (mean, mean) if limit.per == "minute" else (mean, high)

    def _a_unit(self, limit: Limit, account: Account, tier: str) -> float:
        """What one unit of work is in the limit's unit."""
        if limit.unit == "tokens":
            return self._of(limit).tokens_a_unit
        if limit.unit == "usd":
            return _dollars_a_unit(self._fleet.policy, tier)
        return _share_a_unit(self._fleet, limit, account, tier)


def _is_under(limit: Limit, task: Task, account: Account) -> bool:
    """Dollars are those of accounts that bill by the token: a subscription is paid for already."""
    if limit.unit == "usd" and account.kind != "api-key":
        return False
    names = {"account": account.name, "project": task.spec.project_name, "task": task.id}
    return limit.scope == "fleet" or limit.name == names[limit.scope]


def _dollars_a_unit(policy: Policy, tier: str) -> float:
    return policy.weight_of(tier) / 1_000_000


def _share_a_unit(fleet: Fleet, limit: Limit, account: Account, tier: str) -> float:
    return rates.rate(fleet, account.pool, limit.bucket or "", tier)


def _tokens_a_work_unit(attempts: Iterable[Attempt]) -> float:
    tokens, work = TOKENS_A_WORK_UNIT * GUESS_WORK, GUESS_WORK
    for attempt in attempts:
        tokens += attempt.used.total
        work += work_of(attempt.used)
    return tokens / work


# --- what was spent -------------------------------------------------------------------------------------


def spend(draft: Draft, attempt: Attempt, tokens: int, work: float, usd: float) -> None:
    """Counts what an attempt has used against every limit that it is under. A correction may take some back."""
    if not draft.before.limits:
        return
    task, account = draft.tasks[attempt.task], draft.accounts[attempt.account]
    fleet = draft.peek()
    for limit in fleet.limits.values():
        if not _is_under(limit, task, account):
            continue
        amount = usd
        if limit.unit == "tokens":
            amount = float(tokens)
        elif limit.unit == "share":
            amount = work * _share_a_unit(fleet, limit, account, attempt.tier)
        if amount:
            _count(draft, fleet, limit, attempt, amount)


def _count(draft: Draft, fleet: Fleet, limit: Limit, attempt: Attempt, amount: float) -> None:
    before = used_of(fleet, limit)
    after = max(0.0, before + amount)
    draft.put("spent", limit.id, Spent(limit.id, _period_of(limit, fleet.now_ms), after))
    if limit.per != "minute" and before <= limit.amount * OVERRUN < after:
        story = f"{in_words(limit)} ({limit.id}) is exceeded by running work: {_amount(limit, after)} used"
        draft.note(
            "warning",
            "limit.reached",
            f"{story}. Nothing more starts under it; what runs goes on",
            attempt=attempt,
            limit=limit.id,
            used=after,
            amount=limit.amount,
            unit=limit.unit,
        )


def used_of(fleet: Fleet, limit: Limit) -> float:
    """What the limit's running period has used."""
    spent = fleet.spent.get(limit.id)
    return spent.amount if spent is not None and spent.period == _period_of(limit, fleet.now_ms) else 0.0


def _period_of(limit: Limit, now_ms: int) -> int:
    """Number of the limit's period: 0 is the one that began at its anchor."""
    per_ms = PER_MS[limit.per]
    return 0 if per_ms is None else (now_ms - limit.anchor_ms) // per_ms


def next_period_ms(limit: Limit, now_ms: int) -> int | None:
    """When the limit's next period begins, None for a limit in all."""
    per_ms = PER_MS[limit.per]
    return None if per_ms is None else limit.anchor_ms + (_period_of(limit, now_ms) + 1) * per_ms


# --- in words -------------------------------------------------------------------------------------------


def in_words(limit: Limit) -> str:
    """The limit as a person would say it."""
    whom = "the fleet" if limit.scope == "fleet" else f"{limit.scope} {limit.name}"
    per = "in all" if limit.per == "total" else f"a {limit.per}"
    return f"the limit of {whom} to {_amount(limit, limit.amount)} {per}"


def _amount(limit: Limit, amount: float) -> str:
    if limit.unit == "usd":
        return f"${amount:.2f}"
    if limit.unit == "share":
        return f"{amount:.1%} of {limit.bucket}"
    return f"{amount:,.0f} tokens"


def _why(limit: Limit, used: float, going: float, need: float, lasting: bool) -> str:
    parts = f"{_amount(limit, used)} used"
    if going:
        parts += f", {_amount(limit, going)} expected of running work"
    told = f"{in_words(limit)} ({limit.id}): {parts}, and it may need {_amount(limit, need)}"
    if not lasting:
        return told
    return (
        f"{told}, which is more than it can ever give: `fleet limit remove {limit.id}`, and add a larger one"
    )


# --- the circuit breaker --------------------------------------------------------------------------------


def fault(draft: Draft, *, ended_well: bool) -> None:
    """Counts ends of workers without an answer, fleet-wide; too many in a row open the breaker."""
    policy: Policy = draft.value("policy")
    faults = 0 if ended_well else policy.faults + 1
    if faults == policy.faults:
        return
    breaker = policy.breaker
    if faults >= policy.breaker_faults and not breaker:
        breaker = f"{faults} workers in a row ended without an answer"
        draft.note(
            "error",
            "breaker.opened",
            f"the circuit breaker has opened: {breaker}. Nothing more is started until a person has looked and says "
            "`fleet breaker close`",
            by="fleet",
            faults=faults,
        )
    draft.put_policy(replace(policy, faults=faults, breaker=breaker))
