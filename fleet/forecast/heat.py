"""The week as a table: what is used in the mean in each of its hours."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fleet.forecast.series import HOUR_MS, WEEK_H, Series


@dataclass(frozen=True, slots=True, eq=False)
class Heat:
    """7 × 24, from Monday midnight of the person's clock on.

    `use` is the mean amount of that hour in the weeks observed, `active` the share of those weeks in which there was
    any, `weeks` how often the hour was observed; where that is 0, use and active are NaN: unknown, not zero.
    """

    use: NDArray[np.float64]
    active: NDArray[np.float64]
    weeks: NDArray[np.float64]

    @classmethod
    def of(cls, series: Series) -> Heat:
        """Of all that the series observed. Hours that the clock skips or repeats count as often as they came."""
        hour = series.hour_of_week[:-1].astype(np.int64)
        use = np.diff(series.total)
        seen = np.bincount(hour, minlength=WEEK_H) * (series.slot_ms / HOUR_MS)
        of_hour = (series.begin_ms + np.arange(len(use)) * series.slot_ms) // HOUR_MS
        first = np.flatnonzero(np.diff(of_hour, prepend=of_hour[0] - 1))
        any_use = np.add.reduceat(use, first) > 0
        active = np.bincount(hour[first], weights=any_use, minlength=WEEK_H)
        begun = np.bincount(hour[first], minlength=WEEK_H)
        weeks = np.where(seen > 0, seen, np.nan)
        mean: NDArray[np.float64] = np.bincount(hour, weights=use, minlength=WEEK_H) / weeks
        share: NDArray[np.float64] = active / np.where(begun > 0, begun, np.nan)
        observed: NDArray[np.float64] = seen.astype(np.float64)
        return cls(mean.reshape(7, 24), share.reshape(7, 24), observed.reshape(7, 24))
