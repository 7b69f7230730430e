"""The forecasts to beat, from a developer's past sums alone.

All get the same: `sums[i]`, what was used in the window that begins with hour i, for all windows that are over by the
origin. An answer is amounts and their weights.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Peer = Callable[["Origin"], tuple[Floats, Floats]]

HOUR_WIDTH_H = 1.5
OTHER_DAY = 0.7
OTHER_KIND = 0.05
HALF_LIFE_DAYS = 28
BROADER = 0.05


@dataclass(frozen=True, slots=True, eq=False)
class Origin:
    """A moment to forecast from: hour `at` of a developer whose first hour is `begin_h`; 1970 began on a Thursday."""

    sums: Floats
    at: int
    begin_h: int
    length_h: int

    @property
    def begun(self) -> NDArray[np.int64]:
        """The hours whose windows are over."""
        return np.arange(self.at - self.length_h + 1)


def hour_of_week(origin: Origin) -> tuple[Floats, Floats]:
    """All past sums from the same hour of the week on, alike."""
    sums = origin.sums[origin.begun[origin.at % 168 :: 168]]
    return sums, np.ones(len(sums))


def seasonal_naive(origin: Origin) -> tuple[Floats, Floats]:
    """The same window a week ago, for every quantile."""
    return origin.sums[origin.at - 168 : origin.at - 167], np.ones(1)


def plain_kernel(origin: Origin) -> tuple[Floats, Floats]:
    """Weights by hour of day (Gaussian), weekday, and age; a twentieth is spread by age alone.

    The bandwidths did best, of eleven tried, on the development half.
    """
    begun = origin.begun
    distance = (begun - origin.at + 12) % 24 - 12
    days = (origin.begin_h + begun) // 24 % 7
    today = (origin.begin_h + origin.at) // 24 % 7
    same_kind = np.where(_is_weekend(days) == _is_weekend(np.asarray(today)), OTHER_DAY, OTHER_KIND)
    age = 0.5 ** ((origin.at - begun) / 24 / HALF_LIFE_DAYS)
    weights = np.exp(-0.5 * (distance / HOUR_WIDTH_H) ** 2) * np.where(days == today, 1.0, same_kind) * age
    return origin.sums[begun], (1 - BROADER) * weights / weights.sum() + BROADER * age / age.sum()


def _is_weekend(days: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Thursday is day 0."""
    return np.isin(days, (2, 3))
