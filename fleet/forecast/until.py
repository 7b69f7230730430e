"""The forecast: the distribution of what a person uses from now until a moment."""

from __future__ import annotations

import numpy as np

from fleet.forecast import level
from fleet.forecast.alike import after_moments_alike
from fleet.forecast.distribution import LEVELS, Forecast
from fleet.forecast.presence import known_at
from fleet.forecast.series import Series

EXPERIENCE = 30.0
"""So many past windows outweigh what level and habits say."""


def forecast(series: Series, now_ms: int, until_ms: int) -> Forecast | None:
    """From now, rounded down to a slot of the series, until a moment at least a minute later.

    Two opinions are averaged quantile by quantile (Vincent 1912; Lichtendahl, Grushka-Cockayne & Winkler 2013: this
    keeps both calibration and sharpness better than averaging chances): what level and habits lead to expect, and
    what followed on moments alike, by n / (30 + n) with n past windows that do not overlap. That is how it is if the
    person is here; with the chance that they have gone away (`presence`) nothing is used.

    None when nothing was ever used, which is not a forecast of zero. Raises ValueError for an end that is not later,
    and for a moment beyond what was observed.
    """
    now_ms -= now_ms % series.slot_ms
    if until_ms <= now_ms:
        raise ValueError(f"the forecast's end {until_ms} must be later than its begin {now_ms}")
    known = known_at(series, now_ms)
    if known is None:
        return None
    past, habits, presence = known
    sums = level.quantiles(*level.expected(past, habits, presence, until_ms)) * past.size
    chance = float(np.count_nonzero(sums)) / LEVELS
    effective = 0.0
    alike = after_moments_alike(past, habits, until_ms)
    if alike is not None:
        effective = alike.effective
        trust = effective / (EXPERIENCE + effective)
        sums = trust * alike.quantiles + (1 - trust) * sums
        chance = trust * alike.chance_of_use + (1 - trust) * chance
    passes = float(habits.shares(past.hour_of_week[-1:], past.hours_until(until_ms))[0])
    sums, there = presence.mixed(sums, 0.0, passes)
    return Forecast(now_ms, until_ms, sums, chance * there, effective, past.hours / 24, presence.here)
