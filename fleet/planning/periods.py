"""The planning periods: short at first, because what starts now has to be right, and longer the further away."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from dataclasses import dataclass

from fleet.core.capacity import headroom
from fleet.core.model import Fleet

HOUR_MS = 3_600_000
DAY_HOURS = 24.0
EDGES_H = (0.0, 1.0, 2.5, 5.0, 10.0, 20.0, 40.0, 80.0, 168.0)
"""Edges of the periods in hours from now: each about twice as long as the one before, for a week."""

NEAR = 0.08
"""Resets that differ by no more than this part of the time until then share an edge."""


@dataclass(frozen=True, slots=True)
class Periods:
    """`edges` in hours from now, rising from 0."""

    edges: tuple[float, ...] = EDGES_H

    @classmethod
    def of(cls, fleet: Fleet, until_ms: int | None = None) -> Periods:
        """The usual edges, moved or added to where windows of a day and more reset: what may be used on either side is
        not the same. With `until_ms` nothing counts after it (but for some minutes): what is left by then is lost."""
        hours = EDGES_H[-1] if until_ms is None else (until_ms - fleet.now_ms) / HOUR_MS
        end = min(max(hours, 0.1), EDGES_H[-1])
        found = {edge: edge == 0.0 for edge in EDGES_H if edge < 0.95 * end}
        for reset in sorted(_resets(fleet)):
            if not EDGES_H[1] / 2 < reset < 0.95 * end:
                continue
            nearest = min(found, key=lambda edge: (abs(edge - reset), edge))
            if abs(nearest - reset) > NEAR * reset:
                found[reset] = True
            elif not found[nearest]:
                del found[nearest]
                found[reset] = True
        return cls((*sorted(found), end))

    @property
    def count(self) -> int:
        return len(self.edges) - 1

    @property
    def horizon(self) -> float:
        return self.edges[-1]

    @property
    def lengths(self) -> tuple[float, ...]:
        return tuple(b - a for a, b in zip(self.edges, self.edges[1:], strict=False))

    def holding(self, hours: float) -> int:
        """The period that holds this time; the last one for all later times."""
        return min(max(bisect_right(self.edges, hours) - 1, 0), self.count - 1)

    def touched(self, begins: float, ends: float) -> range:
        """The periods that the span overlaps."""
        return range(self.holding(begins), max(bisect_left(self.edges, min(ends, self.horizon)), 1))

    def last_in_time(self, latest_start: float) -> int:
        """The last period whose work begins in time: by its middle, save that now is now. −1: none."""
        if latest_start < 0.0:
            return -1
        middles = [(a + b) / 2 for a, b in zip(self.edges, self.edges[1:], strict=False)]
        return max(bisect_right(middles, latest_start) - 1, 0)

    def discounts(self, haste: float) -> tuple[float, ...]:
        """What is left of a value at the beginning of each period when a day's delay costs the share `haste`."""
        return tuple(max(1.0 - haste * hours / DAY_HOURS, 0.0) for hours in self.edges[:-1])


def _resets(fleet: Fleet) -> Iterator[float]:
    """Hours until the resets of long windows, one after the other for a week."""
    for bucket in fleet.buckets.values():
        length_ms = headroom.length_of(bucket)
        if length_ms is None or length_ms < DAY_HOURS * HOUR_MS or bucket.resets_ms is None:
            continue
        reset_ms = bucket.resets_ms
        while reset_ms < fleet.now_ms + EDGES_H[-1] * HOUR_MS:
            if reset_ms > fleet.now_ms:
                yield (reset_ms - fleet.now_ms) / HOUR_MS
            reset_ms += length_ms
