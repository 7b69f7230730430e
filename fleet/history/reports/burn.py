"""How fast each bucket is being used, and where that leads until its reset, with how little is known about it.

What is used until the reset is a distribution of work (`Demand`), times the share of the bucket that a unit of work has
taken so far. Until something better is put in its place the distribution is that of past days: what followed at about
this hour when the account was in use, or not, as it is now.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable
from dataclasses import dataclass
from itertools import accumulate, pairwise
from typing import Protocol

from fleet.history.reports.choice import QUARTER_MS, Choice
from fleet.history.reports.readings import Reading, Window, windows
from fleet.history.reports.statements import ask

TYPE_CHECKING = False
if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Sequence

HOUR_MS = 3_600_000
RECENT_MS = HOUR_MS
"""The burn rate is that of the last hour."""

DAYS_MAX = 56
"""So many past days are looked at: older ones say less about now."""

HOURS_NEAR = 2
"""Hours of past days that are no further from the present hour count as the same."""

PAST_MIN = 25
"""Fewer past moments, five days of them, say nothing about the spread."""

ALIKE_MIN = 10
"""With fewer past moments at which the account was in use as it is now, all of them count."""

RISE_MIN = 0.02
"""Of the utilization, in all: less is mostly rounding, since utilizations are told in whole percents."""

LOW, MIDDLE, HIGH = 0.1, 0.5, 0.9


class Distribution(Protocol):
    """Of an amount of work, in work units."""

    def quantile(self, share: float) -> float: ...


Demand = Callable[[str, str, int, int], Distribution | None]
"""Account, bucket, now, reset (ms) → the work until then; None when nothing is known."""


@dataclass(frozen=True, slots=True)
class Course:
    """What an account used up to each quarter, in work units. Between them it is interpolated."""

    quarters: Sequence[int]
    sums: Sequence[float]

    def until(self, at_ms: int) -> float:
        """Work of all time before."""
        quarter, rest = divmod(at_ms, QUARTER_MS)
        place = bisect_right(self.quarters, quarter)
        after = self.sums[place - 1] if place else 0.0
        if not place or self.quarters[place - 1] != quarter:
            return after
        before = self.sums[place - 2] if place > 1 else 0.0
        return before + (after - before) * rest / QUARTER_MS

    def between(self, from_ms: int, to_ms: int) -> float:
        return self.until(to_ms) - self.until(from_ms)


def course(connection: sqlite3.Connection, account: str) -> Course:
    rows = ask(connection, "by_quarter", Choice(account=account).parameters(connection))
    return Course([row[0] for row in rows], list(accumulate(row[3] for row in rows)))


@dataclass(frozen=True, slots=True)
class Past:
    """Amounts that were, in ascending order; its quantiles are those of the sample, interpolated."""

    amounts: tuple[float, ...]

    def quantile(self, share: float) -> float:
        place = share * (len(self.amounts) - 1)
        low = int(place)
        high = min(low + 1, len(self.amounts) - 1)
        return self.amounts[low] + (self.amounts[high] - self.amounts[low]) * (place - low)


def past(of: Course, now_ms: int, reset_ms: int) -> Past | None:
    """What was used in so much time after about this hour of past days, when the account was in use as it is now. None
    where the ledger has too few of them."""
    length = reset_ms - now_ms
    near = _near(of, now_ms, length)
    if len(near) < PAST_MIN:
        return None
    busy = of.between(now_ms - RECENT_MS, now_ms) > 0.0
    alike = [at for at in near if (of.between(at - RECENT_MS, at) > 0.0) == busy]
    chosen = alike if len(alike) >= ALIKE_MIN else near
    return Past(tuple(sorted(of.between(at, at + length) for at in chosen)))


def _near(of: Course, now_ms: int, length: int) -> list[int]:
    """Past moments at about this hour after which so much time is over."""
    if not of.quarters:
        return []
    first_ms = of.quarters[0] * QUARTER_MS
    every = (now_ms - n * HOUR_MS for n in range(1, DAYS_MAX * 24 + 1) if min(n % 24, -n % 24) <= HOURS_NEAR)
    return [at for at in every if first_ms <= at <= now_ms - length]


def _past_demand(connection: sqlite3.Connection) -> Demand:
    courses: dict[str, Course] = {}

    def demand(account: str, _bucket: str, now_ms: int, reset_ms: int) -> Past | None:
        if account not in courses:
            courses[account] = course(connection, account)
        return past(courses[account], now_ms, reset_ms)

    return demand


@dataclass(frozen=True, slots=True)
class Projection:
    """One bucket with a window that is open now.

    `utilization` is the reading's, `now` what it is by what was used since, and `used_since` whether anything was.
    `per_hour` is the share of the bucket that the last hour took; `full_ms` when it would be full at that rate, None
    when not before the reset. `low`, `middle` and `high` are the first, fifth and ninth decile of the utilization at
    the reset. None is unknown. No bucket gives more than it has, so what was only reckoned is at most 1, or what was
    read where a reading said more; and the last hour took no more than is used now.
    """

    account: str
    bucket: str
    read_ms: int
    resets_ms: int
    utilization: float
    used_since: bool
    now: float | None
    per_hour: float | None
    full_ms: int | None
    low: float | None
    middle: float | None
    high: float | None


def projections(
    connection: sqlite3.Connection, every: Iterable[Reading], now_ms: int, demand: Demand | None = None
) -> list[Projection]:
    """Of the windows open now, by account and bucket."""
    demand = demand or _past_demand(connection)
    of_bucket: dict[tuple[str, str], list[Window]] = {}
    for window in windows(every):
        of_bucket.setdefault((window.account, window.bucket), []).append(window)
    found = []
    for (account, bucket), known in sorted(of_bucket.items()):
        if known[-1].resets_ms > now_ms:
            found.append(
                _projection(
                    course(connection, account),
                    known,
                    now_ms,
                    demand(account, bucket, now_ms, known[-1].resets_ms),
                )
            )
    return found


def _projection(of: Course, known: Sequence[Window], now_ms: int, demand: Distribution | None) -> Projection:
    window = known[-1]
    rate = share_of_work(of, known)
    since = of.between(window.last.at_ms, now_ms)
    now = _reckoned(of, window, rate, now_ms)
    per_hour = full_ms = None
    if rate is not None and now is not None:
        hour = rate * of.between(now_ms - RECENT_MS, now_ms) * HOUR_MS / RECENT_MS
        per_hour = min(hour, now)
        full_ms = _full_ms(now, per_hour, now_ms, window.resets_ms)
    ends: list[float | None] = [None, None, None]
    if rate is not None and now is not None and demand is not None:
        most = max(1.0, now)
        ends = [min(most, now + rate * demand.quantile(share)) for share in (LOW, MIDDLE, HIGH)]
    return Projection(
        window.account,
        window.bucket,
        window.last.at_ms,
        window.resets_ms,
        window.last.utilization,
        since > 0.0,
        now,
        per_hour,
        full_ms,
        *ends,
    )


def _reckoned(of: Course, window: Window, rate: float | None, now_ms: int) -> float | None:
    """What is used now. None where something was used since the reading, and nothing tells how much of the bucket."""
    read = window.last.utilization
    since = of.between(window.last.at_ms, now_ms)
    if since <= 0.0:
        return read
    return None if rate is None else min(max(1.0, read), read + rate * since)


def _full_ms(now: float, per_hour: float, now_ms: int, resets_ms: int) -> int | None:
    if now >= 1.0:
        return now_ms
    if per_hour <= 0.0:
        return None
    at_ms = now_ms + round((1.0 - now) / per_hour * HOUR_MS)
    return at_ms if at_ms < resets_ms else None


def share_of_work(of: Course, known: Iterable[Window]) -> float | None:
    """What share of the bucket a unit of work took, by all that its readings rose and what was used meanwhile. None
    where they rose too little to tell."""
    rise = work = 0.0
    for window in known:
        for before, after in pairwise(window.readings):
            rise += max(0.0, after.utilization - before.utilization)
            work += of.between(before.at_ms, after.at_ms)
    return rise / work if rise >= RISE_MIN and work > 0.0 else None
