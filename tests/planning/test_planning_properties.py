"""What holds of every plan, over fleets drawn at random."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from fleet.core.capacity import costs, headroom, rates
from fleet.core.capacity.worth import worth_now
from fleet.core.model import Fleet
from fleet.planning import solve
from tests.planning.fleets import NOW, account, bucket, fleet_of, task

TIERS = ("haiku", "sonnet", "opus")


@st.composite
def fleets(draw: st.DrawFn, tied: bool = True) -> Fleet:
    names = ["a", "b", "c"][: draw(st.integers(1, 3))]
    accounts = [account(name, " ".join(TIERS), concurrency=draw(st.integers(5, 60))) for name in names]
    buckets = []
    for name in names:
        for window, most in (("five_hour", 5.0), ("seven_day", 168.0)):
            used = draw(st.floats(0.0, 0.999))
            buckets.append(bucket(name, window, used, draw(st.floats(1.01, most))))
    tasks = [
        task(
            n,
            value=draw(st.floats(0.1, 20.0)),
            size=draw(st.floats(0.2, 60.0)),
            tiers=" ".join(draw(st.lists(st.sampled_from(TIERS), min_size=1, unique=True))),
            due_h=draw(st.none() | st.floats(1.0, 300.0)),
            on=draw(st.none() | st.sampled_from(names)) if tied else None,
        )
        for n in range(draw(st.integers(1, 12)))
    ]
    return fleet_of(tasks, accounts, buckets)


@given(fleets())
@settings(max_examples=60)
def test_what_begins_now_is_worth_its_price(fleet: Fleet) -> None:
    answer = solve(fleet)
    prices = answer.prices
    for planned in answer.planned:
        if planned.begins_ms > NOW:
            continue
        one, on = fleet.tasks[planned.ids[0]], fleet.accounts[planned.account]
        cost = costs.remaining(fleet, one, planned.tier)
        paid = sum(
            cost.work * rates.rate(fleet, b.pool, b.name, planned.tier) * prices.buckets[f"{b.pool}/{b.name}"]
            for b in headroom.drawn_on(fleet, on, planned.tier)
        )
        paid += cost.ms / 3_600_000 * (prices.slots[on.name] + prices.hosts)
        gained = worth_now(one, NOW, cost.ms) * cost.chance
        assert gained - paid >= -1e-6 * max(gained, 1.0)


@given(fleets())
@settings(max_examples=40)
def test_no_price_is_negative_and_no_task_is_done_twice(fleet: Fleet) -> None:
    answer = solve(fleet)
    prices = answer.prices
    assert min([prices.hosts, *prices.buckets.values(), *prices.slots.values()]) >= 0.0
    for name in fleet.tasks:
        assert sum(p.tasks for p in answer.planned if p.ids == (name,)) <= 1.0 + 1e-6


@given(fleets())
@settings(max_examples=30)
def test_the_order_in_which_the_fleet_is_held_changes_nothing(fleet: Fleet) -> None:
    shuffled = replace(
        fleet,
        tasks=dict(reversed(list(fleet.tasks.items()))),
        accounts=dict(reversed(list(fleet.accounts.items()))),
        buckets=dict(reversed(list(fleet.buckets.items()))),
    )
    first, second = solve(fleet), solve(shuffled)
    assert first.planned == second.planned
    assert replace(first.prices, solve_ms=0.0) == replace(second.prices, solve_ms=0.0)


@given(fleets())
@settings(max_examples=30)
def test_more_of_a_bucket_never_makes_the_plan_worse(fleet: Fleet) -> None:
    key = min(fleet.buckets)
    more = replace(fleet.buckets[key], utilization=(fleet.buckets[key].utilization or 0.0) / 2)
    richer = replace(fleet, buckets={**fleet.buckets, key: more})
    assert solve(richer).value >= solve(fleet).value - 1e-6


def test_planning_is_imported_without_its_libraries() -> None:
    """Commands that never plan don't pay for numpy and HiGHS."""
    script = "import sys, fleet.planning; print('numpy' in sys.modules or 'highspy' in sys.modules)"
    told = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert told.stdout.strip() == "False"


def test_prices_are_the_same_under_any_hash_seed() -> None:
    script = (
        "from tests.planning.fleets import account, bucket, fleet_of, task\n"
        "from fleet.planning import solve\n"
        "tasks = [task(n, value=1.0 + n % 7, size=40.0 + n, tiers='haiku opus') for n in range(30)]\n"
        "pools = [bucket(a, w, 0.3, 4.0) for a in 'ab' for w in ('five_hour', 'seven_day')]\n"
        "answer = solve(fleet_of(tasks, [account('a', 'haiku opus'), account('b', 'opus')], pools))\n"
        "print(answer.prices.buckets, answer.prices.later, answer.planned)"
    )
    root = Path(__file__).parents[2]
    told = [
        subprocess.run(
            [sys.executable, "-c", script],
            cwd=root,
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    ]
    assert told[0] == told[1] != ""
