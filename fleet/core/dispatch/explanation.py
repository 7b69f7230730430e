"""What is said of a task: where it is, and why."""

from __future__ import annotations

from dataclasses import dataclass

from fleet.core.dispatch.feasible import Refusal
from fleet.core.dispatch.price import Quote


@dataclass(frozen=True, slots=True)
class Explanation:
    """`expects_ms` is when it expects to run, None where that depends on other work or is unknown. `stuck`
    means that nothing will happen until a person acts; `advice` then says what. `feasible` are the accounts, each with
    a tier, that would take it just as well. `quotes` are the arithmetic of what was considered, the best first; `taken`
    is the account and tier of the one that it runs with."""

    task: str
    state: str
    summary: str
    refusals: tuple[Refusal, ...] = ()
    expects_ms: int | None = None
    stuck: bool = False
    advice: str = ""
    feasible: tuple[tuple[str, str], ...] = ()
    quotes: tuple[Quote, ...] = ()
    taken: tuple[str, str] | None = None
