from __future__ import annotations

import os
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

import pytest

from fleet.core.check import broken
from fleet.core.dispatch import choose
from fleet.core.model import Fleet
from fleet.simulate.cases import draw
from fleet.simulate.generate import Shape, generate
from fleet.simulate.policies import POLICIES
from fleet.simulate.record import Record
from fleet.simulate.run import START_MS, run_case
from fleet.simulate.scenario import read
from tests.simulate.small import account, bucket, placed, run, scenario, task

HOUR_MS = 3_600_000
ROOT = Path(__file__).parents[2]
DIGEST = """
from fleet.core.dispatch import choose
from fleet.planning import plan
from fleet.simulate.cases import draw
from fleet.simulate.generate import Shape, generate
from fleet.simulate.policies import POLICIES
from fleet.simulate.run import run_case
case = draw(generate("chances", 4, Shape(*SHAPE)), 4)
print([run_case(case, POLICIES[name](), policy=name).digest for name in sorted(POLICIES)])
priced = run_case(case, choose, policy="fleet", planner=lambda fleet: plan(fleet, time_limit_s=60.0))
print(priced.digest, priced.plans > 100)
"""


@pytest.mark.parametrize(
    ("shape", "hash_seeds"),
    [
        ((1.0, 2, 3, 12, 0.2, 0.2, True), ("1", "4711")),
        pytest.param((1.0, 3, 4, 80, 0.2, 0.2, True), ("1", "2", "4711"), marks=pytest.mark.large),
    ],
    ids=["12 tasks", "80 tasks"],
)
def test_the_same_seed_gives_the_same_trace_whatever_the_hash_seed(
    shape: tuple[float | bool, ...], hash_seeds: tuple[str, ...]
) -> None:
    """Under every policy, and with the planner's prices."""
    traces = {
        subprocess.run(
            [sys.executable, "-c", f"SHAPE = {shape}\n{DIGEST}"],
            env={**os.environ, "PYTHONHASHSEED": seed},
            cwd=ROOT,
            check=True,
            capture_output=True,
            text=True,
        ).stdout
        for seed in hash_seeds
    }
    assert len(traces) == 1
    assert traces.pop().endswith("True\n")


@pytest.mark.parametrize("policy", POLICIES)
def test_what_is_drawn_is_what_is_reported_and_no_bucket_gives_more_than_it_has(policy: str) -> None:
    def sound(fleet: Fleet) -> None:
        assert not broken(fleet)

    case = draw(generate("arriving", 2, Shape(2.0, 2, 3, 80, 0.2, 0.2, True)), 2)
    record = run_case(case, POLICIES[policy](), policy=policy, check=sound)
    assert any(course.done_ms for course in record.courses.values())
    drawn = _drawn(record)
    for past in record.buckets:
        used = sum(period.used - period.first for period in past.periods)
        assert used == pytest.approx(drawn[past.account, past.bucket])
        assert all(period.used <= past.capacity * (1 + 1e-9) for period in past.periods)


def _drawn(record: Record) -> dict[tuple[str, str], float]:
    """What answers and served requests came to, by account and bucket."""
    found: dict[tuple[str, str], float] = defaultdict(float)
    weights = {(past.account, past.bucket): past.weights for past in record.buckets}
    took = [(s.account, s.tier, s.work) for c in record.courses.values() for s in c.stays]
    took += [(r.account, r.tier, r.work) for r in record.requests if r.served]
    for account_name, tier, work in took:
        for (of, name), by_tier in weights.items():
            if of == account_name:
                found[of, name] += work * by_tier.get(tier, 0.0)
    return found


def test_what_the_engine_was_told_is_what_the_work_drew() -> None:
    told: dict[str, int] = {}

    def listen(fleet: Fleet) -> None:
        told.update({a.id: a.used.input for a in (*fleet.attempts.values(), *fleet.ended)})

    case = draw(scenario(tasks=[task("x", 3), task("y", 4), task("z", 5)], noise=0.5), 1)
    record = run_case(case, choose, policy="test", check=listen)
    assert sum(told.values()) == sum(s.work for c in record.courses.values() for s in c.stays)


def test_a_refused_task_keeps_its_work_and_goes_on_elsewhere_for_a_small_extra() -> None:
    record = run(
        POLICIES["soonest-reset"](),
        accounts=[account("a", bucket(capacity=50)), account("b")],
        tasks=[task("x", 8)],
        move_cost=0.05,
    )
    stays = record.courses["x"].stays
    assert [(stay.account, stay.work, stay.moved) for stay in stays] == [
        ("a", 48, False),
        ("b", 32 + 4, True),
    ]


def test_a_window_begins_with_its_first_use_and_the_next_with_the_next() -> None:
    record = run(choose, tasks=[task("x"), task("y", at="8h")])
    begins = [period.begins_ms - START_MS for period in record.buckets[0].periods]
    assert begins[0] // HOUR_MS == 0
    assert begins[1] // HOUR_MS == 8


def test_a_window_on_the_clock_resets_when_its_clock_says() -> None:
    record = run(choose, accounts=[account("a", bucket(start="2h", used=0.9))], tasks=[task("x", 2)])
    ends = [period.ends_ms - START_MS for period in record.buckets[0].periods]
    assert ends[:2] == [2 * HOUR_MS, 7 * HOUR_MS]
    stays = record.courses["x"].stays
    assert [stay.work for stay in stays] == [8, 12]


def test_a_stronger_tier_takes_over_where_a_weaker_one_fails() -> None:
    doing = {
        "haiku": {"work": 10, "duration": "1h", "chance": 0.5},
        "sonnet": {"work": 10, "duration": "1h", "chance": 0.9},
    }
    record = run(
        POLICIES["least-recent"](),
        tiers=[{"name": "haiku", "weight": 1}, {"name": "sonnet", "weight": 3}],
        kinds=[{"name": "plain", "doing": doing}],
        accounts=[account("a", bucket(weights={"haiku": 1, "sonnet": 3}))],
        tasks=[task("easy", luck=0.2), task("hard", luck=0.7), task("hopeless", luck=0.95)],
    )
    tried = {key: [stay.tier for stay in course.stays] for key, course in record.courses.items()}
    assert tried == {"easy": ["haiku"], "hard": ["haiku", "sonnet"], "hopeless": ["haiku", "sonnet"]}
    assert record.courses["hopeless"].failed
    assert record.courses["hard"].done_ms is not None


def test_an_account_that_fails_gives_nothing_until_it_is_well_again() -> None:
    record = run(
        choose,
        accounts=[account("a", failures=[{"begins": "1h", "ends": "6h"}])],
        tasks=[task("x", 2)],
    )
    done_ms = record.courses["x"].done_ms
    assert done_ms is not None
    assert 7 * HOUR_MS < done_ms - START_MS < 9 * HOUR_MS


def test_late_readings_are_told_as_late_as_they_are() -> None:
    seen: list[tuple[int, int]] = []

    def listen(fleet: Fleet) -> None:
        seen.extend((fleet.now_ms, b.observed_ms) for b in fleet.buckets.values())

    case = draw(scenario(accounts=[account("a", readings_late="45m")], tasks=[task("x", 5)]), 1)
    run_case(case, choose, policy="test", check=listen)
    fresh = [now - observed for now, observed in seen if observed > START_MS]
    assert fresh and min(fresh) >= 45 * 60_000


def test_a_persons_request_is_blocked_when_a_bucket_has_no_room() -> None:
    person = {
        "account": "a",
        "tier": "sonnet",
        "per_hour": 10,
        "work": 30,
        "sessions": [{"begins": 0, "ends": "4h"}],
    }
    record = run(choose, persons=[person])
    assert [request.served for request in record.requests][:5] == [True, True, True, False, False]


def test_all_known_means_that_all_is_in_the_queue_from_the_start() -> None:
    record = run(choose, known="all", tasks=[task("x"), task("y", at="20h")])
    assert {course.ready_ms for course in record.courses.values()} == {START_MS}


def test_a_task_waits_for_what_it_comes_after() -> None:
    record = run(choose, accounts=[account("a", concurrency=4)], tasks=[task("x", 2), task("y", after=["x"])])
    assert placed(record) == [("x", "a"), ("y", "a")]
    assert record.courses["y"].ready_ms == record.courses["x"].done_ms


def test_the_example_of_the_manual_runs_to_its_end() -> None:
    case = draw(read(ROOT / "docs" / "examples" / "two-accounts.toml"), 1)
    record = run_case(case, choose, policy="fleet")
    assert sum(course.done_ms is not None for course in record.courses.values()) > len(case.jobs) // 2


def test_the_keys_of_a_scenario_may_look_like_the_ids_of_the_engine() -> None:
    tasks = [task("t2"), task("t1", at="2h", after=["t2"])]
    record = run(choose, tasks=tasks)
    assert all(course.done_ms for course in record.courses.values())
