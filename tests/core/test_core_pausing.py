"""Pausing tasks, projects, accounts and all work: nothing starts, no turn is lost, and it goes on when resumed."""

from __future__ import annotations

from typing import Any

import pytest

from fleet.core import events
from fleet.core.decisions import StopWorker, TellWorker
from fleet.core.idle import is_idle
from fleet.core.model import Pause
from fleet.core.model.policy import Project
from fleet.core.step import Refused
from fleet.core.wording import CARRY_OUT, opening_text
from tests.core.story import HOUR_MS, START_MS, Story, account, kinds, spec, started

OF: dict[str, tuple[str, ...]] = {"task": ("t1",), "project": ("/repo",), "account": ("a",), "all": ()}
RESUME = {
    "task": "fleet task resume t1",
    "project": "fleet resume --project /repo",
    "account": "fleet account resume a",
    "all": "look for the cause, then: fleet breaker close",
}
NAMED = {
    "task": "paused by a person: the review",
    "project": "project /repo is paused by a person: the review",
    "account": "no account can take it (a: paused by you: the review)",
    "all": "the circuit breaker is open: the review",
}


def pause(story: Story, what: str, until_ms: int | None = None, *names: str, now: bool = False) -> list[Any]:
    said = Pause("a person", "the review", until_ms)
    return story.tell(events.PauseAsked, what=what, names=names or OF[what], pause=said, now=now)


def resume(story: Story, what: str) -> list[str]:
    return started(story.tell(events.PauseAsked, what=what, names=OF[what]))


@pytest.mark.parametrize("what", OF)
def test_what_is_paused_starts_nothing_is_named_as_the_hindrance_and_goes_on_when_it_is_resumed(
    what: str,
) -> None:
    story = Story(account("a"), workers_max=0)
    story.add()
    pause(story, what)
    assert started(story.tell(events.HostSeen, host="here", workers_max=9, memory_free_bytes=10**12)) == []
    why = story.why()
    assert (why.summary, why.advice, why.stuck) == (NAMED[what], RESUME[what], True)
    assert is_idle(story.fleet), "nobody waits for it"
    assert resume(story, what) == ["t1.1"]


@pytest.mark.parametrize("what", OF)
def test_what_is_paused_until_a_time_goes_on_by_itself_then(what: str) -> None:
    story = Story(account("a"), workers_max=0)
    story.add()
    pause(story, what, START_MS + HOUR_MS)
    story.tell(events.HostSeen, host="here", workers_max=9, memory_free_bytes=10**12)
    assert (story.why().stuck, story.why().expects_ms) == (False, START_MS + HOUR_MS)
    assert not is_idle(story.fleet)
    assert started(story.wait(HOUR_MS - 1)) == []
    assert started(story.wait(1)) == ["t1.1"]
    assert story.fleet.accounts["a"].paused is False and story.fleet.policy.breaker == ""


@pytest.mark.parametrize("what", OF)
def test_a_worker_at_work_loses_no_turn_and_what_it_has_finished_lands(what: str) -> None:
    story = Story(account("a"))
    story.add(spec(land="merge"))
    story.opened()
    assert pause(story, what) == []
    assert "its worker ends with this turn" in story.why().summary
    assert kinds(story.finish()) == ["CheckWork"]
    story.check()
    story.landing("landed")
    assert story.task().state == "landed"


@pytest.mark.parametrize("what", OF)
def test_what_would_take_another_turn_waits_until_it_is_resumed(what: str) -> None:
    """A failed check goes to the session when it goes on, in the words that it would have had at once."""
    story = Story(account("a"))
    story.add()
    story.opened()
    pause(story, what)
    story.finish()
    (stop,) = story.check(False, output="1 test failed")
    assert isinstance(stop, StopWorker) and stop.how == "close"
    assert started(story.exit()) == [] and story.task().state == "queued"
    assert resume(story, what) == ["t1.2"]
    told = opening_text(story.task(), story.attempt("t1.2"), resumed=True)
    assert "1 test failed" in told and story.task().faults == 0


def test_words_that_a_paused_session_has_not_heard_are_told_when_it_goes_on() -> None:
    story = Story(account("a"))
    story.add()
    story.opened()
    pause(story, "task")
    assert [type(one) for one in story.tell(events.PersonSaid, task="t1", word="w", text="and this")] == [
        TellWorker
    ]
    (stop,) = story.finish()
    assert isinstance(stop, StopWorker) and (stop.how, stop.why) == ("quick", "paused")
    story.exit()
    assert resume(story, "task") == ["t1.2"]
    assert opening_text(story.task(), story.attempt("t1.2"), resumed=True) == "and this"


def test_a_plan_that_was_made_while_it_was_paused_is_carried_out_when_it_goes_on() -> None:
    story = Story(account("a"))
    story.add(spec(plan_tier="opus"))
    story.opened()
    pause(story, "task")
    story.finish()
    story.exit()
    assert resume(story, "task") == ["t1.2"]
    attempt = story.attempt("t1.2")
    assert (attempt.plans, attempt.model) == (False, "s")
    assert opening_text(story.task(), attempt, resumed=True) == CARRY_OUT


@pytest.mark.parametrize("what", OF)
def test_now_stops_the_worker_and_its_session_goes_on_later_with_nothing_against_it(what: str) -> None:
    story = Story(account("a"))
    story.add()
    story.opened()
    (stopped,) = pause(story, what, now=True)
    assert isinstance(stopped, StopWorker) and (stopped.attempt, stopped.how) == ("t1.1", "ladder")
    story.exit()
    assert (story.task().state, story.task().faults) == ("queued", 0)
    assert resume(story, what) == ["t1.2"] and story.attempt("t1.2").resumes


def test_many_tasks_are_paused_in_one_step_or_none() -> None:
    story = Story()
    story.add(*(spec() for _ in range(3)))
    before = story.fleet
    with pytest.raises(Refused, match="there is no task t9"):
        pause(story, "task", None, "t1", "t9")
    assert story.fleet is before
    pause(story, "task", None, "t1", "t3")
    assert [bool(task.spec.paused) for task in story.fleet.tasks.values()] == [True, False, True]


@pytest.mark.parametrize(
    ("what", "name", "said"),
    [
        ("task", "t9", "there is no task t9"),
        ("project", "apx", "there is no project apx: see `fleet project list`"),
        ("account", "b", "there is no account b"),
    ],
)
def test_what_is_not_there_is_not_paused(what: str, name: str, said: str) -> None:
    with pytest.raises(Refused, match=said):
        pause(Story(account("a")), what, None, name)


def test_what_has_landed_is_not_paused_and_a_past_time_is_refused() -> None:
    story = Story(account("a"))
    story.add()
    with pytest.raises(Refused, match="is past"):
        pause(story, "task", START_MS)
    story.to_landing()
    with pytest.raises(Refused, match="t1 has landed: there is nothing to pause"):
        pause(story, "task")


def test_who_pauses_again_and_says_nothing_more_leaves_it_as_it_is() -> None:
    story = Story(account("a"))
    story.add(spec(paused=Pause("board:github", "moved to Blocked")))
    for what in OF:
        if what != "task":
            pause(story, what, START_MS + HOUR_MS)
    before, told = story.fleet, len(story.decided)
    for what, names in OF.items():
        story.tell(events.PauseAsked, what=what, names=names, pause=Pause("a person", ""))
    assert (story.fleet, len(story.decided)) == (before, told)


def test_a_paused_project_stays_so_when_what_holds_for_it_is_laid_down_anew() -> None:
    story = Story(account("a"))
    story.add(spec(paused=Pause("a person", "")))
    pause(story, "project")
    story.tell(events.ProjectSet, project=Project("/repo", weight=3.0))
    project = story.fleet.projects["/repo"]
    assert project.weight == 3.0 and project.paused is not None
