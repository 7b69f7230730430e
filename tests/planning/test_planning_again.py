"""A programme that is solved again with other values says what one written anew would."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fleet.core.model import Fleet
from fleet.planning import solve
from fleet.planning.classes import classes_of, with_unlocks
from fleet.planning.periods import Periods
from fleet.planning.programme import Programme
from fleet.planning.sheet import Sheet
from tests.planning.fleets import account, bucket, fleet_of, task
from tests.planning.test_planning_properties import fleets


@given(
    st.lists(st.floats(0.0, 9.0), min_size=3, max_size=3),
    st.lists(st.floats(0.0, 9.0), min_size=3, max_size=3),
)
@settings(max_examples=40)
def test_a_sheet_with_other_values_has_the_optimum_of_a_fresh_one(
    first: list[float], second: list[float]
) -> None:
    again, anew = _sheet(first), _sheet(second)
    again.solve(10.0)
    again.revalue(0, second)
    assert again.solve(10.0).value == pytest.approx(anew.solve(10.0).value, abs=1e-9)


def _sheet(values: list[float]) -> Sheet:
    """Three things to make of two that are scarce."""
    sheet = Sheet()
    column = sheet.columns(values)
    row = sheet.rows([4.0, 3.0])
    for n, needs in enumerate(((1.0, 2.0), (2.0, 1.0), (1.0, 1.0))):
        for of, need in enumerate(needs):
            sheet.run(row + of, column + n, 1, need)
    return sheet


@given(fleets(), st.lists(st.floats(0.0, 5.0), min_size=12, max_size=12))
@settings(max_examples=30)
def test_raised_classes_bring_what_classes_of_raised_tasks_do(fleet: Fleet, gains: list[float]) -> None:
    """With so few tasks each is a class of its own, so that both programmes are the same."""
    unlocks = dict(zip(sorted(fleet.tasks), gains, strict=False))
    raised = replace(
        fleet, tasks={name: replace(one, unlocks=unlocks[name]) for name, one in fleet.tasks.items()}
    )
    again, anew = _programme(fleet), _programme(raised)
    again.sheet.solve(10.0)
    again.revalue(with_unlocks(again.classes, fleet, unlocks))
    assert _value(again) == pytest.approx(_value(anew), rel=1e-6, abs=1e-9)


def _programme(fleet: Fleet) -> Programme:
    periods = Periods.of(fleet)
    return Programme(fleet, periods, classes_of(fleet, periods))


def _value(programme: Programme) -> float:
    return programme.sheet.solve(10.0).value * programme.scale


def test_a_plan_of_chains_is_the_same_whether_the_fleet_had_prices_before_or_not() -> None:
    tasks = [task(n, value=1.0 + n, after=(f"t{n - 1:05}",) if n % 3 else ()) for n in range(9)]
    fleet = fleet_of(tasks, [account("a")], [bucket("a", used=0.7)])
    first = solve(fleet)
    assert first.prices.unlocks
    again = solve(replace(fleet, prices=replace(first.prices, unlocks={})))
    assert again.value == pytest.approx(first.value, rel=1e-6)
