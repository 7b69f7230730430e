"""The windows of a bucket within the horizon, as the programme sees them.

The running window ends at its reset. The ones after it are taken to follow each other without a gap, which is how they
run while there is work; while there is none, it doesn't matter when they begin.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from fleet.core.capacity import headroom, reserved
from fleet.core.model import Bucket, Fleet
from fleet.planning.periods import HOUR_MS, Periods


@dataclass(frozen=True, slots=True)
class Window:
    """`capacity` in shares of the bucket, to be used in `periods`; several windows within one period are one here.
    `expires`: it ends within the horizon."""

    capacity: float
    periods: range
    expires: bool


def windows_of(
    fleet: Fleet, bucket: Bucket, committed: Mapping[str, tuple[float, float]], key: str, periods: Periods
) -> list[Window]:
    """The running window first. Of a bucket whose windows are of unknown length only that one is known to limit."""
    length_ms = headroom.length_of(bucket)
    floor = reserved.floor(fleet, bucket)
    if length_ms is not None and length_ms <= periods.edges[1] * HOUR_MS:
        return _pro_rata(length_ms / HOUR_MS, 1.0 - floor - reserved.protected(fleet, bucket), periods)
    present, ends = _running(fleet, bucket, length_ms)
    share = max(present - floor - reserved.protected(fleet, bucket) - committed.get(key, (0.0, 0.0))[0], 0.0)
    found = [Window(share, periods.touched(0.0, ends), ends < periods.horizon)]
    while length_ms is not None and ends < periods.horizon:
        begins, ends = ends, ends + length_ms / HOUR_MS
        begins_ms = fleet.now_ms + round(begins * HOUR_MS)
        kept = floor + reserved.protected_at(fleet, bucket, begins_ms, begins_ms, begins_ms + length_ms)
        later = Window(max(1.0 - kept, 0.0), periods.touched(begins, ends), ends < periods.horizon)
        if len(found) > 1 and found[-1].periods == later.periods and len(later.periods) == 1:
            found[-1] = replace(found[-1], capacity=found[-1].capacity + later.capacity)
        else:
            found.append(later)
    return found


def _pro_rata(length: float, share: float, periods: Periods) -> list[Window]:
    """Windows shorter than the shortest period: each period holds as many as fit into it."""
    return [
        Window(max(share, 0.0) * hours / length, range(n, n + 1), True)
        for n, hours in enumerate(periods.lengths)
    ]


def _running(fleet: Fleet, bucket: Bucket, length_ms: int | None) -> tuple[float, float]:
    """What is left in the running window, as a share, and in how many hours it ends.

    A bucket that refuses gives nothing until then. Past its reset a window begins with its first use and is taken to be
    whole: only persons' own use could have begun it. One that was never read counts as half used (unknown is not zero).
    """
    now = fleet.now_ms
    length = (length_ms or 7 * 24 * HOUR_MS) / HOUR_MS
    blocked = headroom.blocked_until(bucket, now, fleet.settings)
    if blocked is not None:
        return 0.0, max(blocked.until_ms - now, 0) / HOUR_MS
    used = headroom.utilization_now(bucket, now, fleet.settings)
    if used is not None:
        return 1.0 - used, length if bucket.resets_ms is None else (bucket.resets_ms - now) / HOUR_MS
    reset = bucket.resets_ms is not None and bucket.resets_ms <= now
    return (1.0 if reset else headroom.UNKNOWN_HEADROOM), length
