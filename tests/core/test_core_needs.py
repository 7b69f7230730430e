"""What the state keeps so that faces can say what needs a person, and since when."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from fleet.core import events
from fleet.core.events import TurnEnded
from fleet.core.model.policy import AUTO
from tests.core.story import HOUR_MS, START_MS, Story, account, spec

GB = 10**9


def test_a_task_and_an_account_know_since_when_they_are_in_their_state() -> None:
    story = Story()
    story.add()
    assert story.task().since_ms == START_MS
    story.now_ms += 10
    story.tell(events.AccountAdded, account=account("a"))
    assert (story.task().state, story.task().since_ms) == ("running", START_MS + 10)
    assert story.fleet.accounts["a"].since_ms == START_MS + 10
    story.now_ms += 10
    story.opened()
    assert story.task().since_ms == START_MS + 10, "the state is the same"
    story.tell(events.AccountRemoved, name="a")
    assert story.fleet.accounts["a"].since_ms == START_MS + 20


def test_the_breaker_knows_since_when_it_is_open_however_it_was_opened() -> None:
    story = Story()
    story.tell(events.BreakerSet, why="the bill")
    story.now_ms += 10
    story.tell(events.BreakerSet, why="the bill, still")
    assert story.fleet.policy.breaker_since_ms == START_MS
    story.tell(events.PauseAsked, what="all")
    assert story.fleet.policy.breaker_since_ms is None


def test_a_trouble_is_as_old_as_its_story() -> None:
    story = Story(account("a"))
    story.add()
    failed: dict[str, Any] = {"task": "t1", "effect": "x", "story": "no room"}
    story.tell(events.PerformFailed, **failed)
    story.now_ms += 10
    story.tell(events.PerformFailed, **failed, lasting=True)
    trouble = story.task().trouble
    assert trouble is not None and (trouble.lasting, trouble.since_ms) == (True, START_MS)
    story.tell(events.PerformFailed, **{**failed, "story": "no memory"})
    trouble = story.task().trouble
    assert trouble is not None and trouble.since_ms == START_MS + 10


def test_a_disk_is_nearly_full_from_when_little_was_free_until_more_is() -> None:
    story = Story()

    def sees(free: int | None) -> int | None:
        story.now_ms += 10
        seen: dict[str, Any] = {"host": "here", "workers_max": 9, "memory_free_bytes": 10**12}
        story.tell(events.HostSeen, **seen, disk_free_bytes=free)
        return story.fleet.hosts["here"].disk_low_ms

    assert [sees(free) for free in (9 * GB, GB, GB // 2, None, 3 * GB, None)] == [
        None,
        START_MS + 20,
        START_MS + 20,
        START_MS + 20,
        None,
        None,
    ]


def test_tools_that_are_denied_again_and_again_count_until_what_it_may_use_is_revised() -> None:
    story = Story(account("a"))
    story.add()
    story.opened()

    story.says("t1.1", TurnEnded("error", "no", denied=("Bash", "Bash")))
    assert story.task().denied_ms is None
    story.exit("t1.1")
    story.wait(HOUR_MS)
    story.opened("t1.2")
    story.says("t1.2", TurnEnded("error", "no", denied=("WebFetch", "x" * 500)))
    assert story.task().denied_ms == story.now_ms
    assert story.task().denied == (("Bash", 2), ("WebFetch", 1), ("x" * 80, 1))
    allowed = replace(story.task().spec, allow_tools=("Bash",))
    story.tell(events.TaskRevised, task="t1", fields=("allow_tools",), spec=allowed)
    assert (story.task().denied, story.task().denied_ms) == ((), None)


@pytest.mark.parametrize("tiers", [("sonnet",), (AUTO,)])
def test_a_deadline_is_at_risk_when_less_time_is_left_than_the_work_is_expected_to_take(
    tiers: tuple[str, ...],
) -> None:
    """Nothing has been learned yet, and so such a task takes 20 minutes."""
    story = Story()
    deadline = START_MS + HOUR_MS
    story.add(spec(deadline_ms=deadline, tiers=tiers), spec(tiers=tiers))
    story.wait(HOUR_MS // 2)
    assert story.task().at_risk_ms is None
    story.wait(HOUR_MS // 4)
    at_risk_ms = story.task().at_risk_ms
    assert at_risk_ms == START_MS + 3 * HOUR_MS // 4 and story.task("t2").at_risk_ms is None
    story.wait(HOUR_MS)
    assert story.task().at_risk_ms == at_risk_ms, "it has passed"
    later = replace(story.task().spec, deadline_ms=deadline + 9 * HOUR_MS)
    story.tell(events.TaskRevised, task="t1", fields=("deadline_ms",), spec=later)
    story.wait(1_000)
    assert story.task().at_risk_ms is None


def test_work_that_is_verified_in_time_is_not_at_risk_and_what_is_done_is_at_no_risk_any_more() -> None:
    story = Story(account("a"))
    story.add(spec(deadline_ms=START_MS + 60_000))
    story.wait(1)
    assert story.task().at_risk_ms == START_MS + 1, "it takes longer than that"
    story.opened()
    story.finish()
    story.wait(1)
    assert (story.task().state, story.task().at_risk_ms) == ("checking", None)
    story.wait(HOUR_MS)
    assert story.task().at_risk_ms == story.now_ms
    story.check()
    story.wait(1)
    assert (story.task().state, story.task().at_risk_ms) == ("landed", None)
