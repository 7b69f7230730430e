"""Work that is expected to arrive, at the rate at which it did."""

from __future__ import annotations

from fleet.core.capacity import demand
from fleet.core.model import Fleet
from fleet.core.model.learned import Demand

ARRIVALS_MAX = 128
"""Kinds of expected work in the programme: those that bring the most value."""


def arrivals_of(fleet: Fleet) -> list[tuple[Demand, float]]:
    """The kinds of work and how many tasks of each arrive in an hour."""
    found = [
        (kind, per_hour) for kind, per_hour in demand.forecast(fleet) if per_hour > 0.0 and kind.size > 0.0
    ]
    return sorted(found, key=lambda pair: (-pair[0].value * pair[0].size * pair[1], pair[0].key))[
        :ARRIVALS_MAX
    ]
