"""Programmes small enough to solve by hand: what capacity costs, and what is planned."""

from __future__ import annotations

import sys
from dataclasses import replace

import pytest

from fleet.core.capacity import costs
from fleet.core.capacity.worth import LATE
from fleet.core.model import Fleet, Task
from fleet.core.model.learned import Demand
from fleet.core.model.policy import Reservation, Strategy
from fleet.planning import Answer, NoPlan, plan, solve
from tests.planning.fleets import HOUR, NOW, account, bucket, chance, fleet_of, share, task

PATIENT = Strategy("patient", protect=1.0, quantile=0.9, haste=0.0)


def patient(fleet: Fleet) -> Fleet:
    """The same without a discount on what is done later."""
    return replace(fleet, policy=replace(fleet.policy, strategy=PATIENT))


def sized(fleet: Fleet, part: float, key: str = "a/seven_day") -> Fleet:
    """The same with sizes in multiples of what takes `part` of a bucket with sonnet."""
    each = part / share(fleet, key, "sonnet")
    tasks = {
        name: replace(t, spec=replace(t.spec, size=t.spec.size * each)) for name, t in fleet.tasks.items()
    }
    return replace(fleet, tasks=tasks)


def amount(answer: Answer, of: Task) -> float:
    """How much of the task is planned, as a share of it."""
    return sum(p.tasks for p in answer.planned if of.id in p.ids)


def test_a_bucket_that_cannot_be_used_up_is_free() -> None:
    fleet = sized(fleet_of([task(1), task(2)], [account("a")], [bucket("a")]), 0.3)
    assert plan(fleet).buckets == {"a/seven_day": 0.0}


def test_a_scarce_bucket_costs_what_the_best_forgone_task_would_have_given_for_it() -> None:
    loser, winner = task(1, value=2.0), task(2, value=6.0)
    fleet = patient(sized(fleet_of([loser, winner], [account("a")], [bucket("a")]), 0.8))
    answer = solve(fleet)
    assert answer.prices.buckets["a/seven_day"] == pytest.approx(2.0 * chance(fleet, "sonnet") / 0.8)
    assert amount(answer, winner) == pytest.approx(1.0)
    assert amount(answer, loser) == pytest.approx(0.25)


def test_a_window_that_will_expire_unused_is_free_though_the_week_is_scarce() -> None:
    whole = fleet_of([task(n) for n in range(9)], [account("a")], [bucket("a", "five_hour", 0.0, 1.0)])
    fleet = sized(whole, 0.02, "a/five_hour")
    week = bucket("a", resets_in_h=100.0)
    each = share(replace(fleet, buckets={"a/seven_day": week}), "a/seven_day", "sonnet")
    left = 2.5 * each * fleet.tasks["t00001"].spec.size
    fleet = replace(fleet, buckets={**fleet.buckets, "a/seven_day": replace(week, utilization=1.0 - left)})
    answer = solve(fleet)
    assert answer.prices.buckets["a/five_hour"] == 0.0
    assert answer.prices.buckets["a/seven_day"] > 0.0
    assert answer.unused["a/five_hour"] > 0.5


def test_the_window_that_expires_first_is_used_first() -> None:
    accounts = [account("early"), account("late")]
    buckets = [bucket("early", resets_in_h=20.0), bucket("late", resets_in_h=160.0)]
    fleet = patient(sized(fleet_of([task(n) for n in range(35)], accounts, buckets), 0.1, "early/seven_day"))
    answer = solve(fleet)
    assert answer.unused["early/seven_day"] == pytest.approx(0.0, abs=1e-6)


def test_what_is_in_use_by_persons_and_refused_is_not_planned_with() -> None:
    refused = replace(bucket("a", resets_in_h=150.0), refused_until_ms=NOW + 150 * HOUR)
    fleet = sized(fleet_of([task(1)], [account("a")], [refused]), 0.3)
    answer = solve(fleet)
    assert all(p.begins_ms >= NOW + 80 * HOUR for p in answer.planned)


def test_a_task_whose_deadline_nears_goes_before_one_of_the_same_value() -> None:
    urgent, calm = task(1, due_h=4.0), task(2, due_h=2_000.0)
    fleet = patient(fleet_of([calm, urgent], [account("a")], [bucket("a", "five_hour", 0.5, 4.5)]))
    left = 1.25 * share(fleet, "a/five_hour", "sonnet")
    fleet = replace(fleet, buckets={"a/five_hour": bucket("a", "five_hour", 1.0 - left, 4.5)})
    answer = solve(fleet)
    in_time = [p for p in answer.planned if urgent.id in p.ids and p.begins_ms < NOW + 4 * HOUR]
    assert sum(p.tasks for p in in_time) == pytest.approx(1.0)


def test_after_its_deadline_a_task_counts_as_late() -> None:
    late = task(1, value=8.0, due_h=-1.0)
    fleet = patient(sized(fleet_of([late], [account("a")], [bucket("a")]), 0.5))
    assert solve(fleet).value == pytest.approx(8.0 * LATE * chance(fleet, "sonnet"))


def test_an_expected_arrival_of_more_value_raises_the_price() -> None:
    fleet = sized(fleet_of([task(n) for n in range(4)], [account("a")], [bucket("a")]), 0.2)
    coming = Demand(
        "k",
        "repo",
        "execution",
        ("sonnet",),
        9.0,
        fleet.tasks["t00001"].spec.size,
        20.0,
        NOW - 24 * HOUR,
        NOW,
    )
    assert plan(fleet).buckets["a/seven_day"] == 0.0
    dearer = plan(replace(fleet, demand={"k": coming}))
    assert dearer.buckets["a/seven_day"] > plan(replace(fleet, demand={})).buckets["a/seven_day"]


def test_the_tier_that_wants_less_of_what_is_scarce_is_taken() -> None:
    tasks = [task(n, tiers="haiku opus") for n in range(4)]
    fleet = patient(fleet_of(tasks, [account("a", "haiku opus")], [bucket("a")]))
    size = 0.5 / share(fleet, "a/seven_day", "opus")
    tasks = [task(n, size=size, tiers="haiku opus") for n in range(4)]
    scarce = replace(fleet, tasks={t.id: t for t in tasks})
    by_tier = {p.tier for p in solve(scarce).planned}
    assert by_tier == {"haiku"}
    plenty = replace(scarce, buckets={"a/seven_day": replace(bucket("a"), length_ms=HOUR // 4)})
    strong, weak = chance(fleet, "opus"), chance(fleet, "haiku")
    assert solve(plenty).value == pytest.approx(4.0 * max(strong, weak))


def test_a_session_is_planned_on_the_account_it_is_warm_on() -> None:
    tied = task(1, on="b")
    fleet = sized(
        fleet_of([tied], [account("a"), account("b")], [bucket("a"), bucket("b")]), 0.1, "a/seven_day"
    )
    assert {p.account for p in solve(fleet).planned} == {"b"}


def test_a_task_begins_after_what_it_waits_for() -> None:
    parent, child = task(1, size=1.0), task(2, after=("t00001",))
    fleet = fleet_of([parent, child], [account("a")], [])
    each = 30.0 * HOUR / costs.expected(fleet, parent.spec, "sonnet").ms
    long_parent = task(1, size=each)
    planned = solve(fleet_of([long_parent, child], [account("a")], [])).planned
    assert all(p.begins_ms >= NOW + 20 * HOUR for p in planned if child.id in p.ids)


def test_what_is_reserved_is_not_planned_with() -> None:
    fleet = patient(sized(fleet_of([task(1), task(2)], [account("a")], [bucket("a")]), 0.4))
    kept = Reservation("r", "a", None, 0.5, ((NOW, NOW + 100 * HOUR),), "seven_day")
    reserved = replace(fleet, reservations={"r": kept})
    assert plan(fleet).buckets["a/seven_day"] == 0.0
    assert plan(reserved).buckets["a/seven_day"] > 0.0


def test_places_for_workers_cost_when_they_are_what_is_scarce() -> None:
    tasks = [task(n, value=1.0 + n, size=40.0) for n in range(40)]
    fleet = fleet_of(tasks, [account("a", concurrency=1), account("b", concurrency=1)], [])
    prices = plan(fleet)
    assert prices.slots["a"] > 0.0 and prices.slots["a"] == pytest.approx(prices.slots["b"])
    few_hosts = fleet_of(tasks, [account("a"), account("b")], [], workers=1)
    assert plan(few_hosts).hosts > 0.0 and plan(few_hosts).slots == {"a": 0.0, "b": 0.0}


def test_an_empty_fleet_has_prices_of_nothing() -> None:
    assert solve(Fleet(now_ms=NOW)).prices.buckets == {}
    assert plan(fleet_of([], [account("a")], [bucket("a")])).buckets == {"a/seven_day": 0.0}


def test_later_periods_tell_what_work_costs_then() -> None:
    buckets = [bucket("a", "five_hour", 0.5, 4.0)]
    tasks = [task(n, due_h=3.5) for n in range(10)]
    prices = plan(sized(fleet_of(tasks, [account("a")], buckets), 0.2, "a/five_hour"))
    assert len(prices.later["sonnet"]) == len(prices.edges)
    assert prices.later["sonnet"][0] > 0.0
    assert prices.later["sonnet"][-1] == 0.0


def test_what_would_be_left_at_the_end_of_all_is_free() -> None:
    """The rest of a long window is kept for what is expected after the end only if there is something after it."""
    fleet = sized(fleet_of([task(n) for n in range(4)], [account("a")], [bucket("a")]), 0.2)
    size = fleet.tasks["t00001"].spec.size
    coming = Demand("k", "repo", "execution", ("sonnet",), 9.0, size, 20.0, NOW - 24 * HOUR, NOW)
    expecting = replace(fleet, demand={"k": coming})
    assert plan(expecting).buckets["a/seven_day"] > 0.0
    assert plan(expecting, until_ms=NOW + HOUR // 4).buckets["a/seven_day"] == 0.0


def test_without_the_solver_there_is_no_plan_and_the_story_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "highspy", None)
    with pytest.raises(NoPlan, match=r"highspy cannot be imported.*mend it: "):
        plan(fleet_of([task(1)], [account("a")], [bucket("a")]))


def test_a_solver_that_runs_out_of_time_leaves_the_prices_as_they_were() -> None:
    tasks = [task(n, value=1.0 + n % 17, size=9.0 + n) for n in range(100)]
    fleet = sized(fleet_of(tasks, [account("a"), account("b")], [bucket("a"), bucket("b")]), 0.001)
    with pytest.raises(NoPlan, match="Time limit reached"):
        plan(fleet, time_limit_s=0.0)
