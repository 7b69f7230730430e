"""The readings of buckets that the ledger keeps, as windows: each from its first reading to its reset."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby
from operator import attrgetter

from fleet.history.reports.choice import Choice
from fleet.history.reports.statements import ask

TYPE_CHECKING = False
if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Iterator

WHOLE = ("five_hour", "seven_day")
"""The windows that are the whole account's, whatever the model."""

LENGTHS_MS = {"five_hour": 5 * 3_600_000, "seven_day": 7 * 86_400_000}

RESET_JITTER_MS = 60_000
"""Resets of one and the same window are told with a jitter of seconds; windows last hours."""


@dataclass(frozen=True, slots=True)
class Reading:
    """`utilization` is 0–1."""

    account: str
    bucket: str
    at_ms: int
    utilization: float
    resets_ms: int | None


@dataclass(frozen=True, slots=True)
class Window:
    """The readings of one window of a bucket, at least one, in the order of time."""

    account: str
    bucket: str
    resets_ms: int
    readings: tuple[Reading, ...]

    @property
    def last(self) -> Reading:
        return self.readings[-1]


def readings(connection: sqlite3.Connection, choice: Choice) -> list[Reading]:
    """By account, bucket and time. Those that tell no utilization are left out."""
    found = ask(connection, "readings", choice.parameters(connection))
    return [
        Reading(account, bucket, at_ms, used, resets_ms)
        for account, bucket, at_ms, used, resets_ms in found
        if used is not None
    ]


def windows(every: Iterable[Reading]) -> Iterator[Window]:
    """By account and bucket in the order of their resets. A reading without a reset belongs to no window that could be
    told from the next one."""
    told = [one for one in every if one.resets_ms is not None and one.at_ms < one.resets_ms]
    ordered = sorted(told, key=lambda one: (one.account, one.bucket, one.resets_ms, one.at_ms))
    for (account, bucket), of_bucket in groupby(ordered, key=attrgetter("account", "bucket")):
        for resets_ms, part in _by_reset(of_bucket):
            yield Window(account, bucket, resets_ms, tuple(sorted(part, key=attrgetter("at_ms"))))


def _by_reset(ordered: Iterable[Reading]) -> Iterator[tuple[int, list[Reading]]]:
    part: list[Reading] = []
    resets_ms = 0
    for one in ordered:
        assert one.resets_ms is not None
        if part and one.resets_ms > resets_ms + RESET_JITTER_MS:
            yield resets_ms, part
            part = []
        if not part:
            resets_ms = one.resets_ms
        part.append(one)
    if part:
        yield resets_ms, part
