"""Readings of buckets that stand in transcripts: the `quotaLimits` of a synthetic message that tells of a limit."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

SOURCE = "transcript"

UTILIZATION_MAX = 10.0
"""More than that of a bucket is no share."""

RESETS_MAX_S = 4_102_444_800
"""The year 2100, in seconds since 1970."""


@dataclass(frozen=True, slots=True)
class Reading:
    """One observation of a bucket. `utilization` is 0–1, times are epoch milliseconds; None: not told."""

    bucket: str
    at_ms: int
    status: str
    utilization: float | None
    resets_at_ms: int | None
    source: str = SOURCE


def readings_of(limits: object, at_ms: int) -> Iterator[Reading]:
    """The window that the limits name, and those of `unifiedWindows`. What is not as expected is left out."""
    if not isinstance(limits, Mapping):
        return
    windows = limits.get("unifiedWindows")
    for name, window in windows.items() if isinstance(windows, Mapping) else ():
        if isinstance(window, Mapping) and name != limits.get("rateLimitType"):
            yield _reading(str(name), window, at_ms)
    if isinstance(limits.get("rateLimitType"), str):
        yield _reading(limits["rateLimitType"], limits, at_ms)


def _reading(bucket: str, told: Mapping[str, Any], at_ms: int) -> Reading:
    resets = _number(told.get("resetsAt"), RESETS_MAX_S)
    return Reading(
        bucket=bucket,
        at_ms=at_ms,
        status=told["status"] if isinstance(told.get("status"), str) else "",
        utilization=_number(told.get("utilization"), UTILIZATION_MAX),
        resets_at_ms=None if resets is None else round(resets * 1000),
    )


def _number(value: object, most: float) -> float | None:
    """None for what is no number, and for one that cannot be meant."""
    if not isinstance(value, int | float) or isinstance(value, bool) or not 0 <= value <= most:
        return None
    return value
