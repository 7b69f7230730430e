"""Which tasks are expected to arrive."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleet.core import events
from fleet.core.capacity import demand
from fleet.core.draft import Draft
from fleet.core.model import Fleet, TaskSpec
from tests.core.story import HOUR_MS, START_MS, Story, account, spec

DAY_MS = 24 * HOUR_MS


def add(fleet: Fleet, at_ms: int, *specs: TaskSpec) -> Fleet:
    draft = Draft(fleet, at_ms, "e")
    demand.arrived(draft, specs)
    return draft.close()[0]


def later(fleet: Fleet, at_ms: int) -> Fleet:
    return Draft(fleet, at_ms, "e").close()[0]


def steady(gap_ms: int, days: int) -> Fleet:
    fleet = Fleet()
    for at_ms in range(START_MS, START_MS + days * DAY_MS + 1, gap_ms):
        fleet = add(fleet, at_ms, spec())
    return fleet


def per_hour(fleet: Fleet) -> float:
    return sum(rate for _, rate in demand.forecast(fleet))


def test_a_backlog_added_at_once_is_not_expected_to_come_again() -> None:
    fleet = add(Fleet(), START_MS, *[spec()] * 500)
    assert [per_hour(later(fleet, START_MS + n * DAY_MS)) for n in range(3)] == [0.0, 0.0, 0.0]


def test_after_weeks_the_rate_is_the_one_at_which_tasks_arrive() -> None:
    assert per_hour(steady(HOUR_MS, 40)) == pytest.approx(1.0, rel=0.12)
    random, fleet, at_ms = Random(1), Fleet(), START_MS
    while at_ms < START_MS + 40 * DAY_MS:
        at_ms += round(random.expovariate(4.0) * HOUR_MS)
        fleet = add(fleet, at_ms, spec())
    assert per_hour(fleet) == pytest.approx(4.0, rel=0.15)


def test_a_rate_observed_for_less_than_a_day_is_hardly_believed() -> None:
    burst = Fleet()
    for minute in range(60):
        burst = add(burst, START_MS + minute * 60_000, spec())
    assert per_hour(burst) < 3.0
    assert per_hour(steady(HOUR_MS, 1)) == pytest.approx(0.69, rel=0.1)


def test_what_no_longer_arrives_is_expected_less_and_less() -> None:
    fleet = steady(HOUR_MS, 14)
    rates = [per_hour(later(fleet, START_MS + (14 + 7 * weeks) * DAY_MS)) for weeks in range(5)]
    assert rates == sorted(rates, reverse=True)
    assert rates[-1] < 0.1 * rates[0]


def test_classes_differ_by_project_kind_tiers_and_value_but_not_by_a_little_value() -> None:
    fleet = add(
        Fleet(),
        START_MS,
        spec(),
        spec(value=1.1),
        spec(project="other"),
        spec(kind="judgement"),
        spec(tiers=("opus",)),
        spec(priority=1),
    )
    assert len(fleet.demand) == 5
    assert {one.value for one in fleet.demand.values()} == {1.0, 2.0}


def test_a_class_has_the_mean_size_of_its_tasks() -> None:
    fleet = add(Fleet(), START_MS, spec(size=2.4, value=2.4))
    for n in range(1, 20):
        fleet = add(fleet, START_MS + n * HOUR_MS, spec(size=3.0, value=3.0))
    (one,) = fleet.demand.values()
    assert 2.9 < one.size < 3.0


def test_the_class_that_has_been_silent_longest_is_forgotten_first() -> None:
    fleet = Fleet()
    for n in range(demand.CLASSES_MAX + 6):
        fleet = add(fleet, START_MS + n, spec(project=f"p{n}"))
        fleet = add(fleet, START_MS + n, spec(project="p0"))
    kept = {one.project for one in fleet.demand.values()}
    assert len(kept) == demand.CLASSES_MAX
    assert "p0" in kept
    assert "p1" not in kept


def test_tasks_are_counted_when_they_are_added() -> None:
    story = Story(account("a"))
    story.add(spec(), spec(project="other"))
    assert [one.project for one, _ in demand.forecast(story.fleet)] == ["/repo", "other"]
    story.now_ms += HOUR_MS
    story.tell(events.TasksAdded, specs=(spec(),))
    assert per_hour(story.fleet) > 0.0


@given(
    st.lists(
        st.tuples(st.integers(-HOUR_MS, 9 * DAY_MS), st.floats(0.0, 1e6), st.floats(0.01, 100.0)), max_size=30
    )
)
def test_rates_are_never_negative_whatever_the_clock_does(happened: list[tuple[int, float, float]]) -> None:
    fleet, now_ms = Fleet(), START_MS
    for step_ms, value, size in happened:
        now_ms += step_ms
        fleet = add(fleet, now_ms, spec(value=value, size=size))
        assert all(0.0 <= rate < float("inf") for _, rate in demand.forecast(fleet))
