"""What must hold of the engine's rule in any week: generated scenarios through the real engine."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from fleet.core.capacity import headroom, reserved, running
from fleet.core.capacity.costs import Expected
from fleet.core.capacity.rates import rate
from fleet.core.check import broken
from fleet.core.dispatch import Placement, choose
from fleet.core.dispatch.shares import OVERLAP
from fleet.core.model import Bucket, Fleet, bucket_key
from fleet.core.model.prices import Prices
from fleet.planning import plan
from fleet.simulate.cases import Case, draw
from fleet.simulate.run import ANSWERS, run_case
from tests.simulate.small import account, bucket, scenario, task

WORK = 200_000
"""Work units of a task of size 1, as in real life: what the engine believes before it has learned is of that order."""

WEIGHTS = {"haiku": 1.0, "sonnet": 3.0}
ROUNDING = 1e-9


@st.composite
def accounts(draw: st.DrawFn, name: str) -> dict[str, Any]:
    capacity = draw(st.sampled_from([6.0 * WORK, 20.0 * WORK, 90.0 * WORK]))
    five_hour = bucket(capacity=capacity, weights=WEIGHTS)
    start = draw(st.sampled_from(["first-use", "10h"]))
    week = bucket("seven_day", "7d", capacity * draw(st.integers(2, 6)), weights=WEIGHTS, start=start)
    return account(name, five_hour, week, concurrency=draw(st.integers(1, 4)))


@st.composite
def tasks(draw: st.DrawFn, n: int) -> dict[str, Any]:
    more: dict[str, Any] = {
        "at": draw(st.sampled_from(["0h", "1h", "7h"])),
        "value": draw(st.floats(0.1, 9.0)),
    }
    if draw(st.booleans()):
        more["deadline"] = draw(st.sampled_from(["8h", "20h"]))
    if n and draw(st.integers(0, 4)) == 0:
        more |= {"after": [f"t{draw(st.integers(0, n - 1))}"], "at": "7h"}
    return task(f"t{n}", draw(st.floats(0.2, 4.0)), **more)


@st.composite
def reservations(draw: st.DrawFn, names: list[str]) -> dict[str, Any]:
    begins = draw(st.integers(0, 20))
    span = {"begins": f"{begins}h", "ends": f"{begins + draw(st.integers(1, 5))}h"}
    amount = draw(st.sampled_from([0.1, 0.4, 0.7, 1.0]))
    return {"account": draw(st.sampled_from(names)), "amount": amount, "spans": [span], "tier": "sonnet"}


@st.composite
def cases(draw_one: st.DrawFn) -> Case:
    names = ["a", "b", "c"][: draw_one(st.integers(1, 3))]
    doing = {
        "haiku": {"work": WORK, "duration": "30m", "chance": 0.7},
        "sonnet": {"work": WORK, "duration": "1h"},
    }
    made = scenario(
        tiers=[{"name": "haiku", "weight": 1}, {"name": "sonnet", "weight": 3}],
        accounts=[draw_one(accounts(name)) for name in names],
        kinds=[{"name": "plain", "doing": doing}],
        tasks=[draw_one(tasks(n)) for n in range(draw_one(st.integers(1, 14)))],
        reservations=draw_one(st.lists(reservations(names), max_size=3)),
        strategy=draw_one(st.sampled_from(["after-hours", "full-time"])),
        noise=draw_one(st.sampled_from([0.0, 0.5])),
    )
    return draw(made, draw_one(st.integers(0, 9)))


def drawn_on(fleet: Fleet, placement: Placement) -> list[tuple[Bucket, float]]:
    """The buckets that the work would draw on, with what a work unit takes of each."""
    account, tier = fleet.accounts[placement.account], placement.tier
    return [
        (one, rate(fleet, one.pool, one.name, tier))
        for one in fleet.buckets.values()
        if one.pool == account.pool and one.scope in (None, tier)
    ]


def before_the_reset(fleet: Fleet, one: Bucket, ms: float) -> float:
    if one.resets_ms is None or one.resets_ms <= fleet.now_ms or ms <= 0.0:
        return 1.0
    return min(1.0, (one.resets_ms - fleet.now_ms) / ms)


class Books:
    """What has been promised of each bucket: means and high quantiles, of running work and in this round so far."""

    def __init__(self, fleet: Fleet) -> None:
        self._promised = running.committed(fleet)

    def overcommitted(self, fleet: Fleet, placement: Placement, need: Expected) -> list[str]:
        """The buckets that would give more than they may. Reckoned anew, from what `capacity` says in words: the high
        quantile where something is kept, else half of the mean; but what is larger than a window begins in a fresh one,
        and one begins in a window that nobody can tell anything of."""
        found = []
        for one, per_work in drawn_on(fleet, placement):
            key = bucket_key(one.pool, one.name)
            kept = reserved.protected(fleet, one) + reserved.floor(fleet, one)
            used = headroom.utilization_now(one, fleet.now_ms, fleet.settings)
            mean, high = self._promised.get(key, (0.0, 0.0))
            share = per_work * before_the_reset(fleet, one, need.ms)
            wanted = need.high * share if kept > 0.0 else need.work * OVERLAP * share
            going = high if kept > 0.0 else mean
            free = 1.0 - kept - (used if used is not None else 0.5 * (kept > 0.0)) - going
            fresh = free > 0.0 and free >= 0.95 * (1.0 - kept) - ROUNDING
            untried = used is None and kept < 1.0 and mean == 0.0
            if wanted > free + ROUNDING and not fresh and not untried:
                found.append(f"{key} has {free:.3f} for {wanted:.3f} of {placement.task}")
            self._promised[key] = (mean + need.work * share, high + need.high * share)
        return found


def held_to_the_quantile(fleet: Fleet) -> Iterator[Placement]:
    """The engine's rule, each of its placements held to what is left after those before it."""
    books = Books(fleet)
    for placement in choose(fleet):
        assert placement.quote is not None
        assert books.overcommitted(fleet, placement, placement.quote.need) == []
        yield placement


def planned(fleet: Fleet) -> Prices:
    return plan(fleet, time_limit_s=10.0)


@settings(max_examples=30)
@given(case=cases())
def test_no_bucket_is_overcommitted_beyond_the_strategys_quantile(case: Case) -> None:
    run_case(case, held_to_the_quantile, policy="test")


@settings(max_examples=6)
@given(case=cases())
def test_nor_with_prices(case: Case) -> None:
    run_case(case, held_to_the_quantile, policy="test", planner=planned)


@settings(max_examples=30)
@given(case=cases())
def test_automation_passes_what_is_kept_by_no_more_than_an_answer_of_each_worker(case: Case) -> None:
    """Nothing is known of an answer before it has been given: the worker is stopped by the first that passes it, and so
    is every other one, which may have one under way."""
    takes = max((way.work / ANSWERS + 1) * WEIGHTS[way.tier] for job in case.jobs for way in job.ways)
    whole = {(a.name, b.name): b.capacity for a in case.scenario.accounts for b in a.buckets}

    def sound(fleet: Fleet) -> None:
        assert broken(fleet) == []
        for one in fleet.buckets.values():
            used = headroom.utilization_now(one, fleet.now_ms, fleet.settings)
            kept = reserved.protected(fleet, one)
            if used is not None and kept > 0.0:
                answers = fleet.accounts[one.pool].concurrency * takes / whole[one.pool, one.name]
                assert used <= 1.0 - kept + answers + ROUNDING

    run_case(case, choose, policy="test", check=sound)
