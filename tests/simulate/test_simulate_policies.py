from __future__ import annotations

from typing import Any

import pytest

from fleet.simulate.policies import POLICIES
from fleet.simulate.record import Record
from fleet.simulate.run import START_MS
from tests.simulate.small import account, bucket, placed, run, task

HOUR_MS = 3_600_000


def under(policy: str, **more: Any) -> Record:
    return run(POLICIES[policy](), **more)


def begins_h(record: Record, key: str) -> float:
    return (record.courses[key].stays[0].begins_ms - START_MS) / HOUR_MS


def test_fifo_uses_one_account_and_takes_tasks_as_they_came() -> None:
    record = under("fifo", accounts=[account("a"), account("b")], tasks=[task("x"), task("y", value=9)])
    assert placed(record) == [("x", "a"), ("y", "a")]


def test_the_others_take_the_task_of_most_value_first() -> None:
    for policy in sorted(POLICIES.keys() - {"fleet", "fifo"}):
        record = under(policy, tasks=[task("x"), task("y", value=9)])
        assert begins_h(record, "y") < begins_h(record, "x"), policy


def test_threshold_stays_until_a_bucket_is_at_nine_tenths_then_takes_the_emptiest() -> None:
    record = under(
        "threshold",
        accounts=[
            account("a", bucket(length="1d")),
            account("b", bucket(length="1d")),
            account("c", bucket(length="1d")),
        ],
        tasks=[task("big", 9.5), task("next", at="10h"), task("last", at="12h")],
    )
    assert [where for _, where in placed(record)] == ["a", "b", "b"]


def test_soonest_reset_takes_the_account_whose_week_ends_first() -> None:
    weeks = {"a": "6d", "b": "2d", "c": "4d"}
    accounts = [
        account(name, bucket("seven_day", "7d", start=start, used=0.1)) for name, start in weeks.items()
    ]
    record = under("soonest-reset", accounts=accounts, tasks=[task("x"), task("y"), task("z")])
    assert placed(record) == [("x", "b"), ("y", "c"), ("z", "a")]


def test_least_recent_goes_round() -> None:
    accounts = [account(name) for name in ("a", "b", "c")]
    record = under("least-recent", accounts=accounts, tasks=[task(f"t{n}", at=f"{2 * n}h") for n in range(4)])
    assert [where for _, where in placed(record)] == ["a", "b", "c", "a"]


def test_day_night_stops_at_a_fifth_by_day_and_at_four_fifths_by_night() -> None:
    record = under(
        "day-night",
        accounts=[account("a", bucket(length="1d"))],
        tasks=[
            task("dawn", 3, at="5h"),
            task("noon", at="12h"),
            task("night", 3, at="20h30m"),
            task("late", at="20h40m"),
        ],
        horizon="2d",
    )
    assert begins_h(record, "dawn") < 6
    assert begins_h(record, "noon") >= 20
    assert 24 <= begins_h(record, "late") < 24.1


def test_daily_share_leaves_the_rest_of_the_week_for_the_other_days() -> None:
    record = under(
        "daily-share",
        horizon="3d",
        accounts=[account("a", bucket("seven_day", "7d", capacity=700))],
        tasks=[task(f"t{n:02}", 2) for n in range(20)],
    )
    by_day = [
        sum(s.begins_ms - START_MS < day * 24 * HOUR_MS for c in record.courses.values() for s in c.stays)
        for day in (1, 2, 3)
    ]
    # The first day's share is 700 / 7 × 0.75 × 0.95 = 71 units: four tasks of 20, the last of which began at 60.
    assert by_day[0] == 4
    assert by_day[1] - by_day[0] == 4
    assert by_day[2] > by_day[1]


@pytest.mark.parametrize("policy", sorted(POLICIES.keys() - {"fleet"}))
def test_a_peer_routes_to_the_least_tier_allowed(policy: str) -> None:
    tiers = [{"name": "haiku", "weight": 1}, {"name": "sonnet", "weight": 3}]
    does = {"work": 10, "duration": "1h"}
    record = under(
        policy,
        tiers=tiers,
        kinds=[{"name": "plain", "doing": {"haiku": does, "sonnet": does}}],
        accounts=[account("a", bucket(weights={"haiku": 1, "sonnet": 3}))],
        tasks=[task("x"), task("y", tiers=["sonnet"])],
    )
    assert {key: [s.tier for s in c.stays] for key, c in record.courses.items()} == {
        "x": ["haiku"],
        "y": ["sonnet"],
    }
