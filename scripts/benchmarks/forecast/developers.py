"""When real developers worked: hourly commits over a year each, a stand-in for a person's use."""

from __future__ import annotations

import csv
import gzip
import os
from collections import defaultdict
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.figure import ROOT
from fleet.forecast import Series
from fleet.forecast.series import HOUR_MS

DATA = ROOT.parent / "shared" / "data" / "activity.csv.gz"
BURN_IN_H = 56 * 24
"""Nothing is measured in a developer's first eight weeks; forecasts may learn from them."""


@dataclass(frozen=True, slots=True, eq=False)
class Developer:
    """`use` by hour of the developer's clock, from a midnight on; `begin_h` is that midnight in hours since 1970.

    From the first day with a commit to the last: what lies beyond was not observed.
    """

    name: str
    begin_h: int
    use: NDArray[np.float64]

    def series(self) -> Series:
        begin_ms = self.begin_h * HOUR_MS
        used = np.flatnonzero(self.use)
        events = ((begin_ms + int(hour) * HOUR_MS, float(self.use[hour])) for hour in used)
        return Series.of(events, begin_ms, begin_ms + len(self.use) * HOUR_MS, UTC, HOUR_MS)

    def at_ms(self, hour: int) -> int:
        return (self.begin_h + hour) * HOUR_MS


def data_path() -> Path:
    """FLEET_BENCH_ACTIVITY names another file of the same columns."""
    return Path(os.environ.get("FLEET_BENCH_ACTIVITY", DATA))


def load(path: Path) -> list[Developer]:
    """Those of a file with columns developer, utc_offset_h, hour_utc, commits; who has less than 12 weeks is left out.

    The clock is the one offset that the file gives for each, so a summer time shows as a shift by an hour.
    """
    found: dict[str, list[tuple[int, float]]] = defaultdict(list)
    with gzip.open(path, "rt", newline="") as file:
        for row in csv.DictReader(file):
            at = datetime.fromisoformat(row["hour_utc"]).timestamp() / 3600 + float(row["utc_offset_h"])
            found[row["developer"]].append((int(at), float(row["commits"])))
    everyone = [_developer(name, found[name]) for name in sorted(found)]
    return [one for one in everyone if len(one.use) >= BURN_IN_H + 28 * 24]


def halves(everyone: list[Developer]) -> tuple[list[Developer], list[Developer]]:
    """The development half, which all constants were chosen by, and the held-out half: by turns, in order of name."""
    return everyone[0::2], everyone[1::2]


def _developer(name: str, commits: list[tuple[int, float]]) -> Developer:
    hours = np.array([hour for hour, _ in commits])
    begin_h, end_h = hours.min() // 24 * 24, (hours.max() // 24 + 1) * 24
    amounts = [amount for _, amount in commits]
    use: NDArray[np.float64] = np.bincount(hours - begin_h, amounts, end_h - begin_h).astype(np.float64)
    return Developer(name, int(begin_h), use)
