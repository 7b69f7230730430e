"""What a scenario of one's own rests on, in sentences: nobody should take a guess for a measurement."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field


@dataclass(slots=True)
class Basis:
    """`learned` by the fleet or read off the accounts; `guessed` for want of that; `left_out`: not in the scenario."""

    learned: list[str] = field(default_factory=list)
    guessed: list[str] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)


def several(names: Iterable[str], most: int = 5) -> str:
    """The names, or the first of them and how many more there are."""
    every = list(names)
    more = f" and {len(every) - most} more" if len(every) > most else ""
    return ", ".join(every[:most]) + more


def tasks(count: float) -> str:
    """How many tasks something was learned from; older ones count less, so that it is no whole number."""
    whole = max(round(count), 1)
    return "1 task" if whole == 1 else f"{whole} tasks"
