"""Budgets: what may be spent, on whom, in what time; and the circuit breaker."""

from __future__ import annotations

from dataclasses import dataclass

from fleet.core.costs import Expected
from fleet.core.draft import Draft
from fleet.core.model import Account, Attempt, Fleet, Task


@dataclass(frozen=True, slots=True)
class Against:
    """A limit that leaves too little. `until_ms` is when its next period begins, None where there is none."""

    why: str
    until_ms: int | None


def against(fleet: Fleet, task: Task, account: Account, tier: str, need: Expected) -> Against | None:
    """The first limit that `need` would exceed, with what running work still needs counted."""
    return None


def spend(draft: Draft, attempt: Attempt, tokens: int, work: float, usd: float) -> None:
    """Counts what an attempt has used against every limit that it is under."""


def fault(draft: Draft, *, ended_well: bool) -> None:
    """Counts ends of workers without an answer, fleet-wide; too many in a row open the breaker."""
