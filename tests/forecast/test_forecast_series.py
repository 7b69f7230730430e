"""The series: slots, clocks, and what lies between."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleet.forecast import Series
from fleet.forecast.series import HOUR_MS, SLOT_MS, WEEK_H, hours_of_week

ZONES = ("Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu", "UTC")
YEAR = int(datetime(2024, 1, 1, tzinfo=UTC).timestamp() * 1000)


def _ms(zone: str, *when: int) -> int:
    return int(datetime(*when, tzinfo=ZoneInfo(zone)).timestamp() * 1000)  # type: ignore[arg-type, misc]


@given(st.sampled_from(ZONES), st.integers(0, 365 * 96))
def test_hours_of_week_are_what_the_persons_clock_shows_all_year(zone: str, slot: int) -> None:
    every = YEAR + np.arange(366 * 96, dtype=np.int64) * SLOT_MS
    local = datetime.fromtimestamp(every[slot] / 1000, ZoneInfo(zone))
    shown = hours_of_week(every, ZoneInfo(zone))[slot]
    assert shown == pytest.approx(local.weekday() * 24 + local.hour + local.minute / 60)


def test_a_day_of_changed_clocks_skips_or_repeats_an_hour() -> None:
    begin, end = _ms("Europe/Berlin", 2024, 3, 31), _ms("Europe/Berlin", 2024, 4, 1)
    spring = Series.of([], begin, end, ZoneInfo("Europe/Berlin"))
    assert spring.end_ms - spring.begin_ms == 23 * HOUR_MS
    assert 6 * 24 + 2 not in spring.hour_of_week
    assert spring.hour_of_week[-1] == 0


def test_uses_of_one_slot_add_up_and_nothing_is_lost() -> None:
    begin = YEAR
    uses = [(begin, 1.0), (begin + SLOT_MS - 1, 2.0), (begin + SLOT_MS, 4.0)]
    series = Series.of(uses, begin, begin + HOUR_MS, UTC)
    assert series.total.tolist() == [0, 3, 7, 7, 7]


def test_within_a_slot_use_is_even() -> None:
    series = Series.of([(YEAR, 8.0)], YEAR, YEAR + 2 * HOUR_MS, UTC)
    assert series.totals_at(YEAR + SLOT_MS // 4, 2).tolist() == [2.0, 8.0]


@pytest.mark.parametrize(
    ("uses", "end", "slot", "says"),
    [
        ([(YEAR - 1, 1.0)], YEAR + HOUR_MS, SLOT_MS, "outside"),
        ([(YEAR, -1.0)], YEAR + HOUR_MS, SLOT_MS, "at least 0"),
        ([(YEAR, float("nan"))], YEAR + HOUR_MS, SLOT_MS, "at least 0"),
        ([], YEAR, SLOT_MS, "lasts nothing"),
        ([], YEAR + HOUR_MS, 7 * 60_000, "divide"),
    ],
)
def test_what_cannot_be_is_refused(uses: list[tuple[int, float]], end: int, slot: int, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        Series.of(uses, YEAR, end, UTC, slot)


def test_a_week_later_the_clock_shows_the_same_unless_it_was_changed() -> None:
    series = Series.of([], YEAR, YEAR + 20 * 7 * 24 * HOUR_MS, ZoneInfo("Europe/Berlin"))
    week = WEEK_H * HOUR_MS // SLOT_MS
    differences = (series.hour_of_week[week:] - series.hour_of_week[:-week]) % WEEK_H
    assert sorted(set(differences)) == [0.0, 1.0]
    assert np.count_nonzero(differences) == week
