"""A verification that the sandbox kept from something: a person settles it, and no turn of the session."""

from __future__ import annotations

from typing import Any

import pytest

from fleet.core import events
from fleet.core.model.policy import Project
from tests.core.story import Story, account, kinds, spec, started

DENIED = "/srv/data is not written by work of this project; if it should be: … (`make test` failed on that)"


def denied(land: str = "branch") -> Story:
    story = Story(account("a"))
    story.add(spec(land=land, verify=("make test",)))
    story.opened()
    story.finish()
    decided = story.check(False, denied=DENIED)
    assert kinds(decided) == ["StopWorker"]
    story.exit()
    return story


def lets(story: Story, **what: Any) -> list[str]:
    return kinds(story.tell(events.ProjectSet, project=Project(story.task().spec.project_name, **what)))


@pytest.mark.parametrize("land", ["branch", "merge"])
def test_it_is_held_at_once_told_once_and_costs_no_repair(land: str) -> None:
    story = denied(land)
    assert story.task().state == "held" and story.task().repairs == 0
    why = story.why()
    assert why.stuck and "/srv/data" in why.advice and "fleet task say t1" in why.advice
    assert "denied something by the sandbox" in why.summary
    assert "\n".join(story.news()).count("/srv/data") == 1


def test_it_is_verified_again_once_the_project_lets_more_and_not_for_its_weight() -> None:
    story = denied()
    assert lets(story) == []
    assert lets(story, sandbox_write=("/srv/data",)) == ["CheckWork"]
    assert story.task().state == "checking"
    story.check()
    assert story.task().state == "landed"


def test_denied_again_it_is_held_and_told_no_second_time() -> None:
    story = denied()
    lets(story, sandbox_read=("/srv/other",))
    story.check(False, denied=DENIED)
    assert story.task().state == "held" and "\n".join(story.news()).count("/srv/data") == 1


def test_it_is_verified_again_when_the_fleet_begins_anew_and_not_on_a_beat() -> None:
    story = denied()
    assert kinds(story.wait(3_600_000)) == []
    assert kinds(story.tell(events.DrainAsked, on=False)) == ["CheckWork"]


def test_a_persons_words_take_it_back_to_its_session() -> None:
    story = denied()
    decided = story.tell(events.PersonSaid, task="t1", word="w1", text="write below the worktree")
    assert started(decided) == ["t1.2"]


def test_a_merge_whose_verification_was_denied_something_is_held_for_it_too() -> None:
    story = Story(account("a"))
    story.add(spec(land="merge"))
    story.to_landing()
    story.exit()
    story.landing("denied", detail=DENIED, commit=None)
    assert story.task().state == "held" and story.task().repairs == 0
    assert lets(story, sandbox_write=("/srv/data",)) == ["CheckWork"]
    assert kinds(story.check()) == ["LandWork"]
