"""Whether somebody has gone away: what is expected of them and kept for them must follow within days, both ways."""

from __future__ import annotations

from datetime import UTC

import numpy as np
import pytest

from fleet.forecast import Forecast, Series, forecast, protect_now
from fleet.forecast.ahead import Ahead
from fleet.forecast.series import HOUR_MS
from tests.forecast.persons import DAY_MS, MONDAY_MS, at_random, evenings

WEEK_MS = 7 * DAY_MS
PERSON = 20.0
"""What a unit is worth to a person in units of batch work with the strategy `after-hours`."""


def working(weeks: int, away: tuple[int, int] = (0, 0), seed: int = 3) -> Series:
    """Somebody at work from nine to six on working days, but for the days in between, which are counted from the
    first Monday."""
    draw = np.random.default_rng(seed)
    uses = [
        (MONDAY_MS + day * DAY_MS + hour * HOUR_MS, float(draw.lognormal(0.0, 0.6)))
        for day in range(7 * weeks)
        for hour in range(9, 18)
        if day % 7 < 5 and not away[0] <= day < away[1] and draw.random() < 0.6
    ]
    return Series.of(uses, MONDAY_MS, MONDAY_MS + weeks * WEEK_MS, UTC)


def without(series: Series, from_ms: int) -> Series:
    """As if nothing had been used from then on."""
    place = (from_ms - series.begin_ms) // series.slot_ms
    total = np.minimum(series.total, series.total[place])
    return Series(series.begin_ms, series.slot_ms, total, series.hour_of_week)


def known(series: Series, now_ms: int, length_ms: int) -> Forecast:
    found = forecast(series, now_ms, now_ms + length_ms)
    assert found is not None
    return found


def kept(series: Series, now_ms: int, length_ms: int) -> float:
    """What is kept of a bucket that holds twice a usual week."""
    return protect_now(known(series, now_ms, length_ms), 60.0, PERSON, 1.0)


def test_for_who_stopped_next_to_nothing_is_kept_within_days_and_all_again_a_day_after_the_return() -> None:
    """Gone after the eighth week; back on the Monday of the twelfth."""
    series = working(14, away=(56, 77))
    stopped, back = MONDAY_MS + 8 * WEEK_MS, MONDAY_MS + 11 * WEEK_MS
    nine = 9 * HOUR_MS
    usual = {length: kept(series, stopped - WEEK_MS + nine, length) for length in (5 * HOUR_MS, WEEK_MS)}
    assert all(share > 0.05 for share in usual.values())
    for length, days in ((5 * HOUR_MS, (5, 9, 11, 14)), (WEEK_MS, (18, 19, 20))):
        assert all(kept(series, stopped + day * DAY_MS + nine, length) < 0.1 * usual[length] for day in days)
    assert kept(series, stopped + 9 * DAY_MS + nine, WEEK_MS) < 0.35 * usual[WEEK_MS]
    for length in usual:
        assert kept(series, back + DAY_MS + nine, length) > 0.7 * usual[length]
    assert known(series, back + DAY_MS, DAY_MS).here == 1.0


@pytest.mark.parametrize("series", [working(20), evenings(20)], ids=["by day", "two evenings a week"])
def test_who_never_comes_back_is_forgotten_for_good(series: Series) -> None:
    gone_ms = MONDAY_MS + 12 * WEEK_MS
    away = without(series, gone_ms)
    usual, month = known(away, gone_ms, WEEK_MS), known(away, gone_ms + 5 * WEEK_MS, WEEK_MS)
    assert usual.here > 0.9 > 0.02 > month.here
    assert month.mean < usual.mean / 30 and month.chance_of_use < 0.1
    ahead = Ahead.of(away, gone_ms + 5 * WEEK_MS)
    assert ahead is not None
    begins_ms = gone_ms + 6 * WEEK_MS
    assert ahead.quantile(0.9, begins_ms, begins_ms + 5 * HOUR_MS) == 0.0


def test_weekends_and_nights_are_no_absence() -> None:
    series = working(20)
    monday = MONDAY_MS + 15 * WEEK_MS
    assert known(series, monday + 8 * HOUR_MS, DAY_MS).here > 0.97, "the weekend has passed unused, as always"
    assert known(without(series, monday), monday + 60 * HOUR_MS, DAY_MS).here < 0.6, (
        "three working days have not"
    )


def test_a_pause_is_measured_by_the_persons_own() -> None:
    """Whoever often stays away for a week is not gone after five days, and who comes daily may be."""
    draw = np.random.default_rng(5)
    days = np.cumsum(draw.integers(1, 11, 60))
    seldom = Series.of(
        [(MONDAY_MS + int(day) * DAY_MS + 10 * HOUR_MS, 3.0) for day in days],
        MONDAY_MS,
        MONDAY_MS + (int(days[-1]) + 30) * DAY_MS,
        UTC,
    )
    last_ms = MONDAY_MS + int(days[-1]) * DAY_MS + 11 * HOUR_MS
    daily = at_random(4, 120)
    assert known(seldom, last_ms + 5 * DAY_MS, DAY_MS).here > 0.85
    assert known(without(daily, MONDAY_MS + 80 * DAY_MS), MONDAY_MS + 85 * DAY_MS, DAY_MS).here < 0.3


def test_a_holiday_neither_makes_the_next_one_look_usual_nor_lowers_what_comes_after() -> None:
    series, steady = working(20, away=(70, 91)), working(20)
    gone_ms = MONDAY_MS + 18 * WEEK_MS
    again = known(without(series, gone_ms), gone_ms + 5 * DAY_MS, DAY_MS)
    assert again.here < 0.25
    back_ms = MONDAY_MS + 14 * WEEK_MS
    assert known(series, back_ms, WEEK_MS).mean > 0.65 * known(steady, back_ms, WEEK_MS).mean


def test_after_one_use_alone_nobody_is_taken_for_gone_at_once() -> None:
    once = Series.of([(MONDAY_MS + 10 * HOUR_MS, 1.0)], MONDAY_MS, MONDAY_MS + 60 * DAY_MS, UTC)
    here = [known(once, MONDAY_MS + day * DAY_MS, DAY_MS).here for day in (1, 2, 30)]
    assert here[0] > 0.8 and here[0] >= here[1] > here[2] and here[2] < 0.1
