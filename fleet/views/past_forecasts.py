"""How well the forecast did: made again for past moments, from what was known then, and held against what came."""

from __future__ import annotations

from dataclasses import dataclass

from fleet.forecast import Series, forecast

HOUR_MS = 3_600_000
WEEKS = 8
EVERY_MS = 5 * HOUR_MS
"""So that over a week every hour of the day has its turn."""

AHEAD_MS = 5 * HOUR_MS
LEVELS = (0.5, 0.8, 0.9, 0.95)


@dataclass(frozen=True, slots=True)
class PastForecasts:
    """`within` is, by level, the share of moments at which no more was used in the next five hours than the quantile of
    that level: what came exactly at it (mostly: nothing was used, as expected) counts by half of what it could."""

    moments: int
    within: dict[float, float]


def past_forecasts(series: Series, now_ms: int) -> PastForecasts | None:
    """Of the last weeks. None where there are not even a dozen moments to look at.

    A distribution with an atom has no chance of exactly .9: where use was x with P(< x) < level < P(≤ x), the moment
    counts as within by the part of the atom below the level (the randomised probability integral transform, taken in
    the mean; Czado, Gneiting & Held 2009).
    """
    within = dict.fromkeys(LEVELS, 0.0)
    moments = 0
    first_ms = max(now_ms - WEEKS * 7 * 24 * HOUR_MS, series.begin_ms + 7 * 24 * HOUR_MS)
    for at_ms in range(first_ms, now_ms - AHEAD_MS, EVERY_MS):
        made = forecast(series, at_ms, at_ms + AHEAD_MS)
        if made is None:
            continue
        moments += 1
        came = float(series.totals_at(made.until_ms, 1)[0] - series.totals_at(made.from_ms, 1)[0])
        above = made.exceeds(came)
        below = 1.0 - above - float((made.sums == came).mean())
        for level in LEVELS:
            within[level] += _part(level, below, 1.0 - above)
    if moments < 12:
        return None
    return PastForecasts(moments, {level: count / moments for level, count in within.items()})


def _part(level: float, below: float, up_to: float) -> float:
    """How much of what came, spread evenly from P(<) to P(≤), lies within the level."""
    if up_to <= below:
        return 1.0 if level >= below else 0.0
    return min(max((level - below) / (up_to - below), 0.0), 1.0)
