"""How a person's use is spread over the week."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fleet.forecast.past import MEMORY_H, Past
from fleet.forecast.series import WEEK_H

HALF_LIFE_H = 56 * 24
BLUR_H = 1.5
"""Standard deviation of the Gaussian by which an hour of use speaks for its neighbours."""

CLUMPS = 3.0
"""The variance of what is used on a weekday, in hours of use, by chance alone: so many times its mean."""

UNKNOWN_H = 10.0
"""Hours of use, spread evenly, that are added: what is seldom seen is not impossible."""

_PLACES = np.arange(2 * WEEK_H + 1)
_FADE = 0.5 ** (np.arange(MEMORY_H, 0, -1) / HALF_LIFE_H)
_REACH = np.arange(-4, 5)
_BLUR = np.exp(-0.5 * (_REACH / BLUR_H) ** 2) / np.exp(-0.5 * (_REACH / BLUR_H) ** 2).sum()


@dataclass(frozen=True, slots=True, eq=False)
class Habits:
    """`hourly` is the share of a week's use that falls into each hour of the person's week, Monday midnight first."""

    hourly: NDArray[np.float64]
    _until: NDArray[np.float64]

    @classmethod
    def of(cls, past: Past) -> Habits:
        shown = past.hour_of_week[past.used].astype(np.int64)
        faded = past.use[past.used] * _FADE[past.used - past.hours]
        hours = np.bincount(shown, weights=faded, minlength=WEEK_H) / past.size
        days = np.convolve(np.concatenate([hours[-4:], hours, hours[:4]]), _BLUR, mode="valid").reshape(7, 24)
        alike = _likeness(days.sum(axis=1))
        kinds = np.empty_like(days)
        kinds[:5] = days[:5].mean(axis=0)
        kinds[5:] = days[5:].mean(axis=0)
        spread = ((1 - alike) * days + alike * kinds).reshape(WEEK_H) + UNKNOWN_H / WEEK_H
        hourly = spread / spread.sum()
        return cls(hourly, np.concatenate([[0.0], np.cumsum(np.concatenate([hourly, hourly]))]))

    def clock(self, hours: NDArray[np.float64]) -> NDArray[np.float64]:
        """What the person's own clock shows so many hours after a Monday midnight, in weeks: it runs with their
        habits."""
        weeks = np.floor(hours / WEEK_H)
        shown: NDArray[np.float64] = weeks + np.interp(hours - weeks * WEEK_H, _PLACES, self._until)
        return shown

    def shares(self, hours_of_week: NDArray[np.float64], hours: float) -> NDArray[np.float64]:
        """Of a week's use, what windows of so many hours take that begin when the clock shows this; 2 is two weeks'."""
        weeks, rest = divmod(hours, WEEK_H)
        ends = np.interp(hours_of_week + rest, _PLACES, self._until)
        begins = np.interp(hours_of_week, _PLACES, self._until)
        return weeks + np.asarray(ends - begins, dtype=np.float64)


def _likeness(days: NDArray[np.float64]) -> float:
    """The share of a weekday's habit that is taken from all days of its kind (working days, weekend).

    What chance explains of the weekdays' differences (empirical Bayes: James & Stein 1961): 1 where they differ no more
    than by chance, near 0 for somebody who comes on Tuesdays and Thursdays. `days` is the use of each, in hours of use.
    """
    apart = ((days[:5] - days[:5].mean()) ** 2).sum() + ((days[5:] - days[5:].mean()) ** 2).sum()
    return float(min(1.0, CLUMPS * days.mean() / max(apart / 5, 1e-9)))
