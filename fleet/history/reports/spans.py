"""Days, weeks and months of a time zone as spans of quarters of an hour.

Midnights are taken from the zone for each day, so that a day has 23 or 25 hours (or 23.5 and 24.5, on Lord Howe) where
the clocks change. Offsets of all zones in use are multiples of a quarter of an hour.
"""

from __future__ import annotations

from datetime import date, datetime, timedelta

from fleet.history.reports.choice import QUARTER_MS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import tzinfo

UNITS = ("day", "week", "month")
QUARTER_S = QUARTER_MS // 1000


def spans(unit: str, first: int, last: int, zone: tzinfo | None) -> Iterator[tuple[str, int, int]]:
    """Key, first quarter and the quarter after the last of each unit that holds the quarters `first` to `last`.
    Without a zone: the system's."""
    day = _begin_of(unit, _local_day(first, zone))
    end = midnight(day, zone)
    while end <= last:
        begin, key = end, _key(unit, day)
        day = _next(unit, day)
        end = midnight(day, zone)
        yield key, begin, end


def _local_day(quarter: int, zone: tzinfo | None) -> date:
    return local_time(quarter, zone).date()


def local_time(quarter: int, zone: tzinfo | None) -> datetime:
    """The beginning of the quarter on the zone's clock; without a zone on the system's, and then it is naive."""
    return datetime.fromtimestamp(quarter * QUARTER_S, zone)


def midnight(day: date, zone: tzinfo | None) -> int:
    """The quarter that the day begins with; where the clocks skip midnight, the first one there is."""
    return int(datetime(day.year, day.month, day.day, tzinfo=zone).timestamp()) // QUARTER_S


def _begin_of(unit: str, day: date) -> date:
    if unit == "week":
        return day - timedelta(days=day.weekday())
    return day.replace(day=1) if unit == "month" else day


def _next(unit: str, day: date) -> date:
    if unit == "month":
        return (day.replace(day=1) + timedelta(days=32)).replace(day=1)
    return day + timedelta(days=7 if unit == "week" else 1)


def _key(unit: str, day: date) -> str:
    """`2026-11-22`, `2026-W47` (ISO 8601) or `2026-11`."""
    if unit == "week":
        year, week, _ = day.isocalendar()
        return f"{year}-W{week:02d}"
    return day.isoformat()[:7] if unit == "month" else day.isoformat()
