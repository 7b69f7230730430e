"""What the recent level of use and the habits of the week lead one to expect, corrected by how well they did before.

In hours of use (what an hour with any use takes in the mean is 1), with a_τ a week's use at the rate of late, days τ
ago counting half and those that the person was away (`presence`) not at all, H the window's length, and
m(x) = (1 − e^−x) / x:

    level     L = 2.5 + 0.43 a_7 + 0.23 a_90                 shrinks towards what people do in the long run
    momentum  M = L + 0.5 m(H / 2.75 days) (a_1 − L)         yesterday's excess dies out
    mean      μ = M × share of the week + 0.15 × 6.5 (1 − e^(−H / 6.5 hours)) × use of the last 3 hours / 3
    variance  v = 3 (H / day)^0.3 × μ                        sessions come in clumps, larger ones in longer windows
                + (5 μ / days observed)²                     the level itself is unknown at first (added last)

The same is reckoned for this hour of every day of the last half year. What was then really used tells by which factor
r this person's means, and by which c² their variances, are to be multiplied: with weights w that halve in 56 days,
less for days on which the person was away,

    r = (6 μ̄ + Σ w y) / (6 μ̄ + Σ w μ),      c = (6 ē + Σ w |y − r μ|) / (6 ē + Σ w e),      e = 2 r μ / √(1 + 2π k)

where a bar is the weighted mean, so that six windows' worth of having been right stand against the person's own. e is
the mean distance from its mean of a gamma distribution of shape k = r μ² / v (2 μ k^k e^−k / Γ(k + 1), within 5 %).

The other constants were fitted by pinball loss to half of the developers of `scripts/benchmarks/forecast`.
"""

from __future__ import annotations

from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from fleet.forecast.distribution import LEVEL
from fleet.forecast.habits import Habits
from fleet.forecast.past import MEMORY_H, Past
from fleet.forecast.presence import Presence

DAY_H = 24
USUAL_H = 7.5
"""Hours of use a week where nothing else is known: the level that the formula above comes to in the long run."""

TRUST_DAYS = 3.0
"""Days at the usual level that are added to what was observed."""

FEW_DAYS = 5.0
"""With so many days observed the level itself is as uncertain as it is large; with twice as many half as much."""

UNTRIED_DAYS = 3
"""So many first days are no moments to have been forecast from."""

HERE_MIN = 0.002
"""Days: of a day that was spent away so much is taken to have been observed, as a rate over nothing is none."""

RIGHT = 6.0
ERRORS_HALF_LIFE_DAYS = 56

_NORMAL = np.array([NormalDist().inv_cdf(float(u)) for u in LEVEL])
_DAYS = np.arange(MEMORY_H // DAY_H)
_HALF_LIVES_DAYS = np.array([[1.0], [7.0], [90.0]])
_GROWTH = 2.0 ** (_DAYS / _HALF_LIVES_DAYS)
_FADE = 0.5 ** (_DAYS[::-1] / ERRORS_HALF_LIFE_DAYS)


def expected(past: Past, habits: Habits, presence: Presence, until_ms: int) -> tuple[float, float]:
    """Mean and variance of the use from now until then, in hours of use; both above 0."""
    hours = past.hours_until(until_ms)
    days = -(-past.hours // DAY_H)
    places = np.maximum(past.hours - DAY_H * np.arange(days, -1, -1), 0)
    here = np.maximum(np.diff(presence.hours_here(places)) / DAY_H, HERE_MIN)
    means = _means(past, habits, here, places, hours)
    clumps = 3 * (hours / DAY_H) ** 0.3
    rights, widths = _own_errors(past, here, places[1:], means, clumps, until_ms)
    mean = float(means[-1]) * rights
    unknown = mean * FEW_DAYS * DAY_H / past.hours
    return mean, clumps * mean * widths**2 + unknown**2


def quantiles(mean: float, variance: float) -> NDArray[np.float64]:
    """At LEVEL, of the gamma distribution with this mean and variance, both above 0.

    By the cube of a normal (Wilson & Hilferty 1931), q(u) = μ max(0, 1 − 1/9k + z(u) / 3√k)³ with k = μ² / v; where
    that falls below zero there is no use.
    """
    shape = mean * mean / variance
    roots = 1 - 1 / (9 * shape) + _NORMAL / (3 * np.sqrt(shape))
    found: NDArray[np.float64] = mean * np.maximum(roots, 0.0) ** 3
    return found


def _means(
    past: Past, habits: Habits, here: NDArray[np.float64], places: NDArray[np.int64], hours: float
) -> NDArray[np.float64]:
    """Of windows of so many hours from each of the places on but the first, which ends no day; `here` is the part of
    each day that the person was here."""
    total = past.total[places] / past.size
    growth = _GROWTH[:, : len(places) - 1]
    faded = np.cumsum(np.diff(total) * growth, axis=1) / growth
    known = np.cumsum(here * growth, axis=1) / growth
    day = faded[0] / known[0] * 7
    week, long = (faded[1:] * 7 + TRUST_DAYS * USUAL_H) / (known[1:] + TRUST_DAYS)
    level = 2.5 + 0.43 * week + 0.23 * long
    decay = hours / DAY_H / 2.75
    level += 0.5 * (1 - np.exp(-decay)) / decay * (day - level)
    begins = places[1:]
    lately = total[1:] - past.total[np.maximum(begins - 3, 0)] / past.size
    lasting = 0.15 * 6.5 * (1 - np.exp(-hours / 6.5)) / 3
    habitual = np.maximum(level, 0.05) * habits.shares(past.hour_of_week[begins], hours)
    means: NDArray[np.float64] = habitual + lasting * lately
    return means


def _own_errors(
    past: Past,
    here: NDArray[np.float64],
    begins: NDArray[np.int64],
    means: NDArray[np.float64],
    clumps: float,
    until_ms: int,
) -> tuple[float, float]:
    """The factors of the mean and of the standard deviation."""
    hours = past.hours_until(until_ms)
    ends = past.totals_later(until_ms)
    tried = np.flatnonzero(begins[UNTRIED_DAYS:] < len(ends)) + UNTRIED_DAYS
    if not len(tried):
        return 1.0, 1.0
    begins, means = begins[tried], means[tried]
    used = (ends[begins] - past.total[begins]) / past.size
    weights = _FADE[-len(tried) :] * here[tried] / max(1.0, hours / DAY_H)
    prior = RIGHT / weights.sum()
    expected = float(weights @ means)
    right = (prior * expected + float(weights @ used)) / (prior * expected + expected)
    means = means * right
    away = float(weights @ (2 * means / np.sqrt(1 + 2 * np.pi * means / clumps)))
    return right, (prior * away + float(weights @ np.abs(used - means))) / (prior * away + away)
