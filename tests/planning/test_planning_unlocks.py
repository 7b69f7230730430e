"""What a task is worth to those that wait for it."""

from __future__ import annotations

import pytest

from fleet.core.model.prices import Prices
from fleet.planning.unlocks import unlocks_of
from tests.core.story import START_MS, Story, account, spec

WEEK_MS = 7 * 86_400_000
FREE = {"sonnet": (0.0,)}


@pytest.mark.parametrize("weeks", [0, 1, 6])
def test_a_chain_that_waits_for_weeks_is_worth_to_its_first_task_what_it_was_worth_at_first(
    weeks: int,
) -> None:
    """Age multiplies what a task unlocks when its worth is looked at. Counted here, too, it would grow along the chain
    beyond all bounds."""
    story = Story(account("a"), workers_max=0)
    story.add(
        spec(key="one"),
        spec(key="two", after=("one",)),
        spec(key="three", after=("two",)),
        spec(after=("three",)),
    )
    if weeks:
        story.wait(weeks * WEEK_MS)
    prices = Prices(story.now_ms, "programme", edges=(START_MS,), later=FREE, places=FREE)
    found = unlocks_of(story.fleet, prices)
    assert found == pytest.approx({"t1": 3 * 0.95, "t2": 2 * 0.95, "t3": 0.95})
