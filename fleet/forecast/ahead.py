"""The forecast of a window that begins later than now."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from fleet.forecast import level
from fleet.forecast.distribution import LEVEL
from fleet.forecast.habits import Habits
from fleet.forecast.past import Past
from fleet.forecast.presence import Presence, known_at
from fleet.forecast.series import Series

LEAST = 1e-9
"""Hours of use: a mean of nothing has no distribution."""


class Ahead:
    """What a person is expected to use in later windows, all seen from one moment.

    Only the level of use and the habits of the week speak of them: the mean is that until the window's end less that
    until its begin, so that what is known of today dies out, and the spread that of a window of its length. The clock
    is taken to run on without a change.
    """

    def __init__(self, past: Past, habits: Habits, presence: Presence) -> None:
        self._past, self._habits, self._presence = past, habits, presence
        self._means: dict[int, float] = {past.now_ms: 0.0}
        self._clumps: dict[int, float] = {}

    @classmethod
    def of(cls, series: Series, now_ms: int) -> Ahead | None:
        """None when nothing was ever used. Raises ValueError for a moment beyond what was observed."""
        known = known_at(series, now_ms - now_ms % series.slot_ms)
        return None if known is None else cls(*known)

    def quantile(self, chance: float, begins_ms: int, ends_ms: int) -> float:
        """The amount that is not exceeded with this chance. Raises as `quantiles` does."""
        return float(np.interp(chance, LEVEL, self.quantiles(begins_ms, ends_ms)))

    def quantiles(self, begins_ms: int, ends_ms: int) -> NDArray[np.float64]:
        """At LEVEL, in the series' unit. Raises ValueError unless the window begins now or later, and ends later."""
        if not self._past.now_ms <= begins_ms < ends_ms:
            raise ValueError(f"no window from {begins_ms} to {ends_ms} lies ahead of {self._past.now_ms}")
        mean = max(self._mean_until(ends_ms) - self._mean_until(begins_ms), LEAST)
        sums = level.quantiles(mean, mean * self._clump(ends_ms - begins_ms)) * self._past.size
        return self._presence.mixed(sums, *self._passes(begins_ms, ends_ms))[0]

    def _passes(self, *moments_ms: int) -> Iterator[float]:
        """How many weeks of the person's own clock pass until each."""
        now = self._past.hour_of_week[-1:]
        for at_ms in moments_ms:
            yield float(self._habits.shares(now, self._past.hours_until(at_ms))[0])

    def _mean_until(self, ends_ms: int) -> float:
        """In hours of use, from now on."""
        if ends_ms not in self._means:
            self._means[ends_ms] = level.expected(self._past, self._habits, self._presence, ends_ms)[0]
        return self._means[ends_ms]

    def _clump(self, length_ms: int) -> float:
        """Variance of the use of a window of this length, by its mean."""
        if length_ms not in self._clumps:
            mean, variance = level.expected(
                self._past, self._habits, self._presence, self._past.now_ms + length_ms
            )
            self._clumps[length_ms] = variance / mean
        return self._clumps[length_ms]
