"""What expired unused: of each window that is over, what its last reading had left."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby
from operator import attrgetter

from fleet.history.reports.readings import Window

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable


@dataclass(frozen=True, slots=True)
class Expired:
    """One window that is over. `unused` is 1 − its last reading's utilization: no more than that expired; `unseen_ms`
    is how long before the reset that reading was."""

    account: str
    bucket: str
    resets_ms: int
    unused: float
    unseen_ms: int


@dataclass(frozen=True, slots=True)
class Unused:
    """The windows of one bucket that are over: how many were seen, and what share of them expired on average and in all
    (in windows)."""

    account: str
    bucket: str
    windows: int
    mean: float
    whole: float
    unseen_ms_mean: float


def expired(found: Iterable[Window], since_ms: int, until_ms: int) -> list[Expired]:
    """Windows whose reset lies in the time, in its order. A window without any reading is unknown and not in it."""
    over = [
        Expired(
            one.account,
            one.bucket,
            one.resets_ms,
            max(0.0, 1.0 - one.last.utilization),
            one.resets_ms - one.last.at_ms,
        )
        for one in found
        if since_ms <= one.resets_ms < until_ms
    ]
    return sorted(over, key=lambda one: (one.resets_ms, one.account, one.bucket))


def by_bucket(found: Iterable[Expired]) -> list[Unused]:
    key = attrgetter("account", "bucket")
    return [
        _together(*names, list(of_bucket)) for names, of_bucket in groupby(sorted(found, key=key), key=key)
    ]


def _together(account: str, bucket: str, parts: list[Expired]) -> Unused:
    whole = sum(one.unused for one in parts)
    unseen = sum(one.unseen_ms for one in parts) / len(parts)
    return Unused(account, bucket, len(parts), whole / len(parts), whole, unseen)
