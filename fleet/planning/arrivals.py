"""Work that is expected to arrive, at the rate at which it did."""

from __future__ import annotations

from dataclasses import dataclass

from fleet.core.model import Fleet
from fleet.planning.periods import HOUR_MS

ARRIVALS_MAX = 30
"""Kinds of expected work in the programme; those that bring the most value."""

SPAN_HOURS_MIN = 24.0
"""A shorter observation is counted as this long: one busy hour doesn't make a day."""


@dataclass(frozen=True, slots=True)
class Arrival:
    """Tasks of one kind: how many an hour, what one is worth and how large it is, on the mean."""

    project: str
    kind: str
    tiers: tuple[str, ...]
    per_hour: float
    value: float
    size: float


def arrivals_of(fleet: Fleet) -> list[Arrival]:
    found = []
    for demand in fleet.demand.values():
        hours = max((fleet.now_ms - demand.since_ms) / HOUR_MS, SPAN_HOURS_MIN)
        if demand.count > 0.0 and demand.size > 0.0:
            found.append(
                Arrival(
                    demand.project, demand.kind, demand.tiers, demand.count / hours, demand.value, demand.size
                )
            )
    found.sort(key=lambda a: (-a.per_hour * a.value, a.project, a.kind, a.tiers))
    return found[:ARRIVALS_MAX]
