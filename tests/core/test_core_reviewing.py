"""A person looks at verified work before it lands: what they say, and what nobody has looked at never lands."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from fleet.core import events
from fleet.core.decisions import CheckWork, LandWork
from fleet.core.idle import is_idle, stuck
from fleet.core.step import Refused
from fleet.core.wording import opening_text
from tests.core.story import Story, account, kinds, spec, started


def in_review(land: str = "merge", **but: Any) -> Story:
    story = Story(account("a"))
    story.add(spec(land=land, review="person", key="x", **but), spec(after=("x",)))
    story.to_landing()
    story.exit()
    return story


def approve(story: Story, commit: str = "c1", seen: str = "c1") -> list[Any]:
    return story.tell(events.ApproveAsked, task="t1", commit=commit, seen=seen)


def test_verified_work_waits_for_a_person_its_place_is_free_and_what_waits_for_it_waits_on() -> None:
    story = Story(account("a"), workers_max=1)
    story.add(spec(land="merge", review="person", key="x"), spec(after=("x",)), spec())
    assert [kinds(story.to_landing()), story.task().state] == [["StopWorker"], "review"]
    assert started(story.exit()) == ["t3.1"]
    assert story.task("t2").state == "waiting"
    assert story.why("t2").advice == "see: fleet why t1"
    story.tell(events.CancelAsked, task="t3")
    story.start("t3.1")
    story.exit("t3.1")
    story.tell(events.WorktreeRemoved, task="t3", preserved=None)
    assert is_idle(story.fleet) and [e.task for e in stuck(story.fleet)] == ["t1", "t2"]


@pytest.mark.parametrize(
    ("land", "state", "does"), [("merge", "landing", ["LandWork"]), ("branch", "landed", [])]
)
def test_approved_work_lands_the_way_that_was_asked_for(land: str, state: str, does: list[str]) -> None:
    story = in_review(land)
    decided = approve(story)
    assert story.task().state == state
    assert [kind for kind in kinds(decided) if kind == "LandWork"] == does
    if land == "merge":
        story.landing("landed")
    assert story.task().state == "landed" and story.task("t2").state == "running"


def test_what_has_changed_since_a_person_looked_is_not_approved() -> None:
    story = in_review()
    story.tell(events.SendBackAsked, task="t1", word="w", text="more")
    story.opened("t1.2")
    story.finish("t1.2")
    story.tell(events.WorkChecked, task="t1", attempt="t1.2", ok=True, commit="c2")
    before = story.fleet
    with pytest.raises(
        Refused, match=r"t1 has changed since you looked \(c1 → c2\): look again, with fleet task diff t1"
    ):
        approve(story)
    assert story.fleet is before


def test_a_branch_that_has_moved_is_verified_before_what_was_approved_lands() -> None:
    story = in_review()
    (check,) = approve(story, commit="c9")
    assert isinstance(check, CheckWork) and story.task().state == "checking"
    decided = story.tell(events.WorkChecked, task="t1", attempt="t1.1", ok=True, commit="c9")
    assert [type(one) for one in decided] == [LandWork]


@pytest.mark.parametrize("ok", [True, False])
def test_what_becomes_of_an_approved_branch_that_is_not_as_it_was_is_looked_at_again(ok: bool) -> None:
    """Be it that its session mends it, or that somebody else has moved it."""
    story = in_review()
    approve(story, commit="c9")
    story.tell(events.WorkChecked, task="t1", attempt="t1.1", ok=ok, commit="c10", output="1 failed")
    if not ok:
        story.opened("t1.2")
        story.finish("t1.2")
        story.check(attempt="t1.2")
    assert (story.task().state, story.task().approved) == ("review", None)


@pytest.mark.parametrize("outcome", ["conflict", "unverified"])
def test_work_that_its_session_had_to_change_to_land_is_looked_at_again(outcome: Any) -> None:
    story = in_review()
    approve(story)
    assert started(story.landing(outcome)) == ["t1.2"]
    story.opened("t1.2")
    story.finish("t1.2")
    story.tell(events.WorkChecked, task="t1", attempt="t1.2", ok=True, commit="c2")
    assert story.task().state == "review"


def test_a_branch_that_moved_after_it_was_approved_does_not_land() -> None:
    story = in_review()
    approve(story)
    assert kinds(story.landing("unapproved", detail="its branch has moved")) == []
    assert (story.task().state, story.task().approved) == ("review", None)
    assert "its branch has moved: fleet task diff t1, then fleet task approve t1" in story.notes()


def test_a_held_target_that_becomes_free_takes_what_was_approved_without_asking_again() -> None:
    story = in_review()
    approve(story)
    story.landing("held")
    assert kinds(story.tell(events.HeldSeen, task="t1", landed=False, free=True)) == ["LandWork"]


def test_what_is_sent_back_reaches_its_session_word_for_word_and_failures_count_anew() -> None:
    story = in_review()
    text = "Name it after what it gives.\n\nsrc/app.py:12: `x` says nothing\n  at all"
    assert started(story.tell(events.SendBackAsked, task="t1", word="w", text=text)) == ["t1.2"]
    attempt = story.attempt("t1.2")
    assert attempt.resumes and opening_text(story.task(), attempt, resumed=True) == text
    assert story.task().repairs == 0


def test_what_is_rejected_ends_with_the_reason_and_its_worktree_goes() -> None:
    story = in_review()
    assert kinds(story.tell(events.RejectAsked, task="t1", why="too clever")) == ["RemoveWorktree"]
    assert (story.task().state, story.task().reason) == ("cancelled", "rejected by a person: too clever")


def test_saying_more_sends_reviewed_work_back_to_its_session() -> None:
    story = in_review()
    assert started(story.tell(events.PersonSaid, task="t1", word="w", text="and this")) == ["t1.2"]


VERDICTS: list[tuple[type[events.Event], dict[str, Any]]] = [
    (events.ApproveAsked, {"commit": "c1", "seen": "c1"}),
    (events.SendBackAsked, {"word": "w", "text": "more"}),
    (events.RejectAsked, {"why": ""}),
]


@pytest.mark.parametrize(("kind", "said"), VERDICTS)
def test_only_what_waits_for_a_review_gets_a_verdict(kind: type[events.Event], said: dict[str, Any]) -> None:
    story = Story(account("a"))
    story.add(spec(review="person"))
    with pytest.raises(Refused, match=r"t1 is running: there is nothing to .* yet \(fleet why t1\)"):
        story.tell(kind, task="t1", **said)
    story.tell(events.TaskRevised, task="t1", fields=("review",), spec=spec())
    with pytest.raises(Refused, match="fleet task edit t1 --review"):
        story.tell(kind, task="t1", **said)
    story.to_landing()
    with pytest.raises(Refused, match="t1 has landed already"):
        story.tell(kind, task="t1", **said)
    with pytest.raises(Refused, match="there is no task t9"):
        story.tell(kind, task="t9", **said)


def test_work_whose_worktree_is_gone_is_verified_again_by_its_session() -> None:
    """Its host was drained: then there is nowhere to verify a moved branch by itself."""
    story = in_review()
    story.tell(events.HostSeen, host="here", workers_max=0, memory_free_bytes=10**12)
    gone = replace(story.fleet.worktrees["t1"], state="removed")
    story.fleet = replace(story.fleet, worktrees={"t1": gone})
    assert kinds(approve(story, commit="c9")) == []
    assert (story.task().state, story.task().approved) == ("queued", "c9")
