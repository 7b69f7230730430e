"""The week as a table and in words."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from fleet.forecast import Heat, Series, in_words
from fleet.forecast.series import HOUR_MS
from fleet.forecast.words import amount_in_words
from tests.forecast.persons import DAY_MS, MONDAY_MS, at_random, evenings


def test_tuesdays_and_thursdays_are_told_as_such() -> None:
    told = in_words(evenings(20))
    assert told.endswith("k tokens between 18:00 and 23:00 on Tuesdays and Thursdays.") or (
        "on Tuesdays and Thursdays; hardly anything at weekends." in told
    )
    assert told.startswith("You typically use ")


def test_one_wild_day_does_not_change_what_is_typical() -> None:
    series = evenings(20)
    wild = np.diff(series.total)
    wild[(19 * 7 + 1) * 96 + 80] += 1e9
    changed = Series(series.begin_ms, series.slot_ms, np.append(0.0, np.cumsum(wild)), series.hour_of_week)
    assert in_words(changed).split(" between ")[1] == in_words(series).split(" between ")[1]
    assert "k tokens" in in_words(changed)


def test_light_weekends_are_told() -> None:
    uses = []
    for day in range(70):
        amount = 10.0 if day % 7 < 5 else 2.0
        uses += [(MONDAY_MS + day * DAY_MS + hour * HOUR_MS, amount) for hour in range(9, 17)]
    told = in_words(Series.of(uses, MONDAY_MS, MONDAY_MS + 70 * DAY_MS, UTC), "work units")
    assert "on working days" in told
    assert told.endswith("; light weekends.")


def test_work_past_midnight_belongs_to_the_evening_before() -> None:
    uses = [
        (MONDAY_MS + day * DAY_MS + hour * HOUR_MS, 5.0)
        for day in range(70)
        if day % 7 == 4
        for hour in range(22, 26)
    ]
    told = in_words(Series.of(uses, MONDAY_MS, MONDAY_MS + 71 * DAY_MS, UTC))
    assert "between 22:00 and 02:00 on Fridays" in told


def test_hours_keep_their_names_over_a_change_of_clocks() -> None:
    berlin = ZoneInfo("Europe/Berlin")
    uses = [
        (int(datetime(2024, month, day, hour, tzinfo=berlin).timestamp() * 1000), 5.0)
        for month in (3, 4)
        for day in range(1, 29)
        for hour in (9, 10, 11)
    ]
    series = Series.of(uses, uses[0][0] - 9 * HOUR_MS, uses[-1][0] + 13 * HOUR_MS, berlin)
    assert "between 09:00 and 12:00 on all days" in in_words(series)
    heat = Heat.of(series)
    assert np.flatnonzero(np.nansum(heat.use, axis=0)).tolist() == [9, 10, 11]


def test_too_little_says_how_little() -> None:
    assert in_words(evenings(1)).startswith("Too little is known")
    assert "2 days of 6 observed" in in_words(evenings(1))
    silent = Series.of([], MONDAY_MS, MONDAY_MS + 30 * DAY_MS, UTC)
    assert "use on 0 days of" in in_words(silent)


def test_the_table_gives_a_weeks_use_back() -> None:
    series = at_random(3, 70)
    heat = Heat.of(series)
    assert heat.use.shape == heat.active.shape == (7, 24)
    assert heat.use.sum() == pytest.approx(series.total[-1] / 10)
    assert np.all((heat.active >= 0) & (heat.active <= 1))
    assert np.array_equal(heat.active > 0, heat.use > 0)


def test_hours_never_observed_are_unknown_and_not_zero() -> None:
    heat = Heat.of(Series.of([], MONDAY_MS, MONDAY_MS + DAY_MS, UTC))
    assert np.all(heat.use[0] == 0)
    assert np.all(np.isnan(heat.use[1:]))


@pytest.mark.parametrize(
    ("amount", "told"),
    [(0, "0"), (3.25, "3.2"), (60_400, "60 k"), (1_234_567, "1.2 M"), (999_700, "1 M"), (250_000, "250 k")],
)
def test_amounts_have_two_figures(amount: float, told: str) -> None:
    assert amount_in_words(amount) == told
