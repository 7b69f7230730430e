"""What a repository wants to run waits for a person, and nothing else does."""

from __future__ import annotations

from typing import Any

from fleet.core import events
from fleet.core.decisions import CheckWork, Decision, LandWork, StopWorker
from fleet.core.idle import is_idle, stuck
from fleet.store.codec import decode, encode
from tests.core.story import Story, account, spec, started

TEXT = "a digest"
WANTS = ".fleet.toml of /repo wants to run `make`: look at it with `fleet project allow /repo`"


def asks(story: Story, attempt: str = "t1.1", consent: str = TEXT) -> list[Decision]:
    return story.tell(
        events.StartFailed, attempt=attempt, fault="consent", detail=WANTS, lasting=True, consent=consent
    )


def given(story: Story, *tasks: str) -> list[Decision]:
    return story.tell(events.ConsentGiven, tasks=tasks)


def at_its_gate(**asked: Any) -> Story:
    story = Story(account("a"), account("b"))
    story.add(spec(**asked))
    story.opened()
    story.finish()
    return story


def test_a_start_that_needs_consent_starts_nothing_and_what_would_begin_there_waits_with_it_told_once() -> (
    None
):
    story = Story(account("a"), account("b"), workers_max=2)
    story.add(spec(), spec(), spec(), spec(target="release"), spec(repo="/other"))
    assert sorted(story.fleet.attempts) == ["t1.1", "t2.1"]
    assert started(asks(story)) == ["t4.1"], "t3 begins at the same branch"
    assert started(asks(story, "t2.1")) == ["t5.1"]
    assert [story.task(f"t{n}").consent for n in range(1, 6)] == [TEXT, TEXT, TEXT, None, None]
    assert {story.task(name).state for name in ("t1", "t2", "t3")} == {"queued"}
    assert story.fleet.worktrees["t1"].state == "removed" and story.task().faults == 0
    assert sum(WANTS in line for line in story.news()) == 1
    assert decode(type(story.task()), encode(story.task())) == story.task()


def test_whoever_waits_says_what_to_type_and_nobody_waits_for_the_fleet_to_be_idle() -> None:
    story = Story(account("a"))
    story.add(spec(repo="/my repo"))
    story.add(spec(repo="/my repo", after=("t1",)))
    asks(story)
    why = story.why()
    assert why.stuck and WANTS in why.summary and why.advice == "fleet project allow '/my repo'"
    assert is_idle(story.fleet) and [one.task for one in stuck(story.fleet)] == ["t1", "t2"]
    assert started(story.wait(3_600_000)) == [], "it is not tried in vain"


def test_with_consent_all_that_waited_starts() -> None:
    story = Story(account("a"), account("b"), workers_max=2)
    story.add(spec(), spec())
    asks(story)
    asks(story, "t2.1")
    assert started(given(story, "t1", "t2", "t9")) == ["t1.2", "t2.2"]
    assert not is_idle(story.fleet) and story.task().consent is None


def test_a_task_that_is_cancelled_or_stopped_meanwhile_is_not_held_back_by_it() -> None:
    story = Story(account("a"))
    story.add()
    story.tell(events.CancelAsked, task="t1")
    asks(story)
    assert story.task().state == "cancelled" and story.task().consent is None
    assert started(given(story, "t1")) == []
    assert started(story.tell(events.RetryAsked, task="t1")) == ["t1.2"]


def test_work_at_its_gate_waits_there_without_its_worker_and_is_checked_when_that_is_agreed_to() -> None:
    story = at_its_gate()
    (check,) = [d for d in story.decided if isinstance(d, CheckWork)]
    stopped = story.tell(
        events.PerformFailed, task="t1", effect=check.id, story=WANTS, lasting=True, consent=TEXT
    )
    assert [type(d) for d in stopped] == [StopWorker]
    story.exit()
    assert story.task().state == "checking" and is_idle(story.fleet)
    assert story.why().stuck and story.why().advice == "fleet project allow /repo"
    given(story, "t1")
    assert story.task().consent is None and not is_idle(story.fleet)
    story.check()
    assert story.task().state == "landed"


def test_verified_work_is_held_lets_others_land_and_lands_when_that_is_agreed_to() -> None:
    story = at_its_gate(land="merge")
    story.add(spec(land="merge"))
    story.opened("t2.1")
    story.finish("t2.1")
    story.check()
    story.check(attempt="t2.1")
    since = story.task().landing_since_ms
    following = story.tell(
        events.LandingEnded,
        task="t1",
        begun_ms=since,
        outcome="broken",
        commit=None,
        detail=WANTS,
        consent=TEXT,
    )
    assert [d.task for d in following if isinstance(d, LandWork)] == ["t2"]
    assert story.task().state == "held" and story.task().consent == TEXT
    assert story.why().advice == "fleet project allow /repo" and WANTS in story.why().summary
    given(story, "t1")
    assert story.task().state == "landing" and story.task().consent is None
