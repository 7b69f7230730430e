"""What the planning problem answers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from fleet.core.model.prices import Prices
from fleet.ports import NoPlan

__all__ = ["Answer", "NoPlan", "Planned"]


@dataclass(frozen=True, slots=True)
class Planned:
    """Work of one class to be done by `account` with `tier` in the period from `begins_ms` to `ends_ms`.

    `amount` is in sizes of tasks, `tasks` how many of them that is about, `value` what it is worth. `ids` are the tasks
    of the class, the most worth per size first; none are named for work that is only expected to arrive.
    """

    label: str
    account: str
    tier: str
    begins_ms: int
    ends_ms: int
    amount: float
    tasks: float
    value: float
    ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Answer:
    """`value` is the objective. `unused`: the share of each bucket's present window that nobody will have used at its
    reset, by bucket key; what persons have reserved and floors don't count as unused. `columns`, `rows` and `classes`
    are the size of the programme."""

    prices: Prices
    planned: tuple[Planned, ...] = ()
    unused: Mapping[str, float] = field(default_factory=dict)
    value: float = 0.0
    columns: int = 0
    rows: int = 0
    classes: int = 0
