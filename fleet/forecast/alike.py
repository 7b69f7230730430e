"""What followed on moments like this one: a kernel-weighted empirical distribution.

Every hour before now whose window is over has a weight, the product of kernels:

    hour       exp(−½ (Δ hour of day / 2 h)²), around the clock
    weekday    exp(−½ (Δ log share / 0.5)²), the share of a week's use that such a window takes by habit, when it
               begins at now's time of day on that weekday
    age        half after 56 days
    situation  exp(−½ (Δ log(1 + use / size))²) for the use of the last 3 h, day and week, and
               exp(−½ (Δ log(1 + hours since the last use))²)

(Nadaraya 1964 and Watson 1964 for the mean; Hall, Wolff & Yao 1999 for the whole distribution. Choosing past days by
their likeness is the analogue method: Lorenz 1969.)
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fleet.forecast.distribution import LEVEL
from fleet.forecast.habits import Habits
from fleet.forecast.past import Past
from fleet.forecast.series import WEEK_H

BACK_H = 18 * WEEK_H
HOUR_WIDTH_H = 2.0
REACH_H = 2
"""Windows that began further from this hour of the day are not looked at."""

SHARE_WIDTH = 0.5
HALF_LIFE_H = 56 * 24
SPANS_H = (3, 24, 168)
_DAYS_BACK_H = np.arange(BACK_H, 0, -24)[:, None]
_AROUND_H = np.arange(-REACH_H, REACH_H + 1)
_MIDNIGHTS = np.arange(0, WEEK_H, 24, dtype=np.float64)
_CLOCK_DAY, _CLOCK_HOUR = np.divmod(np.arange(WEEK_H), 24)
IDLE_MAX_H = 720


@dataclass(frozen=True, slots=True, eq=False)
class Alike:
    """Quantiles at LEVEL in the series' unit, the chance of any use, and how many windows apart they rest on."""

    quantiles: NDArray[np.float64]
    chance_of_use: float
    effective: float


def after_moments_alike(past: Past, habits: Habits, until_ms: int) -> Alike | None:
    """None where no window of this length has been observed to its end."""
    ends = past.totals_later(until_ms)
    starts = _alike_by_clock(past, len(ends))
    if not len(starts):
        return None
    sums = np.maximum(ends[starts] - past.total[starts], 0.0)
    weights = _weights(past, habits, starts, past.hours_until(until_ms))
    order = np.argsort(sums, kind="stable")
    reached = np.cumsum(weights[order])
    places = np.searchsorted(reached, LEVEL * reached[-1])
    used = float(weights @ (sums > 0)) / float(reached[-1])
    return Alike(sums[order][places], used, _effective(past, starts, weights, until_ms))


def _alike_by_clock(past: Past, count: int) -> NDArray[np.int64]:
    """Places, ascending, of the hours that began within reach of a whole number of days ago, among the first `count`.

    Whole days of 24 h: after a change of clocks they lie an hour aside, which their weights know.
    """
    starts = (past.hours - _DAYS_BACK_H + _AROUND_H).ravel()
    return starts[(starts >= 0) & (starts < count)]


def _weights(past: Past, habits: Habits, starts: NDArray[np.int64], hours: float) -> NDArray[np.float64]:
    seen = _situations(past, starts)
    away = seen[:, :-1] - seen[:, -1:]
    log_weights = -0.5 * np.einsum("ij,ij->j", away, away)
    log_weights -= (past.hours - starts) * (np.log(2) / HALF_LIFE_H)
    log_weights += _log_clock(past.hour_of_week[-1], habits, hours)[
        past.hour_of_week[starts].astype(np.int64)
    ]
    weights: NDArray[np.float64] = np.exp(log_weights - log_weights.max())
    return weights


def _log_clock(now: float, habits: Habits, hours: float) -> NDArray[np.float64]:
    """The logarithm of the kernels of hour and weekday, for each hour of the week."""
    today, hour = divmod(int(now), 24)
    shares = habits.shares(_MIDNIGHTS + now % 24, hours)
    weekday = ((np.log(shares / shares[today])) / SHARE_WIDTH) ** 2
    distance = (_CLOCK_HOUR - hour + 12) % 24 - 12
    found: NDArray[np.float64] = -0.5 * (weekday[_CLOCK_DAY] + (distance / HOUR_WIDTH_H) ** 2)
    return found


def _situations(past: Past, starts: NDArray[np.int64]) -> NDArray[np.float64]:
    """A row for each kind of situation: of the starts, and of now as the last."""
    places = np.append(starts, past.hours)
    seen = np.empty((len(SPANS_H) + 1, len(places)))
    for row, span in zip(seen, SPANS_H, strict=False):
        np.subtract(past.total[places], past.total[np.maximum(places - span, 0)], out=row)
    seen[:-1] /= past.size
    seen[-1] = _idle_h(past, places)
    return np.log1p(seen, out=seen)


def _idle_h(past: Past, places: NDArray[np.int64]) -> NDArray[np.int64]:
    """Hours from the end of the last hour with any use to each of these ascending places."""
    ended = np.concatenate([[-IDLE_MAX_H], past.used + 1])
    idle: NDArray[np.int64] = places - ended[np.searchsorted(ended, places, side="right") - 1]
    return np.minimum(idle, IDLE_MAX_H)


def _effective(past: Past, starts: NDArray[np.int64], weights: NDArray[np.float64], until_ms: int) -> float:
    """Kish's effective number (1965) of days, as windows of one day overlap, by the days that a window lasts."""
    by_day = np.bincount((past.hours - starts) // 24, weights=weights)
    return float(by_day.sum() ** 2 / (by_day @ by_day)) / max(1.0, past.hours_until(until_ms) / 24)
