"""What the fleet has learned from its own work: rates, costs, chances, demand. Frozen values and their updates.

Work is measured in *work units*: tokens weighted by kind as the list prices weigh them (`work_of`), because nobody
publishes how much of a bucket a token takes. The unit cancels out: costs are learned in it, and so is each
bucket's rate.
"""

from __future__ import annotations

from dataclasses import dataclass

from fleet.core.model.tokens import Tokens

OUTPUT, CACHE_WRITE, CACHE_READ = 5.0, 1.25, 0.1
"""Prices of the kinds relative to plain input, the same for all models (Anthropic's price list: output 5 ×, five-minute
cache write 1.25 ×, cache read 0.1 ×)."""


def work_of(tokens: Tokens) -> float:
    """Work units of these tokens."""
    return (
        tokens.input
        + OUTPUT * tokens.output
        + CACHE_WRITE * tokens.cache_write
        + CACHE_READ * tokens.cache_read
    )


@dataclass(frozen=True, slots=True)
class Rate:
    """How much of a bucket one unit of work with a tier takes. `share` and `work` are what has been attributed to the
    tier so far, older pairs counting less; `pending` is its work that is not yet in them, and `risen` what the bucket's
    utilization has risen by since that work began. An empty pool: what holds for all pools together; there `prompt` is
    the work that answers told of at once, and `late` what the exact counts at the ends of turns added to it."""

    pool: str
    bucket: str
    tier: str
    share: float = 0.0
    work: float = 0.0
    pending: float = 0.0
    risen: float = 0.0
    prompt: float = 0.0
    late: float = 0.0


@dataclass(frozen=True, slots=True)
class Experience:
    """What tasks of a class took with a tier, per unit of size: count, mean and sum of squared deviations (Welford) of
    the logarithms of work and of duration in ms; how many were verified (`won`) and how many had to go to a stronger
    tier (`lost`). Keys run from the tier alone to project, kind and tier."""

    key: str
    count: float = 0.0
    log_work: float = 0.0
    log_work_m2: float = 0.0
    log_ms: float = 0.0
    log_ms_m2: float = 0.0
    won: float = 0.0
    lost: float = 0.0


@dataclass(frozen=True, slots=True)
class Demand:
    """How often tasks of one class arrive: `count` of arrivals after the first one at `since_ms`, as it stood at
    the last one (`last_ms`), older ones counting less; the `value` of each for a unit of its size, rounded, and the
    mean of their sizes."""

    key: str
    project: str
    kind: str
    tiers: tuple[str, ...]
    value: float
    size: float
    count: float
    since_ms: int
    last_ms: int
