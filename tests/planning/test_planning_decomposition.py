"""The programme against one written without any of its shortcuts: every task has columns of its own for every way of
going about it, through accounts and windows."""

from __future__ import annotations

from dataclasses import replace
from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fleet.core.capacity import rates
from fleet.core.model import Fleet, bucket_key
from fleet.planning import solve
from fleet.planning.classes import WorkClass, classes_of
from fleet.planning.periods import Periods
from fleet.planning.programme import paths
from fleet.planning.sheet import Sheet
from fleet.planning.windows import windows_of
from tests.planning.fleets import NOW, account, bucket, fleet_of, task

PERIODS = Periods((0.0, 3.0, 10.0))
TIERS = ("haiku", "opus")


class Written:
    """Columns: class × first tier × period × an account for every tier on the way × a window for each of those."""

    def __init__(self, fleet: Fleet) -> None:
        self.fleet, self.sheet = fleet, Sheet()
        self.windows: dict[str, list[tuple[int, range]]] = {}
        for key, of in sorted(fleet.buckets.items()):
            found = windows_of(fleet, of, {}, key, PERIODS)
            self.windows[key] = [(self.sheet.rows([w.capacity]), w.periods) for w in found]
        hours = PERIODS.lengths
        self.places = {
            name: self.sheet.rows([a.concurrency * h for h in hours]) for name, a in fleet.accounts.items()
        }
        for work in classes_of(fleet, PERIODS):
            self.write(work)

    def write(self, work: WorkClass) -> None:
        supply = self.sheet.rows([work.amount])
        discounts = PERIODS.discounts(self.fleet.policy.strategy.haste)
        needs = {need.tier: need for need in work.needs}
        for (need, path), n in product(zip(work.needs, paths(list(work.needs)), strict=True), range(2)):
            worth = work.value if work.due is None or n <= work.due else work.late
            value = worth * discounts[n] * max(path.chance - need.aside, 0.0)
            for names in product(work.accounts, repeat=len(path.works)):
                steps = list(zip(path.works, names, strict=True))
                for windows in product(*[self.open_windows(name, n) for name in names]):
                    column = self.sheet.columns([value])
                    self.sheet.run(supply, column, 1, 1.0)
                    for ((tier, amount), name), row in zip(steps, windows, strict=True):
                        rate = rates.rate(self.fleet, name, "five_hour", tier)
                        self.sheet.run(row, column, 1, amount * rate)
                        pace = needs[tier].hours / needs[tier].work
                        self.sheet.run(self.places[name] + n, column, 1, amount * pace)

    def open_windows(self, name: str, n: int) -> list[int]:
        return [row for row, periods in self.windows[bucket_key(name, "five_hour")] if n in periods]


@st.composite
def fleets(draw: st.DrawFn) -> Fleet:
    names = ["a", "b"][: draw(st.integers(1, 2))]
    accounts = [account(name, " ".join(TIERS), concurrency=draw(st.integers(1, 9))) for name in names]
    buckets = [
        bucket(name, "five_hour", draw(st.floats(0.0, 0.99)), draw(st.floats(0.5, 12.0))) for name in names
    ]
    tasks = [
        task(
            n,
            value=draw(st.floats(0.1, 20.0)),
            size=draw(st.floats(1.0, 90.0)),
            tiers=draw(st.sampled_from(["haiku", "opus", "opus haiku", "haiku opus"])),
            due_h=draw(st.none() | st.floats(0.5, 60.0)),
            on=draw(st.none() | st.sampled_from(names)),
        )
        for n in range(draw(st.integers(1, 5)))
    ]
    return fleet_of(tasks, accounts, buckets, workers=100_000)


@given(fleets())
@settings(max_examples=80)
def test_nothing_is_lost_by_taking_the_programme_apart(fleet: Fleet) -> None:
    whole = Written(fleet).sheet.solve(10.0).value
    assert solve(fleet, periods=PERIODS).value == pytest.approx(whole, rel=1e-6, abs=1e-6)


@given(fleets())
@settings(max_examples=40)
def test_the_price_of_a_bucket_is_what_a_little_more_of_it_brings(fleet: Fleet) -> None:
    """A dual value lies between what a little more gains and what a little less loses."""
    key, step = "a/five_hour", 1e-5
    answer = solve(fleet, periods=PERIODS)
    used = fleet.buckets[key].utilization or 0.0

    def value(utilization: float) -> float:
        changed = replace(fleet.buckets[key], utilization=utilization)
        return solve(replace(fleet, buckets={**fleet.buckets, key: changed}), periods=PERIODS).value

    price = answer.prices.buckets[key]
    slack = 1e-3 * max(price, 1.0)
    assert (answer.value - value(used + step)) / step >= price - slack
    if used > step:
        assert (value(used - step) - answer.value) / step <= price + slack
    assert answer.prices.at_ms == NOW
