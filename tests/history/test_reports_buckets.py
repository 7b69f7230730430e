"""What readings of buckets tell: how fast they are used, where that leads, what expired."""

from __future__ import annotations

from pathlib import Path

import pytest

from fleet.history.reports.burn import Past, past, projections
from fleet.history.reports.burn import course as course_of
from fleet.history.reports.choice import Choice
from fleet.history.reports.readings import readings, windows
from fleet.history.reports.unused import by_bucket, expired
from tests.history.ledgers import Made, ms

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
NOON = ms("2026-11-22T12:00")
RESET = NOON + 3 * HOUR_MS
ALL = Choice()
UNITS = (100, 0, 0, 0, 0)
"""A hundred work units."""


@pytest.fixture
def made(tmp_path: Path) -> Made:
    return Made(tmp_path)


def test_windows_are_told_apart_by_their_resets_which_jitter(made: Made) -> None:
    with made:
        made.reading(NOON, 0.2, RESET)
        made.reading(NOON + HOUR_MS, 0.5, RESET + 1_500)
        made.reading(RESET + HOUR_MS, 0.1, RESET + 6 * HOUR_MS)
        made.reading(NOON, None, RESET, "seven_day")
        made.reading(NOON, 0.3, None, "seven_day_opus")
    found = list(windows(readings(made.connection, ALL)))
    assert [[one.utilization for one in window.readings] for window in found] == [[0.2, 0.5], [0.1]]


def test_what_expired_is_what_the_last_reading_left(made: Made) -> None:
    with made:
        made.reading(NOON, 0.2, RESET)
        made.reading(NOON + HOUR_MS, 0.5, RESET)
        made.reading(RESET + HOUR_MS, 1.1, RESET + 5 * HOUR_MS)
        made.reading(RESET + 6 * HOUR_MS, 0.1, RESET + 10 * HOUR_MS)
    over = expired(windows(readings(made.connection, ALL)), 0, RESET + 7 * HOUR_MS)
    assert [(one.resets_ms, one.unused, one.unseen_ms) for one in over] == [
        (RESET, 0.5, 2 * HOUR_MS),
        (RESET + 5 * HOUR_MS, 0.0, 4 * HOUR_MS),
    ]
    (bucket,) = by_bucket(over)
    assert (bucket.windows, bucket.mean, bucket.whole) == (2, 0.25, 0.5)
    assert by_bucket([]) == []


def test_a_window_that_refused_was_full(made: Made) -> None:
    """The client's synthetic errors tell the status and the reset, and no share."""
    with made:
        made.reading(NOON, 0.7, RESET)
        made.reading(NOON + HOUR_MS, None, RESET, status="rejected")
        made.reading(NOON, None, RESET, "seven_day", status="allowed")
    (over,) = expired(windows(readings(made.connection, ALL)), 0, RESET + 1)
    assert (over.bucket, over.unused, over.unseen_ms) == ("five_hour", 0.0, 2 * HOUR_MS)


def test_a_course_is_interpolated_within_its_quarters(made: Made) -> None:
    with made:
        made.answer(NOON, tokens=UNITS)
        made.answer(NOON + HOUR_MS, tokens=UNITS)
    course = course_of(made.connection, "work")
    assert course.between(NOON - HOUR_MS, NOON) == 0
    assert course.between(NOON, NOON + 450_000) == 50
    assert course.between(NOON + 450_000, NOON + DAY_MS) == 150


def test_what_followed_on_past_days_is_what_is_expected(made: Made) -> None:
    """Twenty days: in use at noon on every other one, and then 100 work units three hours later."""
    with made:
        for days in range(1, 21):
            if days % 2:
                made.answer(NOON - days * DAY_MS - HOUR_MS // 2, tokens=UNITS)
                made.answer(NOON - days * DAY_MS + 2 * HOUR_MS + 1, tokens=UNITS)
        made.answer(NOON - 20 * DAY_MS, tokens=UNITS)
    quiet = past(course_of(made.connection, "work"), NOON, RESET)
    assert quiet is not None and quiet.quantile(0.2) == 0
    with made:
        made.answer(NOON - HOUR_MS // 4, tokens=UNITS)
    busy = past(course_of(made.connection, "work"), NOON, RESET)
    assert busy is not None and busy.quantile(0.2) > 50, "whoever is at work now mostly goes on"
    assert past(course_of(made.connection, "nobody"), NOON, RESET) is None
    early = NOON - 17 * DAY_MS
    assert past(course_of(made.connection, "work"), early, early + 3 * HOUR_MS) is None, (
        "three days say nothing"
    )


def test_the_burn_rate_leads_to_the_reset_with_its_spread(made: Made) -> None:
    """A tenth of the bucket for 100 work units; in the last hour 200; from 0 to 900 until the reset."""
    with made:
        for days in range(1, 10):
            made.answer(NOON - days * DAY_MS + HOUR_MS, tokens=UNITS, times=days)
        made.answer(NOON - 2 * HOUR_MS, tokens=UNITS, times=2)
        made.answer(NOON - HOUR_MS // 2, tokens=UNITS, times=2)
        made.reading(NOON - 3 * HOUR_MS, 0.1, RESET)
        made.reading(NOON - HOUR_MS, 0.3, RESET)
    (found,) = projections(made.connection, readings(made.connection, ALL), NOON)
    assert found.utilization == 0.3
    assert found.now == pytest.approx(0.5)
    assert found.per_hour == pytest.approx(0.2)
    assert found.full_ms == pytest.approx(NOON + 2.5 * HOUR_MS)
    assert found.low is not None and found.middle is not None and found.high is not None
    assert found.now is not None
    assert found.now <= found.low < found.middle < found.high < 0.5 + 0.9


def test_another_expectation_takes_the_place_of_the_past(made: Made) -> None:
    with made:
        made.answer(NOON - 2 * HOUR_MS, tokens=UNITS)
        made.reading(NOON - 3 * HOUR_MS, 0.1, RESET)
        made.reading(NOON - HOUR_MS, 0.2, RESET)
    every = readings(made.connection, ALL)
    (found,) = projections(made.connection, every, NOON, lambda *_: Past((300.0,)))
    assert found.low == found.middle == found.high == pytest.approx(0.5)
    asked: list[tuple[str, str, int, int]] = []
    projections(made.connection, every, NOON, lambda *what: asked.append(what))
    assert asked == [("work", "five_hour", NOON, RESET)]


def test_what_is_not_known_is_not_told(made: Made) -> None:
    with made:
        made.reading(NOON - HOUR_MS, 0.3, RESET)
        made.reading(NOON - DAY_MS, 0.9, NOON - HOUR_MS, "over")
    (found,) = projections(made.connection, readings(made.connection, ALL), NOON)
    assert (found.bucket, found.now) == ("five_hour", 0.3)
    assert found.per_hour is found.full_ms is found.low is found.middle is found.high is None


def test_what_is_reckoned_never_exceeds_the_bucket_or_what_was_read(made: Made) -> None:
    """Readings rose by what was used elsewhere, so a unit of work seems to take ten times what it does."""
    with made:
        made.answer(NOON - 3 * HOUR_MS, tokens=UNITS)
        made.answer(NOON - HOUR_MS // 4, tokens=UNITS, times=5)
        for bucket, first, second in (("five_hour", 0.1, 0.6), ("seven_day", 0.9, 1.1)):
            made.reading(NOON - 4 * HOUR_MS, first, RESET, bucket)
            made.reading(NOON - HOUR_MS, second, RESET, bucket)
    every = readings(made.connection, ALL)
    five, week = projections(made.connection, every, NOON, lambda *_: Past((900.0,)))
    assert (five.utilization, five.now, five.per_hour, five.high) == (0.6, 1.0, 1.0, 1.0)
    assert five.full_ms == NOON
    assert (week.now, week.high) == (1.1, 1.1), "a reading is believed"


def test_the_last_hour_took_no_more_than_is_used_now(made: Made) -> None:
    """Half of the window before went with 100 work units; 500 in the last hour, and a tenth of this one is used."""
    with made:
        made.answer(NOON - 8 * HOUR_MS, tokens=UNITS)
        made.answer(NOON - HOUR_MS // 2, tokens=UNITS, times=5)
        made.reading(NOON - 9 * HOUR_MS, 0.1, NOON - 5 * HOUR_MS)
        made.reading(NOON - 7 * HOUR_MS, 0.6, NOON - 5 * HOUR_MS)
        made.reading(NOON, 0.1, RESET)
    (found,) = projections(made.connection, readings(made.connection, ALL), NOON)
    assert (found.now, found.per_hour) == (0.1, 0.1)


def test_what_was_used_since_the_reading_is_unknown_and_not_nothing(made: Made) -> None:
    with made:
        made.reading(NOON - HOUR_MS, 0.3, RESET)
        made.answer(NOON - HOUR_MS // 2, tokens=UNITS)
    (found,) = projections(made.connection, readings(made.connection, ALL), NOON)
    assert (found.utilization, found.used_since) == (0.3, True)
    assert found.now is found.per_hour is found.middle is None
