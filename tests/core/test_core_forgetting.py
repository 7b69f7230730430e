"""Tasks that ended long ago are forgotten, unless something is left to be said or done."""

from __future__ import annotations

import pytest

from fleet.core import events
from fleet.core.model.replacing import replace
from tests.core.story import Story, account, spec


def ended(**but: object) -> Story:
    """Its t1 has landed, its worktree is gone."""
    story = Story(account("a"))
    story.add(spec(**but))
    story.to_landing("t1.1") if but.get("land") == "merge" else None
    if story.task().state == "landing":
        story.exit()
        story.landing("landed", "t1")
    else:
        story.opened()
        story.finish()
        story.tell(events.WorkChecked, task="t1", attempt="t1.1", ok=True, commit="c")
        story.exit()
    story.tell(events.WorktreeRemoved, task="t1", preserved=None)
    assert story.task().state == "landed"
    return story


def forget(story: Story, *tasks: str) -> None:
    story.tell(events.ForgetAsked, tasks=tasks or ("t1",), before_ms=story.now_ms)


def test_a_task_that_has_landed_is_forgotten_and_its_id_is_not_given_out_again() -> None:
    story = ended()
    forget(story, "t1", "t77")
    assert story.fleet.tasks == {} and story.fleet.worktrees == {}
    story.add()
    assert list(story.fleet.tasks) == ["t2"]


def test_one_that_ended_later_than_was_said_stays() -> None:
    story = ended()
    story.tell(events.ForgetAsked, tasks=("t1",), before_ms=story.now_ms - 1)
    assert "t1" in story.fleet.tasks


@pytest.mark.parametrize("why", ["failed", "open", "source", "worktree", "named by an open one"])
def test_of_what_something_is_left_nothing_is_forgotten(why: str) -> None:
    story = ended(source="board#1") if why == "source" else ended()
    if why == "named by an open one":
        story.add(spec(after=("t1",)))
    elif why in ("failed", "open", "worktree"):
        story = Story(account("a"))
        story.add()
        story.opened()
        if why == "failed":
            story.end_turn("turns")
            story.exit()
        elif why == "worktree":
            story.tell(events.CancelAsked, task="t1")
            story.exit()
    forget(story)
    assert "t1" in story.fleet.tasks


def test_what_stays_does_not_name_what_is_forgotten() -> None:
    story = ended()
    later = replace(story.task(), id="t2", number=2, after=("t1",), spec=spec(source="board#2"))
    story.fleet = replace(story.fleet, tasks={**story.fleet.tasks, "t2": later}, tasks_made=2)
    forget(story, "t1", "t2")
    assert {name: task.after for name, task in story.fleet.tasks.items()} == {"t2": ()}
