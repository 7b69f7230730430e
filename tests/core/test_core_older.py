"""A fleet that is older than the world: what it is told of ids that were given out, and of what has landed."""

from __future__ import annotations

import pytest

from fleet.core import events
from tests.core.story import Story, account, kinds, spec, started


def test_no_id_of_a_task_an_attempt_or_an_order_is_given_out_a_second_time() -> None:
    story = Story(account("a"))
    story.add()
    story.opened()
    story.end_turn("limited")
    found = {"tasks": 6, "attempts": (("t1", 4), ("t9", 2)), "decisions": 77, "unknown": ("t5", "t6")}
    story.tell(events.TracesFound, **found)
    assert "knows nothing of t5, t6" in story.notes() and "the next task is t7" in story.notes()
    story.tell(events.AccountAdded, account=account("b"))
    story.exit()
    assert story.task().attempt == "t1.5"
    story.add()
    assert "t7" in story.fleet.tasks
    assert story.fleet.decisions_made > 77


def test_what_is_known_anyway_changes_nothing() -> None:
    story = Story(account("a"))
    story.add()
    before, told = story.fleet, story.notes()
    story.tell(events.TracesFound, tasks=1, attempts=(("t1", 1),), decisions=1)
    assert (story.fleet, story.notes()) == (before, told)


def test_ids_that_left_a_trace_in_a_new_repository_are_passed_over() -> None:
    story = Story(account("a"))
    story.tell(events.TasksAdded, specs=(spec(), spec(key="x"), spec(after=("x",))), taken=8)
    assert list(story.fleet.tasks) == ["t9", "t10", "t11"]
    assert [task.number for task in story.fleet.tasks.values()] == [9, 10, 11]
    story.add()
    assert list(story.fleet.tasks)[-1] == "t12"


@pytest.mark.parametrize("state", ["queued", "running", "checking", "landing", "held"])
def test_what_has_landed_is_not_done_again_in_whichever_state_it_is_remembered(state: str) -> None:
    story = Story() if state == "queued" else Story(account("a"))
    story.add(spec(land="merge", key="x"), spec(after=("x",)))
    if state == "running":
        story.opened()
    elif state == "checking":
        story.opened()
        story.finish()
    elif state in ("landing", "held"):
        story.to_landing("t1.1")
        if state == "held":
            story.landing("held", "t1")
    assert story.task().state == state
    decided = kinds(story.tell(events.FoundLanded, task="t1", commit="c0ffee"))
    assert (story.task().state, story.task().landed_commit) == ("landed", "c0ffee")
    assert story.task("t2").state == "queued", "what waits for it may go on, but nothing is begun yet"
    assert not {"LandWork", "StartWorker"} & {*decided}
    before = story.fleet
    story.tell(events.FoundLanded, task="t1", commit="beef")
    assert story.fleet == before, "it has landed once"


def test_nothing_has_landed_before_what_it_waits_for() -> None:
    story = Story()
    story.add(spec(land="merge", key="x"), spec(land="merge", after=("x",)))
    story.tell(events.FoundLanded, task="t2", commit="c0ffee")
    assert story.task("t2").state == "waiting"
    story.tell(events.FoundLanded, task="t1", commit="c0ffee")
    story.tell(events.FoundLanded, task="t2", commit="beef")
    assert story.task("t2").state == "landed"


def test_a_worker_of_a_task_that_has_landed_is_let_go() -> None:
    story = Story(account("a"))
    assert started(story.add(spec(land="merge"))) == ["t1.1"]
    story.opened()
    assert kinds(story.tell(events.FoundLanded, task="t1", commit="c")) == ["StopWorker"]
    assert kinds(story.exit()) == ["RemoveWorktree"]
