"""The forecast: what it must never do, and what it must get about right."""

from __future__ import annotations

from datetime import UTC, timedelta, timezone
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fleet.forecast import Forecast, Series, forecast
from fleet.forecast.ahead import Ahead
from fleet.forecast.series import HOUR_MS, SLOT_MS
from tests.forecast.persons import DAY_MS, MONDAY_MS, at_random, evenings


def _known(series: Series, now_ms: int, until_ms: int) -> Forecast:
    found = forecast(series, now_ms, until_ms)
    assert found is not None
    return found


@settings(max_examples=40)
@given(st.integers(0, 50), st.integers(2, 70 * 96), st.integers(1, 12 * 96))
def test_what_comes_later_changes_nothing(seed: int, now: int, later: int) -> None:
    now_ms = MONDAY_MS + now * SLOT_MS
    series = at_random(seed, 80)
    uses = [
        (MONDAY_MS + slot * SLOT_MS, float(amount))
        for slot, amount in enumerate(np.diff(series.total))
        if amount
    ]
    other = [*(use for use in uses if use[0] < now_ms), (now_ms, 1e6), (now_ms + later * SLOT_MS, 77.0)]
    changed = Series.of(other, series.begin_ms, series.end_ms + 20 * DAY_MS, UTC)
    until_ms = now_ms + later * SLOT_MS
    one, two = forecast(series, now_ms, until_ms), forecast(changed, now_ms, until_ms)
    assert (one is None) == (two is None)
    if one is not None and two is not None:
        assert np.allclose(one.sums, two.sums)


@settings(max_examples=40)
@given(st.integers(0, 50), st.integers(4, 80 * 96), st.floats(0.1, 400), st.sampled_from([1e-6, 3.0, 1e9]))
def test_the_distribution_is_one_and_grows_with_the_unit(
    seed: int, now: int, hours: float, unit: float
) -> None:
    series = at_random(seed, 80)
    now_ms = MONDAY_MS + now * SLOT_MS
    until_ms = now_ms + SLOT_MS + int(hours * HOUR_MS)
    found = forecast(series, now_ms, until_ms)
    scaled = forecast(
        Series(series.begin_ms, series.slot_ms, series.total * unit, series.hour_of_week), now_ms, until_ms
    )
    if found is None or scaled is None:
        assert found is None and scaled is None
        return
    assert np.all(np.isfinite(found.sums)) and np.all(np.diff(found.sums) >= -1e-12) and found.sums[0] >= 0
    assert 0 <= found.chance_of_use <= 1 + 1e-12
    assert np.allclose(scaled.sums, found.sums * unit)


def test_nothing_ever_used_is_unknown_and_not_zero() -> None:
    silent = Series.of([], MONDAY_MS, MONDAY_MS + 90 * DAY_MS, UTC)
    assert forecast(silent, MONDAY_MS + 80 * DAY_MS, MONDAY_MS + 81 * DAY_MS) is None


def test_a_forecast_from_beyond_what_was_observed_is_refused() -> None:
    series = evenings(4)
    with pytest.raises(ValueError, match="ends"):
        forecast(series, series.end_ms + HOUR_MS, series.end_ms + 2 * HOUR_MS)
    with pytest.raises(ValueError, match="later"):
        forecast(series, series.end_ms, series.end_ms - HOUR_MS)


def test_evenings_are_expected_on_their_days_alone() -> None:
    series = evenings()
    last = MONDAY_MS + 19 * 7 * DAY_MS
    tuesday = _known(series, last + DAY_MS + 18 * HOUR_MS, last + DAY_MS + 23 * HOUR_MS)
    morning = _known(series, last + DAY_MS + 6 * HOUR_MS, last + DAY_MS + 11 * HOUR_MS)
    friday = _known(series, last + 4 * DAY_MS + 18 * HOUR_MS, last + 4 * DAY_MS + 23 * HOUR_MS)
    assert 30_000 < tuesday.quantile(0.5) < 90_000
    assert tuesday.chance_of_use > 0.9
    assert morning.quantile(0.8) < 1_000
    assert friday.mean < tuesday.mean / 4


def test_the_hours_are_the_persons_own() -> None:
    """The same evenings of a person far east: their clock moves the habits, and with them the forecast."""
    far = timezone(timedelta(hours=9))
    here, there = evenings(), evenings(zone=far)
    now_ms = MONDAY_MS + 19 * 7 * DAY_MS + DAY_MS + 18 * HOUR_MS
    assert there.hours_at(now_ms, 1)[0] == (here.hours_at(now_ms, 1)[0] + 9) % 168
    assert _known(there, now_ms, now_ms + 5 * HOUR_MS).quantile(0.5) == pytest.approx(
        _known(here, now_ms, now_ms + 5 * HOUR_MS).quantile(0.5), rel=0.4
    )


def test_little_is_called_little() -> None:
    series = evenings(30)
    knowledge = []
    for weeks in (1, 5, 29):
        now_ms = MONDAY_MS + weeks * 7 * DAY_MS
        knowledge.append(_known(series, now_ms, now_ms + DAY_MS))
    assert [one.known for one in knowledge] == ["little", "some", "enough"]
    assert all(one.effective < two.effective for one, two in pairwise(knowledge))


def test_with_little_known_a_single_evening_does_not_decide() -> None:
    """After one evening of use the week to come may bring nothing, or several times as much."""
    series = evenings(30)
    now_ms = MONDAY_MS + 2 * DAY_MS
    week = _known(series, now_ms, now_ms + 7 * DAY_MS)
    assert week.known == "little"
    assert week.quantile(0.95) > 3 * max(week.quantile(0.1), 1.0)


def test_coverage_of_what_is_drawn_at_random() -> None:
    series = at_random(7, 200)
    covered = []
    for hour in range(100 * 24, 195 * 24, 7):
        now_ms = MONDAY_MS + hour * HOUR_MS
        found = _known(series, now_ms, now_ms + DAY_MS)
        came = np.diff(series.totals_at(now_ms, 25)[[0, -1]])[0]
        covered.append(came <= found.quantile(0.9))
    assert 0.85 <= np.mean(covered) <= 0.96


def test_quantiles_are_asked_for_with_chances() -> None:
    series = evenings()
    now_ms = MONDAY_MS + 15 * 7 * DAY_MS
    found = _known(series, now_ms, now_ms + 7 * DAY_MS)
    assert found.quantile(0.2) <= found.quantile(0.5) <= found.quantile(0.99)
    assert found.exceeds(found.quantile(0.8)) == pytest.approx(0.2, abs=0.01)
    with pytest.raises(ValueError, match="between 0 and 1"):
        found.quantile(95)


def test_windows_ahead_follow_the_habits_of_the_week() -> None:
    series = evenings()
    now_ms = MONDAY_MS + 15 * 7 * DAY_MS
    ahead = Ahead.of(series, now_ms)
    assert ahead is not None
    tuesday = ahead.quantile(0.5, now_ms + DAY_MS + 18 * HOUR_MS, now_ms + DAY_MS + 23 * HOUR_MS)
    sunday = ahead.quantile(0.5, now_ms + 6 * DAY_MS, now_ms + 7 * DAY_MS)
    assert tuesday > 2 * sunday
    with pytest.raises(ValueError, match="ahead"):
        ahead.quantile(0.5, now_ms - DAY_MS, now_ms)
