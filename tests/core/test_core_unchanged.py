"""A task in which nothing was changed lands only where that was said to be right; and one whose worktree was gone."""

from __future__ import annotations

import json

import pytest

from fleet.core import events
from fleet.core.events import WordTaken
from fleet.core.idle import is_idle, stuck
from fleet.core.model import Task
from fleet.store import codec
from fleet.views.outcome import Outcome, ended_well, summary
from tests.core.story import Story, account, kinds, spec, started
from tests.core.test_core_revising import revise


def checked(land: str = "merge", **but: object) -> Story:
    """A task, on which another one waits, whose worker has finished without having changed anything."""
    story = Story(account("a"))
    story.add(spec(land=land, key="x", **but), spec(after=("x",)))
    story.opened()
    story.finish()
    return story


def asked(story: Story) -> list[str]:
    """Checks it; gives what its session is told, which takes it up and finishes again."""
    told = [d for d in story.check(unchanged=True) if kinds([d]) == ["TellWorker"]]
    for word in told:
        story.says("t1.1", WordTaken(word.word))  # type: ignore[attr-defined]
    story.finish()
    return [word.text for word in told]  # type: ignore[attr-defined]


@pytest.mark.parametrize("land", ["merge", "branch"])
def test_its_session_is_asked_once_and_then_a_person_and_nothing_has_landed(land: str) -> None:
    story = checked(land)
    (question,) = asked(story)
    assert "no change that main does not have" in question and "stash" in question
    assert kinds(story.check(unchanged=True)) == ["StopWorker"]
    story.exit()
    assert story.task().state == "held" and story.task().repairs == 0
    why = story.why()
    assert why.summary == "nothing was changed, so nothing landed"
    for command in ('fleet task say t1 "…"', "fleet task edit t1 --allow-empty", "fleet task cancel t1"):
        assert command in why.advice
    assert story.task("t2").state == "waiting" and "fleet why t1" in story.why("t2").advice
    assert is_idle(story.fleet) and [e.task for e in stuck(story.fleet)] == ["t1", "t2"]
    outcome = Outcome(Story().fleet, story.fleet)
    assert not ended_well(outcome) and "nothing was changed" in summary(outcome)
    assert kinds(story.wait(3_600_000)) == [], "only a person can say what is right"


def test_what_it_made_that_git_ignores_is_told_to_it_and_then_to_a_person_with_the_line_that_ignores_it() -> (
    None
):
    lies = "out/report.pdf (.gitignore:2: out/)"
    story = checked()
    (word,) = [d for d in story.check(unchanged=True, ignored=lies) if kinds([d]) == ["TellWorker"]]
    assert lies in word.text and "git add --force" in word.text  # type: ignore[attr-defined]
    story.says("t1.1", WordTaken(word.word))  # type: ignore[attr-defined]
    story.finish()
    story.check(unchanged=True, ignored=lies)
    advice = story.why().advice
    assert story.task().state == "held" and lies in advice and "fleet task say t1" in advice, advice


def test_work_that_it_brings_when_it_is_asked_lands() -> None:
    story = checked()
    asked(story)
    assert "LandWork" in kinds(story.check())


@pytest.mark.parametrize("land", ["merge", "branch"])
def test_where_that_is_right_it_is_done_and_says_so_and_what_waits_for_it_goes_on(land: str) -> None:
    story = checked(land, allow_empty=True)
    assert "LandWork" not in kinds(story.check(unchanged=True))
    story.exit()
    assert (story.task().state, story.task().landed_commit) == ("landed", "c1")
    assert "nothing had to be changed" in story.why().summary and "landed" not in story.why().summary
    assert "verified and landed" not in story.notes()
    assert story.task("t2").state == "running"


def test_a_person_says_afterwards_that_it_is_right_or_that_there_is_more_to_do() -> None:
    for_good, more = checked(), checked()
    for story in (for_good, more):
        asked(story)
        story.check(unchanged=True)
        story.exit()
    decided = revise(for_good, allow_empty=True)
    assert for_good.task().state == "landed" and started(decided) == ["t2.1"]
    assert started(more.tell(events.PersonSaid, task="t1", word="w", text="There is a bug in a.py")) == [
        "t1.2"
    ]


def test_a_landing_that_had_nothing_to_bring_says_that() -> None:
    story = Story(account("a"))
    story.add(spec(land="merge"))
    story.to_landing()
    story.landing("landed", detail="nothing was left to land: main has had it already")
    assert story.why().summary == "nothing was left to land: main has had it already"
    assert story.news()[-1] == story.why().summary


def test_a_session_whose_worktree_was_gone_goes_on_in_the_one_that_was_made_anew() -> None:
    """Its worker stands in a directory that there is no more, so it is let go."""
    story = checked()
    decided = story.check(False, remade=True, noticed="its worktree was gone")
    assert kinds(decided) == ["StopWorker"]
    assert story.task().state == "queued" and "its worktree was gone" in story.news()
    assert started(story.exit()) == ["t1.2"]
    assert story.attempt("t1.2").resumes


def test_verified_work_of_a_worktree_that_was_gone_lands() -> None:
    story = checked()
    assert sorted(kinds(story.check(remade=True))) == ["LandWork", "StopWorker"]


def test_a_task_that_the_last_release_has_stored_opens() -> None:
    story = checked()
    body = json.loads(codec.encode(story.task()))
    for name in ("held_for", "empty_told"):
        del body[name]
    del body["spec"]["allow_empty"]
    assert codec.decode(Task, json.dumps(body)) == story.task()
