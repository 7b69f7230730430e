"""The hours of a person as they are said, laid out into times: `Thu 19:00-22:00`, `Mon-Fri 09:00-12:00`,
`daily 18:00-20:00`, `2026-11-30 19:00-22:00`."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date, datetime, time, timedelta

from fleet.spoken.times import UnknownTime

DAYS_AHEAD = 2 * 365
"""How far hours that come again are laid out."""

_FORM = re.compile(r"(\S+)\s+(\d{1,2}):(\d{2})\s*[-–]\s*(\d{1,2}):(\d{2})")
_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_NAMES = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")

Span = tuple[int, int]


def lay_out(said: str, now: datetime, *, once: bool = False) -> tuple[Span, ...]:
    """The occurrences that have not ended yet, (start, end) in epoch milliseconds: of a date that one, of weekdays
    those of the next two years, or with `once` only the next. They are hours on this machine's clock, in its own time
    zone, whatever summer time does in between; an end before its start is on the next day. Raises UnknownTime."""
    form = _FORM.fullmatch(said.strip())
    if form is None:
        raise UnknownTime(
            f"{said!r} are no hours: write 'Thu 19:00-22:00', 'Mon-Fri 09:00-12:00', 'daily 18:00-20:00' or "
            "'2026-11-30 19:00-22:00'"
        )
    start, end = _minutes(said, form[2], form[3]), _minutes(said, form[4], form[5])
    if start == 24 * 60:
        raise UnknownTime(f"{said!r}: nothing begins at 24:00, write 0:00 of the next day")
    if start == end:
        raise UnknownTime(f"{said!r}: it begins and ends at the same time")
    spans = [_span(day, start, end) for day in _days(said, form[1], now.date())]
    now_ms = int(now.timestamp() * 1000)
    # An hour that summer time leaves out gives no span.
    left = [span for span in spans if span[0] < span[1] and now_ms < span[1]]
    return tuple(left[:1] if once else left)


def _minutes(said: str, hours: str, minutes: str) -> int:
    found = int(hours) * 60 + int(minutes)
    if int(minutes) > 59 or found > 24 * 60:
        raise UnknownTime(f"{said!r}: {hours}:{minutes} is no time of day")
    return found


def _days(said: str, word: str, today: date) -> Iterator[date]:
    if word[0].isdigit():
        try:
            yield date.fromisoformat(word)
        except ValueError:
            raise UnknownTime(f"{said!r}: {word} is no date (2026-11-30)") from None
        return
    wanted = _weekdays(said, word)
    for ahead in range(-1, DAYS_AHEAD):  # hours over midnight may have begun yesterday
        day = today + timedelta(days=ahead)
        if day.weekday() in wanted:
            yield day


def _weekdays(said: str, word: str) -> set[int]:
    if word.lower() == "daily":
        return set(range(7))
    found: set[int] = set()
    for part in word.split(","):
        first, through, last = part.partition("-")
        begin = _weekday(said, first)
        length = (_weekday(said, last) - begin) % 7 if through else 0
        found |= {(begin + n) % 7 for n in range(length + 1)}
    return found


def _weekday(said: str, word: str) -> int:
    name = word.lower()
    if name in _NAMES:
        return _NAMES.index(name)
    if name not in _DAYS:
        raise UnknownTime(
            f"{said!r}: {word!r} is no day: write Mon, Tue, Wed, Thu, Fri, Sat, Sun, daily, or a date"
        )
    return _DAYS.index(name)


def _span(day: date, start: int, end: int) -> Span:
    return _ms(day, start), _ms(day, end if end > start else end + 24 * 60)


def _ms(day: date, minutes: int) -> int:
    """A naive time is one of this machine's zone, whose rules for summer time the system knows."""
    days, rest = divmod(minutes, 24 * 60)
    at = datetime.combine(day + timedelta(days=days), time(rest // 60, rest % 60))
    return int(at.timestamp() * 1000)
