"""How long one forecast takes, from a series to its distribution, at the end of a year."""

from __future__ import annotations

import time
from collections.abc import Sequence

from benchmarks.figure import Figure, Options, spread
from benchmarks.forecast.accuracy import HORIZONS_H
from benchmarks.forecast.developers import Developer
from fleet.forecast import forecast

TARGET_MS = 0.3
ROUNDS = 40


def time_of_one(everyone: Sequence[Developer], options: Options) -> Figure:
    """The median over developers, horizons and rounds: each takes its turn, so none finds its data in the cache."""
    series = [(one.series(), len(one.use), one) for one in everyone]
    took: list[float] = []
    for _ in range(5 if options.quick else ROUNDS):
        for known, hours, one in series:
            for length in HORIZONS_H:
                begun = time.perf_counter()
                forecast(known, one.at_ms(hours), one.at_ms(hours + length))
                took.append(time.perf_counter() - begun)
    middle = sorted(took)[len(took) // 2] * 1000
    return Figure("one forecast, median", round(middle, 3), TARGET_MS, "ms", spread("forecast", took))
