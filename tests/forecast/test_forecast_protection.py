"""Protection levels: against the textbook, against trying everything, and as time passes."""

from __future__ import annotations

from itertools import pairwise
from statistics import NormalDist

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from fleet.forecast import Claim, forecast, littlewood, protect_now, protection_levels
from fleet.forecast.distribution import LEVEL
from fleet.forecast.series import HOUR_MS
from tests.forecast.persons import DAY_MS, MONDAY_MS, evenings


def _normal(mean: float, deviation: float) -> NDArray[np.float64]:
    return np.array([NormalDist(mean, deviation).inv_cdf(float(level)) for level in LEVEL])


def test_littlewood_is_the_quantile_of_the_normal() -> None:
    """μ + σ Φ⁻¹(1 − v₂/v₁), as in Talluri & van Ryzin, 2.2.1."""
    expected = 100 + 30 * NormalDist().inv_cdf(1 - 40 / 100)
    assert littlewood(_normal(100, 30), 100, 40) == pytest.approx(expected, abs=0.1)


@given(st.lists(st.integers(0, 30), min_size=1, max_size=40), st.floats(0.05, 0.95), st.integers(1, 60))
def test_littlewood_earns_as_much_as_the_best_of_all_levels(
    seen: list[int], ratio: float, capacity: int
) -> None:
    """With a cheap class that takes all it may, the protected amount brings what no other whole amount beats."""
    demand = np.quantile(seen, LEVEL, method="inverted_cdf").astype(float)

    def brings(level: float) -> float:
        kept = min(level, capacity)
        return ratio * (capacity - kept) + float(np.minimum(demand, kept).mean())

    mine = brings(littlewood(demand, 1.0, ratio))
    best = max(brings(float(level)) for level in range(capacity + 1))
    assert mine >= best - 0.01 * 30 - 1e-9


def test_emsr_b_is_the_textbooks() -> None:
    """Three classes with normal demand; the sum of independent normals is normal."""
    values, means, deviations = (1050.0, 567.0, 534.0), (17.3, 45.1, 39.6), (5.8, 15.0, 13.2)
    claims = [
        Claim(value, _normal(mean, dev)) for value, mean, dev in zip(values, means, deviations, strict=True)
    ]
    first = 17.3 + 5.8 * NormalDist().inv_cdf(1 - 567 / 1050)
    pooled = (17.3 * 1050 + 45.1 * 567) / (17.3 + 45.1)
    second = 62.4 + (5.8**2 + 15.0**2) ** 0.5 * NormalDist().inv_cdf(1 - 534 / pooled)
    assert protection_levels(claims) == pytest.approx([first, second], abs=0.15)


def test_levels_never_fall_from_class_to_class() -> None:
    claims = [Claim(9.0, _normal(50, 5)), Claim(8.9, _normal(1, 0.1)), Claim(0.1, _normal(20, 5))]
    levels = protection_levels(claims)
    assert levels == sorted(levels)


def test_classes_in_another_order_are_refused() -> None:
    with pytest.raises(ValueError, match="descending"):
        protection_levels([Claim(1.0, LEVEL), Claim(2.0, LEVEL)])


def test_as_worth_means_nothing_kept_and_worthless_means_all_kept() -> None:
    demand = _normal(100, 30)
    assert littlewood(demand, 5.0, 5.0) == 0
    assert littlewood(demand, 5.0, 0.0) == np.inf
    with pytest.raises(ValueError, match="above 0"):
        littlewood(demand, 0.0, 1.0)


@given(st.floats(0.1, 10), st.floats(0.1, 10), st.floats(0.01, 5))
def test_more_is_kept_for_the_dearer_and_less_against_the_dearer(
    one: float, other: float, batch: float
) -> None:
    now_ms = MONDAY_MS + 15 * 7 * DAY_MS
    seen = forecast(evenings(), now_ms, now_ms + 7 * DAY_MS)
    assert seen is not None
    less, more = sorted((one, other))
    assert protect_now(seen, 300_000, less, batch) <= protect_now(seen, 300_000, more, batch)
    assert protect_now(seen, 300_000, batch, more) <= protect_now(seen, 300_000, batch, less)
    assert 0 <= protect_now(seen, 300_000, one, batch) <= 1


def test_an_evening_that_passes_unused_gives_back_what_was_kept_for_it() -> None:
    """The person always came on Tuesdays; this one they don't, and at eleven the bucket resets."""
    series = evenings(20)
    tuesday = MONDAY_MS + 19 * 7 * DAY_MS + DAY_MS
    used_until = (tuesday + 17 * HOUR_MS - series.begin_ms) // series.slot_ms
    stayed_away = np.minimum(series.total, series.total[used_until])
    away = type(series)(series.begin_ms, series.slot_ms, stayed_away, series.hour_of_week)
    kept = [1.0]
    for quarter in range(17 * 4, 23 * 4):
        seen = forecast(away, tuesday + quarter * series.slot_ms, tuesday + 23 * HOUR_MS)
        assert seen is not None
        kept.append(protect_now(seen, 150_000, 10.0, 1.0, held=kept[-1]))
    assert all(later <= earlier for earlier, later in pairwise(kept))
    assert kept[1] > 0.3
    assert kept[-1] < 0.1


def test_a_bucket_without_capacity_is_refused() -> None:
    now_ms = MONDAY_MS + 15 * 7 * DAY_MS
    seen = forecast(evenings(), now_ms, now_ms + DAY_MS)
    assert seen is not None
    with pytest.raises(ValueError, match="capacity"):
        protect_now(seen, 0, 2, 1)
