"""A branch that was left as its task asked for is merged after all."""

from __future__ import annotations

from typing import Any

import pytest

from fleet.core import events
from fleet.core.decisions import LandWork
from fleet.core.step import Refused
from tests.core.story import START_MS, Story, account, kinds, spec, started


def left(**but: Any) -> Story:
    """Its dependant has started already."""
    story = Story(account("a", allowance=8, answered_ms=START_MS))
    story.add(spec(key="x", **but), spec(after=("x",)))
    story.to_landing()
    story.exit()
    story.tell(events.WorktreeRemoved, task="t1", preserved=None)
    return story


def land(story: Story, target: str | None = None) -> list[Any]:
    return story.tell(events.LandAsked, task="t1", target=target)


def test_a_branch_that_was_left_is_merged_and_verified_as_merged_and_its_dependant_is_not_disturbed() -> None:
    story = left()
    assert "merged nowhere" in story.why().summary and "fleet task land t1 --merge" in story.why().advice
    running = story.fleet.attempts
    (merge,) = land(story, "develop")
    assert isinstance(merge, LandWork) and (story.task().state, story.task().spec.target) == (
        "landing",
        "develop",
    )
    assert story.fleet.attempts == running and story.task("t2").state == "running"
    story.landing("landed")
    assert (story.task().state, story.task().landed_commit, story.task().on_branch) == ("landed", "c2", False)
    assert story.why().summary == "landed on develop as c2"


def test_a_conflict_goes_back_to_the_session_that_did_the_work() -> None:
    story = left()
    land(story)
    assert started(story.landing("conflict")) == ["t1.2"] and story.attempt("t1.2").resumes
    story.add(spec(after=("t1",)))
    assert story.task("t3").state != "waiting", "the branch lies there still"


@pytest.mark.parametrize("begun", [True, False])
def test_who_takes_the_merge_back_has_the_branch_as_it_was(begun: bool) -> None:
    story = left()
    if not begun:
        story.add(spec(land="merge"))
        story.to_landing("t3.1")
        story.exit("t3.1")
    land(story)
    assert story.task().landing_begun is begun
    story.tell(events.CancelAsked, task="t1")
    if begun:
        story.landing("broken off")
    task = story.task()
    assert (task.state, task.spec.land, task.landed_commit, task.on_branch) == (
        "landed",
        "branch",
        "c1",
        False,
    )


def test_what_was_reviewed_on_its_branch_is_merged_as_it_was_approved() -> None:
    story = left(review="person")
    story.tell(events.ApproveAsked, task="t1", commit="c1", seen="c1")
    assert story.task().state == "landed"
    assert "LandWork" in kinds(land(story))


def test_only_what_was_left_on_its_branch_is_merged_later() -> None:
    story = left()
    land(story)
    with pytest.raises(Refused, match=r"t1 is landing: only what was left on its branch"):
        land(story)
    story.landing("landed")
    with pytest.raises(Refused, match=r"t1 is on main already \(c2\)"):
        land(story)
    with pytest.raises(Refused, match="there is no task t9"):
        story.tell(events.LandAsked, task="t9")


def test_where_nothing_was_changed_there_is_nothing_to_merge() -> None:
    story = Story(account("a"))
    story.add(spec(allow_empty=True))
    story.opened()
    story.finish()
    story.check(unchanged=True)
    with pytest.raises(Refused, match="t1 left nothing to merge: nothing had to be changed"):
        land(story)
