"""Tiers that could not do it: who goes on, and what a person's choice of another tier changes."""

from __future__ import annotations

from typing import Any

from fleet.core import events
from fleet.core.policy import Project
from tests.core.story import Story, account, spec

TIERS = ("haiku", "sonnet", "opus")


def failing(story: Story, attempt: str = "t1.1") -> None:
    """The worker's check fails until its tier is given up, and the worker goes."""
    while attempt in story.fleet.attempts and story.attempt(attempt).state == "running":
        for word in story.attempt(attempt).told:
            story.says(attempt, events.WordTaken(word))
        story.finish(attempt)
        story.check(ok=False, attempt=attempt)
    story.exit(attempt)


def told(story: Story, **but: Any) -> None:
    story.tell(events.PersonSaid, task="t1", word="w1", text="with another model", **but)


def test_what_a_tier_fails_twice_goes_on_with_the_next_one_and_its_session() -> None:
    story = Story(account("a"))
    story.add(spec(tiers=TIERS))
    story.opened()
    session = story.task().session_id
    failing(story)
    assert (story.attempt("t1.2").tier, story.attempt("t1.2").session_id) == ("sonnet", session)
    assert story.task().tier_failed == "haiku"


def test_a_weaker_tier_that_a_person_tried_in_between_does_not_bring_back_one_that_has_failed() -> None:
    story = Story(account("a"))
    story.add(spec(tiers=TIERS))
    story.opened()
    failing(story)
    story.opened("t1.2")
    failing(story, "t1.2")
    story.opened("t1.3")
    told(story, tier="haiku")
    failing(story, "t1.3")
    assert story.task().tier_failed == "sonnet"
    assert story.attempt("t1.4").tier == "opus"


def test_nothing_is_escalated_to_a_tier_that_its_project_has_no_account_for() -> None:
    """Its session would wait for ever, where a person can be asked."""
    story = Story(account("a", tiers=(("haiku", "h"),)), account("b"))
    story.tell(events.ProjectSet, project=Project("/repo", accounts=("a",)))
    story.add(spec(tiers=TIERS))
    story.opened()
    failing(story)
    assert story.task().state == "failed"
    assert "verification failed" in story.task().reason


def test_why_explains_a_worker_that_a_person_gave_a_tier_which_its_task_does_not_name() -> None:
    story = Story(account("a"))
    story.add(spec(tiers=("sonnet",)))
    story.opened()
    told(story, tier="opus")
    why = story.why()
    assert why.taken == ("a", "opus")
    assert why.quotes[0].tier == "opus"
