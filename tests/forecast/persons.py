"""Persons to forecast for, made up by a rule or a seed."""

from __future__ import annotations

from datetime import UTC, tzinfo

import numpy as np

from fleet.forecast import Series
from fleet.forecast.series import HOUR_MS

MONDAY_MS = 1_704_067_200_000
"""2024-01-01 00:00 UTC."""
DAY_MS = 24 * HOUR_MS


def evenings(weeks: int = 20, scale: float = 1.0, seed: int = 1, zone: tzinfo = UTC) -> Series:
    """Tuesdays and Thursdays from six to eleven, log-normal amounts."""
    draw = np.random.default_rng(seed)
    uses = []
    for day in range(7 * weeks):
        if day % 7 in (1, 3):
            for hour in range(18, 23):
                at = MONDAY_MS + day * DAY_MS + hour * HOUR_MS + int(draw.integers(HOUR_MS))
                uses.append((at, float(draw.lognormal(0, 0.5)) * 12_000 * scale))
    return Series.of(uses, MONDAY_MS, MONDAY_MS + 7 * weeks * DAY_MS, zone)


def at_random(seed: int, days: int) -> Series:
    """Hours used with a chance of one in eight, whatever the clock shows."""
    draw = np.random.default_rng(seed)
    hours = np.flatnonzero(draw.random(days * 24) < 0.125)
    uses = [(MONDAY_MS + int(hour) * HOUR_MS, float(draw.gamma(2.0))) for hour in hours]
    return Series.of(uses, MONDAY_MS, MONDAY_MS + days * DAY_MS, UTC)
