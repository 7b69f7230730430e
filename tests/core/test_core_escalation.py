"""Tiers that could not do it: who goes on, and what a person's choice of another tier changes."""

from __future__ import annotations

from math import exp
from typing import Any

import pytest

from fleet.core import events
from fleet.core.capacity import costs, experience
from fleet.core.model.policy import Project
from fleet.core.model.tokens import Tokens
from tests.core.story import Story, account, spec

TIERS = ("haiku", "sonnet", "opus")
MINUTE_MS = 60_000


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


def works(story: Story, attempt: str, minutes: int, output: int) -> None:
    """The worker takes so long, and so much work: a token of output counts for five units."""
    story.opened(attempt)
    story.says(attempt, events.Answered(f"m{attempt}", Tokens(output=output)))
    story.now_ms += minutes * MINUTE_MS


def pauses(story: Story, attempt: str) -> None:
    """Its worker ends without a fault of its own, and the next one goes on."""
    story.tell(events.DrainAsked, on=True, stop_workers=True)
    story.exit(attempt)
    story.tell(events.DrainAsked, on=False)


def test_what_a_tier_took_that_could_not_do_it_counts_for_that_tier_and_for_no_other() -> None:
    """Work and time of all its workers are learned of it; the next tier begins with nothing, also after a pause."""
    story = Story(account("a"))
    story.add(spec(tiers=TIERS))
    works(story, "t1.1", minutes=30, output=10_000)
    pauses(story, "t1.1")
    works(story, "t1.2", minutes=10, output=2_000)
    failing(story, "t1.2")
    haiku = story.fleet.experience[experience.keys(story.task().spec, "haiku")[-1]]
    assert (exp(haiku.log_work), exp(haiku.log_ms)) == pytest.approx((60_000, 40 * MINUTE_MS))
    assert (haiku.won, haiku.lost) == (0.0, 1.0)
    assert (story.task().tier_work, story.task().tier_ms) == (0.0, 0)
    assert costs.remaining(story.fleet, story.task(), "sonnet") == costs.expected(
        story.fleet, story.task().spec, "sonnet"
    )
    works(story, "t1.3", minutes=3, output=1_000)
    pauses(story, "t1.3")
    assert (story.task().tier_work, story.task().tier_ms) == (5_000, 3 * MINUTE_MS)
    works(story, "t1.4", minutes=4, output=3_000)
    story.finish("t1.4")
    story.check(attempt="t1.4")
    sonnet = story.fleet.experience[experience.keys(story.task().spec, "sonnet")[-1]]
    assert (exp(sonnet.log_work), exp(sonnet.log_ms)) == pytest.approx((20_000, 7 * MINUTE_MS))
    assert (sonnet.won, sonnet.lost) == (1.0, 0.0)


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
