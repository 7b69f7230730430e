"""Hours as people say them, right across summer time."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest

from fleet.spoken.hours import DAYS_AHEAD, lay_out
from fleet.spoken.times import UnknownTime

BERLIN = ZoneInfo("Europe/Berlin")
SUNDAY = datetime(2026, 11, 22, 15, 0, tzinfo=BERLIN)


@pytest.fixture(autouse=True)
def in_berlin(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", "Europe/Berlin")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


def shown(said: str, now: datetime = SUNDAY, *, once: bool = False) -> list[str]:
    """Each occurrence as the clock on the wall shows it."""
    return [
        " - ".join(datetime.fromtimestamp(ms / 1000, BERLIN).strftime("%a %Y-%m-%d %H:%M") for ms in span)
        for span in lay_out(said, now, once=once)
    ]


@pytest.mark.parametrize(
    ("said", "first"),
    [
        ("Thu 19:00-22:00", "Thu 2026-11-26 19:00 - Thu 2026-11-26 22:00"),
        ("thursday 19:00 - 22:00", "Thu 2026-11-26 19:00 - Thu 2026-11-26 22:00"),
        ("Mon-Fri 9:00-12:00", "Mon 2026-11-23 09:00 - Mon 2026-11-23 12:00"),
        ("Tue,Thu 9:00–12:00", "Tue 2026-11-24 09:00 - Tue 2026-11-24 12:00"),
        ("Sat-Mon 9:00-12:00", "Mon 2026-11-23 09:00 - Mon 2026-11-23 12:00"),
        ("daily 18:00-20:00", "Sun 2026-11-22 18:00 - Sun 2026-11-22 20:00"),
        ("daily 14:00-16:00", "Sun 2026-11-22 14:00 - Sun 2026-11-22 16:00"),
        ("Sat 22:00-16:00", "Sat 2026-11-21 22:00 - Sun 2026-11-22 16:00"),
        ("Fri 22:00-02:00", "Fri 2026-11-27 22:00 - Sat 2026-11-28 02:00"),
        ("Fri 22:00-24:00", "Fri 2026-11-27 22:00 - Sat 2026-11-28 00:00"),
        ("2026-11-30 19:00-22:00", "Mon 2026-11-30 19:00 - Mon 2026-11-30 22:00"),
    ],
)
def test_the_first_occurrence_is_the_next_that_has_not_ended(said: str, first: str) -> None:
    assert shown(said)[0] == first
    assert shown(said, once=True) == [first]


def test_weekdays_come_again_for_two_years_and_a_date_does_not() -> None:
    assert len(shown("daily 18:00-20:00")) == DAYS_AHEAD
    assert len(shown("Mon-Fri 09:00-12:00")) == pytest.approx(DAYS_AHEAD * 5 / 7, abs=3)
    assert len(shown("2026-11-30 19:00-22:00")) == 1


def test_hours_stay_what_the_clock_shows_when_summer_time_begins_and_ends() -> None:
    evenings = lay_out("daily 19:00-22:00", SUNDAY)
    assert {line.split(" - ")[0][-5:] for line in shown("daily 19:00-22:00")} == {"19:00"}
    assert {end - start for start, end in evenings} == {3 * 3_600_000}
    gaps = {later[0] - earlier[0] for earlier, later in pairwise(evenings)}
    assert gaps == {hours * 3_600_000 for hours in (23, 24, 25)}


def test_a_night_in_which_the_clock_is_put_forward_or_back_is_shorter_or_longer() -> None:
    night = "Sat 22:00-06:00"
    lengths = {
        datetime.fromtimestamp(start / 1000, BERLIN).date().isoformat(): (end - start) // 3_600_000
        for start, end in lay_out(night, SUNDAY)
    }
    assert (lengths["2027-03-27"], lengths["2027-10-30"], lengths["2027-05-01"]) == (7, 9, 8)


def test_an_hour_that_the_clock_leaves_out_gives_no_occurrence() -> None:
    assert lay_out("2027-03-28 02:00-03:00", SUNDAY) == ()
    spans = lay_out("Sun 02:00-03:00", SUNDAY)
    assert all(start < end for start, end in spans)
    assert all(a[1] <= b[0] for a, b in pairwise(spans))


def test_what_is_past_is_left_out() -> None:
    assert lay_out("2026-11-22 09:00-12:00", SUNDAY) == ()
    assert lay_out("Sun 09:00-12:00", SUNDAY)[0][0] > int((SUNDAY + timedelta(days=6)).timestamp() * 1000)


@pytest.mark.parametrize(
    ("said", "story"),
    [
        ("", "are no hours: write 'Thu 19:00-22:00'"),
        ("Thu", "are no hours"),
        ("Thu 19-22", "are no hours"),
        ("Thu 19:00-22:00 20:00", "are no hours"),
        ("Thr 19:00-22:00", "'Thr' is no day"),
        ("Mon- 19:00-22:00", "'' is no day"),
        ("Mon,,Tue 19:00-22:00", "'' is no day"),
        ("Thu 19:60-22:00", "19:60 is no time of day"),
        ("Thu 19:00-25:00", "25:00 is no time of day"),
        ("Thu 24:00-02:00", "nothing begins at 24:00"),
        ("Thu 19:00-19:00", "begins and ends at the same time"),
        ("2026-13-01 19:00-22:00", "2026-13-01 is no date"),
    ],
)
def test_what_are_no_hours_is_told(said: str, story: str) -> None:
    with pytest.raises(UnknownTime, match=story):
        lay_out(said, SUNDAY)
