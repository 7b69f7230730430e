"""Capacity that expired unused while feasible work was waiting.

Each window of each bucket has an end: its reset, or the horizon. What is left unused then is *wasted* as far as tasks
that wait at that moment, and may run on the account, could have drawn it. A task could have drawn at most

- its own work that was still to be done then;
- what its duration allows from when it was ready, or the window began if that is later, until the end;
- what the account's free places allow: their idle time in the window;
- what is left at their own ends of the windows that the account's other buckets have open at that moment. So holding a
  five-hour window back because the week binds is no waste.

Windows are gone through in the order of their ends, tasks in the order of their arrival, each with the tier that draws
least; what was attributed once, of a task's work, of a window, of the free places, is not attributed again. A window
that begins on first use and that nobody has begun counts as one that expires whole, for each full length it idles.
Everything is in work units of the account's cheapest tier, so with the weights w of the tightest bucket:

    share = Σ wasted work × weight / Σ over accounts of what its tightest bucket had

The tightest bucket of an account is the one whose windows hold the least work of the cheapest tier in all.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass

from fleet.simulate.cases import Way
from fleet.simulate.record import Course, Past, Record

NOTHING = 1e-9


@dataclass(slots=True)
class _Window:
    """`left`: capacity not used at the end and not attributed yet."""

    past: Past
    begins_ms: int
    ends_ms: int
    capacity: float
    left: float


@dataclass(frozen=True, slots=True)
class Waste:
    """By account and bucket, in units of its capacity; `wasted` and `had` by account, in work of its cheapest tier."""

    buckets: dict[tuple[str, str], float]
    wasted: dict[str, float]
    had: dict[str, float]

    @property
    def share(self) -> float:
        had = sum(self.had.values())
        return sum(self.wasted.values()) / had if had else 0.0


def waste(record: Record) -> Waste:
    accounts = {account.name: account for account in record.case.scenario.accounts}
    found = Waste({}, dict.fromkeys(accounts, 0.0), {})
    left_to_do: dict[str, float] = {}
    for name, account in accounts.items():
        tiers = record.case.scenario.tiers_of(account)
        pasts = [past for past in record.buckets if past.account == name]
        cheapest = _cheapest(pasts, tiers)
        tightest = _tightest(record, pasts, cheapest)
        found.had[name] = _had(record, tightest) / tightest.weights[cheapest]
        _of_account(record, name, account.concurrency, pasts, tiers, found, left_to_do)
    return found


def windows(record: Record, past: Past) -> list[_Window]:
    """All windows of a bucket in their order, those that nobody began among them."""
    found: list[_Window] = []
    free_ms = record.start_ms
    for period in past.periods:
        found += _idle(past, free_ms, period.begins_ms)
        room = past.capacity - period.first
        found.append(_Window(past, period.begins_ms, period.ends_ms, room, past.capacity - period.used))
        free_ms = period.ends_ms
    return [*found, *_idle(past, free_ms, record.end_ms)]


def _idle(past: Past, from_ms: int, to_ms: int) -> Iterator[_Window]:
    while from_ms + past.length_ms <= to_ms:
        yield _Window(past, from_ms, from_ms + past.length_ms, past.capacity, past.capacity)
        from_ms += past.length_ms


def _cheapest(pasts: list[Past], tiers: tuple[str, ...]) -> str:
    return min(tiers, key=lambda tier: (sum(p.weights.get(tier, 0.0) / p.capacity for p in pasts), tier))


def _tightest(record: Record, pasts: list[Past], tier: str) -> Past:
    """The bucket that binds the account over the whole time."""
    drawn = [past for past in pasts if tier in past.weights]
    return min(drawn, key=lambda past: (_had(record, past) / past.weights[tier], past.bucket))


def _had(record: Record, past: Past) -> float:
    """Capacity of all its windows."""
    return sum(window.capacity for window in windows(record, past))


def _of_account(
    record: Record,
    name: str,
    places: int,
    pasts: list[Past],
    tiers: tuple[str, ...],
    found: Waste,
    left_to_do: dict[str, float],
) -> None:
    of_bucket = {past.bucket: windows(record, past) for past in pasts}
    begins = {bucket: [w.begins_ms for w in several] for bucket, several in of_bucket.items()}
    stays = sorted(
        (stay.begins_ms, stay.ends_ms)
        for course in record.courses.values()
        for stay in course.stays
        if stay.account == name
    )
    cheapest = _cheapest(pasts, tiers)
    tightest = _tightest(record, pasts, cheapest)
    for window in sorted(
        (w for several in of_bucket.values() for w in several), key=lambda w: (w.ends_ms, w.past.bucket)
    ):
        if window.left <= NOTHING * window.past.capacity:
            continue
        span_ms = window.ends_ms - window.begins_ms
        idle_ms = places * span_ms - _busy(stays, window.begins_ms, window.ends_ms)
        for course in record.courses.values():
            if not _waits(course, window.ends_ms) or idle_ms <= 0 or window.left <= NOTHING:
                continue
            for way in _ways(course, tiers, window.past):
                opened = _open(of_bucket, begins, way.tier, window)
                key = course.job.key
                work = _could(course, way, window, opened, idle_ms, left_to_do.get(key, 1.0))
                if work <= NOTHING * way.work:
                    continue
                for other in opened:
                    other.left -= work * other.past.weights[way.tier]
                idle_ms -= work / way.work * way.ms
                left_to_do[key] = left_to_do.get(key, 1.0) - work / way.work
                where = (name, window.past.bucket)
                drawn = work * window.past.weights[way.tier]
                found.buckets[where] = found.buckets.get(where, 0.0) + drawn
                found.wasted[name] += work * tightest.weights.get(way.tier, 0.0) / tightest.weights[cheapest]


def _ways(course: Course, tiers: tuple[str, ...], past: Past) -> list[Way]:
    """Tiers with which the account would truly have done it, the one that draws least first."""
    able = [w for w in course.job.ways if w.succeeds and w.tier in tiers and w.tier in past.weights]
    return sorted(able, key=lambda way: way.work * past.weights[way.tier])


def _open(
    of_bucket: dict[str, list[_Window]], begins: dict[str, list[int]], tier: str, window: _Window
) -> list[_Window]:
    """The windows that work with the tier just before the end would have drawn on. A bucket that has none open then
    would have begun one: it limits nothing."""
    found = [window]
    for bucket, several in of_bucket.items():
        if several and bucket != window.past.bucket and tier in several[0].past.weights:
            n = bisect_right(begins[bucket], window.ends_ms - 1) - 1
            if n >= 0 and several[n].ends_ms >= window.ends_ms:
                found.append(several[n])
    return found


def _could(
    course: Course, way: Way, window: _Window, opened: list[_Window], idle_ms: float, left: float
) -> float:
    """Work units of the task that the window could still have taken."""
    since_ms = max(course.ready_ms or 0, window.begins_ms)
    in_time = (window.ends_ms - since_ms) / way.ms
    undone = min(left, 1.0 - _done_by(course, window.ends_ms))
    share = max(0.0, min(in_time, idle_ms / way.ms, undone))
    return min(share * way.work, *(other.left / other.past.weights[way.tier] for other in opened))


def _done_by(course: Course, at_ms: int) -> float:
    """The share of the task's work that was done in earlier stays with the tier it went on with."""
    before = [stay for stay in course.stays if stay.begins_ms < at_ms]
    if not before:
        return 0.0
    last = before[-1]
    return 0.0 if last.to_share >= 1.0 else last.to_share


def _waits(course: Course, at_ms: int) -> bool:
    """Ready, not at work, and not over."""
    if course.ready_ms is None or course.ready_ms >= at_ms or course.failed:
        return False
    if course.done_ms is not None and course.done_ms <= at_ms:
        return False
    return not any(stay.begins_ms < at_ms <= stay.ends_ms for stay in course.stays)


def _busy(stays: list[tuple[int, int]], from_ms: int, to_ms: int) -> float:
    return sum(max(0, min(ends, to_ms) - max(begins, from_ms)) for begins, ends in stays)
