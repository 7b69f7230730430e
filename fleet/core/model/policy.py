"""What persons have laid down: tiers in their order, strategies, projects, reservations, limits, floors, the breaker.

Shares are of a whole bucket (0 to 1), times integer milliseconds since the epoch.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from fleet.core.model.task import Pause

AUTO = "auto"
"""In `TaskSpec.tiers`: the engine chooses among all tiers of the ordering."""


@dataclass(frozen=True, slots=True)
class Tier:
    """A class of model. `weight` is what one unit of work costs with it relative to the others, before anything
    has been learned (list prices of the models: 1, 3, 5 … dollars a million input tokens)."""

    name: str
    weight: float


TIERS = (
    Tier("local", 0.1),
    Tier("haiku", 1.0),
    Tier("sonnet", 3.0),
    Tier("opusplan", 3.5),
    Tier("opus", 5.0),
    Tier("fable", 10.0),
)
"""The ordering by capability, the least first."""

UNKNOWN_WEIGHT = 3.0
"""The weight of a tier that is not in the ordering: that of the middle one."""


@dataclass(frozen=True, slots=True)
class Strategy:
    """Weights of the one objective.

    `protect`: what is kept for a person, as a multiple of what the reservation names. `quantile`: the quantile of a
    task's cost that must fit before what is protected, and below every floor. `haste`: by how much of its value a task
    is worth more now than a day later. `person`: what a unit of capacity is worth to a person who has just sat down, in
    what it is to a batch task; so what the forecast keeps is enough with the probability 1 − 1 / person.
    """

    name: str
    protect: float
    quantile: float
    haste: float
    person: float = 5.0


STRATEGIES = (
    Strategy("after-hours", protect=1.25, quantile=0.95, haste=0.01, person=20.0),
    Strategy("full-time", protect=1.0, quantile=0.9, haste=0.05, person=5.0),
)


@dataclass(frozen=True, slots=True)
class Policy:
    """`breaker`: why the circuit breaker is open, empty while work may start; `breaker_since_ms` since when, and
    `breaker_until_ms` until when, where a time was named; `breaker_faults` ends of workers without an answer in a row,
    fleet-wide, open it. `protect_by_forecast`: whether what a person is expected to use is kept for them."""

    tiers: tuple[Tier, ...] = TIERS
    strategy: Strategy = STRATEGIES[1]
    breaker: str = ""
    breaker_faults: int = 20
    faults: int = 0
    protect_by_forecast: bool = True
    breaker_until_ms: int | None = None
    breaker_since_ms: int | None = None

    def order_of(self, tier: str) -> int:
        """Place in the ordering, the least capable first; unknown tiers after all known ones."""
        return next((n for n, t in enumerate(self.tiers) if t.name == tier), len(self.tiers))

    def weight_of(self, tier: str) -> float:
        return next((t.weight for t in self.tiers if t.name == tier), UNKNOWN_WEIGHT)


DEFAULT = Policy()


@dataclass(frozen=True, slots=True)
class Project:
    """What holds for all tasks of a project. No accounts: all of them. No tiers: all of the ordering. `weight`: its
    share when projects compete. `workers`: how many it may have at once, None without a limit. `sandbox_read` and
    `sandbox_write`: paths outside its worktrees that its work may read, or write, in the sandbox. While it is `paused`
    no worker is started for its tasks."""

    name: str
    weight: float = 1.0
    accounts: tuple[str, ...] = ()
    tiers: tuple[str, ...] = ()
    workers: int | None = None
    sandbox_read: tuple[str, ...] = ()
    sandbox_write: tuple[str, ...] = ()
    paused: Pause | None = None


@dataclass(frozen=True, slots=True)
class Reservation:
    """Capacity of `bucket` protected for a person's own work with `tier` on `account`. `spans` are its occurrences,
    (start, end) in order, already laid out in the person's own time zone; `said` is how the person put it."""

    id: str
    account: str
    tier: str | None
    amount: float
    spans: tuple[tuple[int, int], ...]
    bucket: str = "five_hour"
    said: str = ""


Scope = Literal["fleet", "account", "project", "task"]
Unit = Literal["tokens", "usd", "share"]
Per = Literal["minute", "hour", "day", "week", "month", "total"]
PER_MS: dict[Per, int | None] = {
    "minute": 60_000,
    "hour": 3_600_000,
    "day": 86_400_000,
    "week": 7 * 86_400_000,
    "month": 30 * 86_400_000,
    "total": None,
}


@dataclass(frozen=True, slots=True)
class Limit:
    """At most `amount` of `unit` in each period, counted from `anchor_ms` on (a local midnight), for what `scope` and
    `name` say. A share is one of `bucket`, used by automation."""

    id: str
    scope: Scope
    name: str
    per: Per
    unit: Unit
    amount: float
    anchor_ms: int
    bucket: str | None = None


@dataclass(frozen=True, slots=True)
class Spent:
    """What a limit's running period has used."""

    limit: str
    period: int
    amount: float = 0.0


@dataclass(frozen=True, slots=True)
class Floor:
    """Automation never takes the last `share` of a bucket. None: of every account, of every bucket."""

    id: str
    share: float
    account: str | None = None
    bucket: str | None = None
