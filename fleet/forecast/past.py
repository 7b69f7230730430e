"""What is known of a person at one moment: the hours before it, and what they say of level, size and habits."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fleet.forecast.series import HOUR_MS, WEEK_H, Series

MEMORY_H = 26 * WEEK_H
"""What lies further back than half a year is not looked at."""

SIZE_HALF_LIFE_H = 60 * 24
_AGE_H = np.arange(MEMORY_H, 0, -1) - 0.5
_SIZE_FADE = 0.5 ** (_AGE_H / SIZE_HALF_LIFE_H)


@dataclass(frozen=True, slots=True, eq=False)
class Past:
    """The hours before `now_ms`, the oldest first; the last one ends now.

    `use` in the series' unit, `total` what was used before each hour and before now (one more), `hour_of_week` what the
    clock showed when each hour began and shows now (one more). `size` is what an hour of use takes: the mean of the
    hours with any (`used` are their places), those of 60 days ago counting half; all that is learned is in this unit,
    so it fits any.
    """

    series: Series
    now_ms: int
    use: NDArray[np.float64]
    total: NDArray[np.float64]
    hour_of_week: NDArray[np.float64]
    size: float
    used: NDArray[np.int64]

    @property
    def hours(self) -> int:
        return len(self.use)

    def hours_until(self, until_ms: int) -> float:
        return (until_ms - self.now_ms) / HOUR_MS

    def totals_later(self, until_ms: int) -> NDArray[np.float64]:
        """Like `total`, as long after each hour as `until_ms` is after now; ends where that is no longer the past."""
        count = self.hours + 1 - math.ceil(self.hours_until(until_ms))
        if count < 1:
            return np.empty(0)
        return self.series.totals_at(until_ms - self.hours * HOUR_MS, count)

    @classmethod
    def of(cls, series: Series, now_ms: int) -> Past | None:
        """None when nothing was used before now: then not even the size of a use is known.

        Raises ValueError for a moment beyond what was observed.
        """
        if now_ms > series.end_ms:
            raise ValueError(
                f"the series ends {(now_ms - series.end_ms) / HOUR_MS:.1f} h before the moment to forecast from:"
                " take in what was used since"
            )
        hours = min((now_ms - series.begin_ms) // HOUR_MS, MEMORY_H)
        if hours < 1:
            return None
        first_ms = now_ms - hours * HOUR_MS
        total = series.totals_at(first_ms, hours + 1)
        use = np.diff(total)
        fade = _SIZE_FADE[-hours:]
        active = float(fade @ (use > 0))
        if not active:
            return None
        size = float(fade @ use) / active
        shown = series.hours_at(first_ms, hours + 1)
        return cls(series, now_ms, use, total, shown, size, np.flatnonzero(use > 0))
