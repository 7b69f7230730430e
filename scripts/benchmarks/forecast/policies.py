"""How much automation may take of a person's buckets: ours, and the rivals with families of their constants.

All policies of a kind are simulated together: each is one column.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from benchmarks.forecast.developers import Developer
from fleet.forecast import forecast, littlewood

FIVE_H = 5
WEEK_H = 168
RATIOS = (
    *(
        1e-48,
        1e-24,
        1e-16,
        1e-12,
        1e-9,
        1e-7,
        1e-6,
        1e-5,
        1e-4,
        0.0003,
        0.001,
        0.002,
        0.003,
        0.004,
        0.005,
        0.0075,
        0.01,
        0.015,
        0.02,
    ),
    *(0.03, 0.04, 0.05, 0.06, 0.08, 0.1, 0.12, 0.15, 0.18, 0.22, 0.26, 0.3, 0.35, 0.4, 0.45, 0.5, 0.55, 0.6),
    *(0.65, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95, 1.0),
)
"""What a unit is worth to batch work, for 1 to the person."""

DAY_H = (8, 20)


@dataclass(frozen=True, slots=True, eq=False)
class Policies:
    """What is kept of each bucket in every hour (rows): in the person's unit, and as a share of the bucket.

    `daily` and `reserve` are the constants of the daily-share formula; infinite where there is none.
    """

    names: tuple[str, ...]
    five: NDArray[np.float64]
    week: NDArray[np.float64]
    five_share: NDArray[np.float64]
    week_share: NDArray[np.float64]
    daily: NDArray[np.float64]
    reserve: NDArray[np.float64]


def ours(developer: Developer, begin: int) -> Policies:
    """Littlewood's quantile of what the person uses until each bucket's reset, anew every hour."""
    series = developer.series()
    hours = len(developer.use)
    five, week = np.zeros((hours, len(RATIOS))), np.zeros((hours, len(RATIOS)))
    for hour in range(begin, hours):
        for kept, length in ((five, FIVE_H), (week, WEEK_H)):
            reset = hour + length - (hour - begin) % length
            seen = forecast(series, developer.at_ms(hour), developer.at_ms(reset))
            kept[hour] = [np.inf if seen is None else littlewood(seen.sums, 1.0, ratio) for ratio in RATIOS]
    none = np.zeros((1, len(RATIOS)))
    unbounded = np.full(len(RATIOS), np.inf)
    return Policies(tuple(f"ours {ratio:g}" for ratio in RATIOS), five, week, none, none, unbounded, none[0])


def rivals(developer: Developer) -> Policies:
    clock = (developer.begin_h + np.arange(len(developer.use))) % 24
    by_day = (clock >= DAY_H[0]) & (clock < DAY_H[1])
    names: list[str] = ["no reservation"]
    nothing = np.zeros(len(clock))
    shares: list[tuple[NDArray[np.float64], NDArray[np.float64]]] = [(nothing, nothing)]
    bounds: list[tuple[float, float]] = [(np.inf, 0.0)]
    for day in (0.05, 0.1, 0.2, 0.3, 0.4, 0.6, 0.8):
        for night in (0.5, 0.65, 0.8, 0.9, 1.0):
            kept = nothing + np.where(by_day, 1 - day, 1 - night)
            for both in (True, False):
                where = "of both buckets" if both else "of five hours"
                names.append(f"thresholds {day:.0%} by day, {night:.0%} by night {where}")
                shares.append((kept, kept if both else nothing))
                bounds.append((np.inf, 0.0))
    for daily in (0.1, 0.25, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0, 4.0, 6.0):
        for reserve in (0.0, 0.1, 0.2, 0.4):
            names.append(f"daily share × {daily:.0%}, reserve {reserve:.0%}")
            shares.append((nothing, nothing))
            bounds.append((daily, reserve))
    none = np.zeros((1, len(names)))
    five_share, week_share = (np.stack([pair[which] for pair in shares], axis=1) for which in (0, 1))
    constants = np.array(bounds)
    return Policies(tuple(names), none, none, five_share, week_share, constants[:, 0], constants[:, 1])
