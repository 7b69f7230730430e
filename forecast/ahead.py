"""The forecast of a window that begins later than now."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from forecast import level
from forecast.distribution import LEVEL
from forecast.habits import Habits
from forecast.past import Past
from forecast.series import Series


class Ahead:
    """What a person is expected to use in later windows, all seen from one moment.

    Only the level of use and the habits of the week speak of them: the mean is that until the window's end less that
    until its begin, so that what is known of today dies out, and the spread that of a window of its length. The clock
    is taken to run on without a change.
    """

    def __init__(self, past: Past) -> None:
        self._past = past
        self._habits = Habits.of(past)

    @classmethod
    def of(cls, series: Series, now_ms: int) -> Ahead | None:
        """None when nothing was ever used. Raises ValueError for a moment beyond what was observed."""
        past = Past.of(series, now_ms - now_ms % series.slot_ms)
        return None if past is None else cls(past)

    def quantiles(self, begins_ms: int, ends_ms: int) -> NDArray[np.float64]:
        """At `forecast.distribution.LEVEL`, in the series' unit. Raises ValueError unless now ≤ begin < end."""
        if not self._past.now_ms <= begins_ms < ends_ms:
            raise ValueError(f"no window from {begins_ms} to {ends_ms} lies ahead of {self._past.now_ms}")
        now_ms = self._past.now_ms
        like, spread = level.expected(self._past, self._habits, now_ms + ends_ms - begins_ms)
        mean = max(self._mean_until(ends_ms) - self._mean_until(begins_ms), 1e-9)
        return level.quantiles(mean, mean * spread / like) * self._past.size

    def quantile(self, chance: float, begins_ms: int, ends_ms: int) -> float:
        """The amount that is not exceeded with this chance."""
        found = self.quantiles(begins_ms, ends_ms)
        return float(np.interp(chance, LEVEL, found))

    def _mean_until(self, ends_ms: int) -> float:
        """In hours of use."""
        if ends_ms <= self._past.now_ms:
            return 0.0
        return level.expected(self._past, self._habits, ends_ms)[0]
