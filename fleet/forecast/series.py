"""What a person used, slot by slot, with the hours of their own clock."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo

import numpy as np
from numpy.typing import NDArray

HOUR_MS = 3_600_000
WEEK_H = 168
SLOT_MS = HOUR_MS // 4
"""A quarter of an hour: the offsets of all zones of today are multiples of it."""

MONDAY_MS = 4 * 24 * HOUR_MS
"""The epoch's first Monday."""


@dataclass(frozen=True, slots=True, eq=False)
class Series:
    """Use in equal slots from `begin_ms` on; a slot without use is a known zero, what lies outside is unknown.

    `total[i]` is what was used before slot i began, so it has one more entry than there are slots. `hour_of_week[i]`
    is what the person's clock shows when slot i begins, in hours since Monday midnight, 0 ≤ hour < 168.
    """

    begin_ms: int
    slot_ms: int
    total: NDArray[np.float64]
    hour_of_week: NDArray[np.float64]

    @property
    def end_ms(self) -> int:
        return self.begin_ms + (len(self.total) - 1) * self.slot_ms

    @classmethod
    def of(
        cls,
        uses: Iterable[tuple[int, float]],
        begin_ms: int,
        end_ms: int,
        zone: tzinfo,
        slot_ms: int = SLOT_MS,
    ) -> Series:
        """Sums events (time in ms of UTC, amount ≥ 0) of an observation that lasted from begin to end.

        Begin is rounded down and end up to whole slots. Raises ValueError for a use outside of the observation, one
        that is negative or not finite, a slot that does not divide the hour, and an observation that lasts nothing.
        """
        if HOUR_MS % slot_ms:
            raise ValueError(f"a slot of {slot_ms} ms does not divide the hour: take 900000 or 3600000")
        first, last = begin_ms // slot_ms, -(-end_ms // slot_ms)
        if last <= first:
            raise ValueError(f"an observation from {begin_ms} to {end_ms} lasts nothing")
        found = list(uses)
        times = np.array([at for at, _ in found], dtype=np.int64)
        amounts = np.array([amount for _, amount in found], dtype=np.float64)
        if np.any(~np.isfinite(amounts) | (amounts < 0)):
            raise ValueError("every use must be a finite amount of at least 0")
        slots = times // slot_ms - first
        if np.any((slots < 0) | (slots >= last - first)):
            raise ValueError(f"a use lies outside of the observation from {begin_ms} to {end_ms}")
        use = np.bincount(slots, weights=amounts, minlength=last - first)
        total = np.concatenate([[0.0], np.cumsum(use)])
        starts_ms = (first + np.arange(last - first + 1, dtype=np.int64)) * slot_ms
        return cls(int(first * slot_ms), slot_ms, total, hours_of_week(starts_ms, zone))

    def totals_at(self, first_ms: int, count: int) -> NDArray[np.float64]:
        """What was used before each of `count` moments an hour apart; within a slot, use is taken as even."""
        place, rest_ms = divmod(first_ms - self.begin_ms, self.slot_ms)
        stride = HOUR_MS // self.slot_ms
        stop = place + (count - 1) * stride + 1
        before = self.total[place:stop:stride]
        if not rest_ms:
            return before
        after = self.total[place + 1 : stop + 1 : stride]
        return before + (after - before) * (rest_ms / self.slot_ms)

    def hours_at(self, first_ms: int, count: int) -> NDArray[np.float64]:
        """What the person's clock shows, in hours of the week, at each of `count` moments an hour apart."""
        place, rest_ms = divmod(first_ms - self.begin_ms, self.slot_ms)
        stride = HOUR_MS // self.slot_ms
        stop = place + (count - 1) * stride + 1
        shown = self.hour_of_week[place:stop:stride]
        return (shown + rest_ms / HOUR_MS) % WEEK_H if rest_ms else shown


def hours_of_week(at_ms: NDArray[np.int64], zone: tzinfo) -> NDArray[np.float64]:
    """Local hours since Monday midnight of ascending moments of UTC, right on both sides of every change of clocks."""
    offsets_ms = np.empty(len(at_ms), dtype=np.int64)
    _fill_offsets(at_ms, offsets_ms, 0, len(at_ms), zone)
    return ((at_ms + offsets_ms - MONDAY_MS) / HOUR_MS) % WEEK_H


def _fill_offsets(
    at_ms: NDArray[np.int64], offsets_ms: NDArray[np.int64], start: int, stop: int, zone: tzinfo
) -> None:
    """Halves a stretch until its ends have one offset and it is no longer than a week."""
    if start >= stop:
        return
    first, last = _offset_ms(int(at_ms[start]), zone), _offset_ms(int(at_ms[stop - 1]), zone)
    short = at_ms[stop - 1] - at_ms[start] <= WEEK_H * HOUR_MS
    if first == last and short:
        offsets_ms[start:stop] = first
    elif stop - start <= 2:
        offsets_ms[start], offsets_ms[stop - 1] = first, last
    else:
        middle = (start + stop) // 2
        _fill_offsets(at_ms, offsets_ms, start, middle, zone)
        _fill_offsets(at_ms, offsets_ms, middle, stop, zone)


def _offset_ms(at_ms: int, zone: tzinfo) -> int:
    offset = datetime.fromtimestamp(at_ms / 1000, zone).utcoffset()
    return int((offset or timedelta()) / timedelta(milliseconds=1))
