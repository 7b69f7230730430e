"""Hosts: added, silent, given up, come back, emptied; and what becomes of the work on them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from fleet.core import events
from fleet.core.decisions import Note
from fleet.core.events import WordTaken
from fleet.core.model import Host
from fleet.core.step import Refused
from fleet.core.wording import opening_id
from tests.core.far_story import LOST_MS, FarStory, far
from tests.core.story import kinds, spec, started


def with_work_on(name: str, *others: Host, here: int = 0) -> FarStory:
    """One task, whose worker runs on the host."""
    story = FarStory(far(name), here=0)
    story.add()
    story.opened()
    for other in others:
        story.tell(events.HostAdded, host=other)
        story.seen(other.name)
    if here:
        story.tell(events.HostSeen, host="here", workers_max=here, memory_free_bytes=10**12)
    return story


def test_a_host_takes_no_work_before_it_has_been_reached() -> None:
    story = FarStory()
    story.tell(events.HostAdded, host=far("x"))
    assert started(story.add()) == []
    assert "host x: no coordinator has connected to it yet" in story.why().summary
    assert started(story.seen("x")) == ["t1.1"]
    assert (story.host_of("t1.1"), story.tree().host) == ("x", "x")


def test_a_host_that_a_new_coordinator_connects_to_is_not_told_as_silent() -> None:
    story = FarStory(far("x"))
    story.tell(events.HostSilent, host="x", why="it is being connected to", silent_ms=0)
    assert started(story.add()) == []
    assert "host x: it is being connected to" in story.why().summary
    assert started(story.seen("x")) == ["t1.1"]
    told = [(d.level, d.text) for d in story.decided if isinstance(d, Note) and d.host == "x" and not d.task]
    assert told[-1] == ("info", "is reached") and "warning" not in dict(told)


@pytest.mark.parametrize(
    ("host", "story_of_it"),
    [
        (far("x"), "there is a host x already"),
        (far("local"), "there is a host local already"),
        (Host("y", 2), "host y has no address"),
    ],
)
def test_a_host_is_added_once_and_with_an_address(host: Host, story_of_it: str) -> None:
    with pytest.raises(Refused, match=story_of_it):
        FarStory(far("x")).tell(events.HostAdded, host=host)


def test_what_is_seen_of_a_host_leaves_its_settings_and_keeps_what_is_not_seen() -> None:
    settings: dict[str, Any] = {
        "jump": "ci@gate",
        "identity": "~/.ssh/id",
        "directory": "/srv",
        "client": "/opt/claude",
        "labels": ("gpu",),
    }
    story = FarStory(far("x", **settings))
    story.seen("x", cores=8, load=1.5)
    story.seen("x", memory_free_bytes=7, problem="its disk is full")
    found = story.fleet.hosts["x"]
    assert {name: getattr(found, name) for name in settings} == settings
    assert (found.cores, found.load, found.memory_free_bytes) == (8, None, 7)
    assert found.problem == "its disk is full"


def test_a_host_that_was_removed_is_not_made_again_by_a_late_report() -> None:
    story = FarStory(far("x"))
    story.tell(events.HostRemoved, name="x")
    story.tell(events.HostSeen, host="x", workers_max=4, memory_free_bytes=1)
    assert list(story.fleet.hosts) == ["here"]


def test_a_host_that_falls_silent_is_given_no_work_and_its_workers_are_left_alone() -> None:
    story = with_work_on("x")
    assert story.silent("x") == []
    story.silent("x", 9_000)
    assert story.notes().count("does not answer") == 1
    assert (story.fleet.hosts["x"].state, story.attempt("t1.1").state) == ("suspected", "running")
    assert started(story.add()) == []
    assert "it has not answered for" in story.why("t2").summary
    story.answer()
    assert story.attempt("t1.1").answers == 1


def test_a_host_that_answers_again_takes_work_again() -> None:
    story = with_work_on("x")
    story.silent("x")
    story.add()
    story.now_ms += 120_000
    assert started(story.seen("x")) == ["t2.1"]
    assert (story.fleet.hosts["x"].state, story.fleet.hosts["x"].silent_since_ms) == ("ready", None)
    assert "was silent for 3 min" in story.notes()


def test_this_machine_is_never_silent() -> None:
    story = FarStory(here=1)
    story.add()
    story.silent("here", LOST_MS)
    assert story.fleet.hosts["here"].state == "ready"


def test_the_workers_of_a_lost_host_go_on_elsewhere_at_once_and_nothing_counts_against_their_tasks() -> None:
    story = with_work_on("x", far("y"))
    story.tell(events.Checkpointed, attempt="t1.1", ref="refs/fleet/t1/c")
    session = story.task().session_id
    assert started(story.lose("x")) == ["t1.2"]
    task, again = story.task(), story.attempt("t1.2")
    assert (again.host, again.session_id, again.resumes) == ("y", session, True)
    assert (task.faults, task.host_faults, story.fleet.policy.faults) == (0, 0, 0)
    tree = story.tree()
    assert (tree.host, tree.preserved, tree.moves_from) == ("y", "refs/fleet/t1/c", None)
    assert "is given up" in story.notes()


def test_how_long_a_host_is_tried_can_be_said_with_the_report() -> None:
    story = with_work_on("x")
    story.silent("x", 3_000, lost_after_ms=3_000)
    assert story.fleet.hosts["x"].state == "lost"
    story = with_work_on("x")
    story.silent("x", LOST_MS, lost_after_ms=2 * LOST_MS)
    assert story.fleet.hosts["x"].state == "suspected"


def test_what_a_lost_host_still_reports_changes_nothing() -> None:
    story = with_work_on("x")
    story.finish()
    assert story.task().state == "checking"
    story.lose("x")
    assert (story.task().state, story.task().attempt) == ("queued", "t1.1")
    before = story.fleet
    story.tell(events.WorkChecked, task="t1", attempt="t1.1", ok=True, commit="c1")
    story.tell(events.Spooled, attempt="t1.1", start=0, end=9, facts=(WordTaken("w"),))
    story.tell(events.Checkpointed, attempt="t1.1", ref="late")
    story.tell(events.WorkerLost, attempt="t1.1", detail="gone")
    story.tell(events.StartFailed, attempt="t1.1", fault="launch", detail="gone")
    story.tell(
        events.WorkerStarted,
        attempt="t1.1",
        branch="b",
        base_commit="b",
        path="/w",
        session_id="s",
        resumed=False,
    )
    story.tell(events.WorktreeRemoved, task="t1", preserved="late", host="x")
    assert replace(story.fleet, now_ms=before.now_ms, ended=before.ended) == before


def test_a_removal_on_a_host_that_was_given_up_says_nothing_of_the_worktree_elsewhere() -> None:
    story = with_work_on("x", far("y"))
    assert kinds(story.tell(events.CancelAsked, task="t1")) == ["StopWorker"]
    assert kinds(story.exit()) == ["RemoveWorktree"]
    story.lose("x")
    assert (story.tree().state, story.tree().host) == ("removed", "x")
    assert started(story.tell(events.RetryAsked, task="t1")) == ["t1.2"]
    story.opened("t1.2")
    story.tell(events.CancelAsked, task="t1")
    story.exit("t1.2")
    assert (story.tree().state, story.tree().host) == ("removing", "y")
    story.tell(events.WorktreeRemoved, task="t1", preserved=None, host="x")
    assert story.tree().state == "removing"
    story.tell(events.WorktreeRemoved, task="t1", preserved=None, host="y")
    assert story.tree().state == "removed"


def test_work_that_was_being_verified_on_a_lost_host_is_verified_on_another() -> None:
    for gone in (False, True):
        story = with_work_on("x", far("y"))
        story.finish()
        if gone:  # its worker had ended while the verification ran on
            story.tell(events.WorkerLost, attempt="t1.1", detail="gone")
        assert started(story.lose("x")) == ["t1.2"]
        story.opened("t1.2")
        story.finish("t1.2")
        story.check(attempt="t1.2")
        assert story.task().state == "landed"


def test_verified_work_lands_though_its_host_is_lost() -> None:
    story = FarStory(far("x"))
    story.add(spec(land="merge"))
    story.tell(events.WorkerStarted, **STARTED)
    story.says("t1.1", WordTaken(opening_id("t1.1")))
    story.tell(events.Checkpointed, attempt="t1.1", ref="older than what is committed now")
    story.finish()
    story.check()
    story.lose("x")
    assert (story.task().state, story.tree().preserved) == ("landing", None)
    assert story.landing("landed") == []
    assert (story.task().state, story.tree().state) == ("landed", "removed")


def test_words_that_only_the_lost_session_had_heard_are_told_to_the_next_one() -> None:
    """Those that were taken up before the checkpoint before the last are at home for certain."""
    story = with_work_on("x", far("y"))
    for n in (1, 2, 3):
        story.tell(events.PersonSaid, task="t1", word=f"w{n}", text=f"also {n}")
        story.says("t1.1", WordTaken(f"w{n}"))
        if n < 3:
            story.tell(events.Checkpointed, attempt="t1.1", ref=None)
    assert story.task().words == ()
    story.tell(events.PersonSaid, task="t1", word="w4", text="also 4")
    story.lose("x")
    assert [word.id for word in story.attempt("t1.2").opening] == ["w2", "w3", "w4"]
    assert (story.tree().heard, story.tree().heard_before) == ((), ())


def test_words_heard_here_or_brought_home_with_the_work_are_not_told_again() -> None:
    story = with_work_on("x", far("y"))
    story.tell(events.PersonSaid, task="t1", word="w1", text="also")
    story.says("t1.1", WordTaken("w1"))
    story.drain("x", move=True)
    story.exit()
    story.tell(events.WorktreeRemoved, task="t1", preserved=None, host="x")
    story.lose("y")
    assert story.task().words == ()
    story = FarStory(here=1)
    story.add()
    story.opened()
    story.tell(events.PersonSaid, task="t1", word="w1", text="also")
    story.says("t1.1", WordTaken("w1"))
    assert story.tree().heard == ()


STARTED: dict[str, Any] = {
    "attempt": "t1.1",
    "branch": "fleet/t1",
    "base_commit": "base",
    "path": "/w",
    "session_id": "s",
    "resumed": False,
}


def test_a_worker_that_was_being_stopped_on_a_lost_host_ends_for_what_it_was_stopped_for() -> None:
    story = with_work_on("x", far("y"))
    story.tell(events.CancelAsked, task="t1")
    assert story.lose("x") == []
    assert (story.task().state, story.tree().state) == ("cancelled", "removed")
    assert [a.reason for a in story.fleet.ended] == ["cancelled"]


def test_many_lost_workers_open_no_breaker_and_close_none_of_its_count() -> None:
    story = FarStory(far("x"))
    story.fleet = replace(story.fleet, policy=replace(story.fleet.policy, faults=1, breaker_faults=2))
    story.add(spec(), spec(), spec())
    story.lose("x")
    assert (story.fleet.policy.breaker, story.fleet.policy.faults) == ("", 1)


def test_what_came_back_with_a_lost_host_is_told() -> None:
    story = with_work_on("x")
    story.lose("x")
    story.tell(events.WorkReclaimed, task="t1", host="x", attempt="t1.1", ref="refs/fleet/t1/zombie")
    story.tell(events.WorkReclaimed, task="t1", host="x", attempt="t1.0", ref=None)
    assert "kept in refs/fleet/t1/zombie, and was not landed" in story.notes()
    assert "it left nothing more, and was not landed" in story.notes()
    assert started(story.seen("x")) == ["t1.2"]
    assert "had been given up" in story.notes()


# --- removed ---------------------------------------------------------------------------------------------


def test_a_host_with_work_is_removed_only_when_it_is_lost() -> None:
    story = with_work_on("x")
    with pytest.raises(Refused, match="fleet host drain x --move"):
        story.tell(events.HostRemoved, name="x")
    story.silent("x")
    with pytest.raises(Refused, match="fleet host drain x --move"):
        story.tell(events.HostRemoved, name="x")
    story.lose("x")
    story.tell(events.HostRemoved, name="x")
    assert "x" not in story.fleet.hosts


def test_neither_this_machine_nor_an_unknown_host_can_be_removed() -> None:
    story = FarStory()
    with pytest.raises(Refused, match="is this machine"):
        story.tell(events.HostRemoved, name="here")
    for kind in (events.HostRemoved, events.HostDrainSet):
        with pytest.raises(Refused, match="there is no host z"):
            story.tell(kind, name="z", **({"on": True} if kind is events.HostDrainSet else {}))


# --- drained ---------------------------------------------------------------------------------------------


def test_a_draining_host_is_given_no_work_and_its_workers_finish() -> None:
    story = with_work_on("x")
    assert story.drain("x") == []
    assert started(story.add()) == []
    why = story.why("t2")
    assert ("host x: it is being drained" in why.summary, why.stuck) == (True, False)
    story.finish()
    story.check()
    assert kinds(story.exit()) == ["RemoveWorktree"]
    story.tell(events.WorktreeRemoved, task="t1", preserved=None, host="x")
    story.tell(events.HostRemoved, name="x")


def test_a_host_that_takes_work_again_after_a_drain_is_used() -> None:
    story = FarStory(far("x"))
    story.drain("x")
    story.add()
    assert started(story.drain("x", on=False)) == ["t1.1"]


def test_a_drain_with_move_takes_the_workers_elsewhere_with_their_work() -> None:
    story = with_work_on("x", far("y"))
    assert kinds(story.drain("x", move=True)) == ["StopWorker"]
    assert kinds(story.exit()) == ["RemoveWorktree"]
    assert story.task().state == "queued"
    assert started(story.tell(events.WorktreeRemoved, task="t1", preserved="refs/p", host="x")) == ["t1.2"]
    tree = story.tree()
    assert (tree.host, tree.preserved, tree.moves_from, story.task().faults) == ("y", "refs/p", None, 0)
    story.tell(events.HostRemoved, name="x")


def test_a_drain_brings_home_what_lies_there_for_nobody_who_works() -> None:
    """Of failed tasks and of those that wait: the host is to become empty."""
    story = FarStory(far("x"))
    story.add(spec(), spec(), spec())
    for n in (1, 2, 3):
        story.opened(f"t{n}.1")
    story.end_turn("refused", "t1.1")
    story.exit("t1.1")
    story.end_turn("cut", "t2.1")
    story.exit("t2.1")
    assert [story.task(f"t{n}").state for n in (1, 2, 3)] == ["failed", "queued", "running"]
    assert kinds(story.drain("x")) == ["RemoveWorktree", "RemoveWorktree"]
    assert [story.tree(f"t{n}").state for n in (1, 2, 3)] == ["removing", "removing", "ready"]


def test_work_that_is_being_verified_is_not_taken_away_by_a_drain() -> None:
    story = with_work_on("x")
    story.finish()
    story.tell(events.WorkerLost, attempt="t1.1", detail="gone")
    assert story.drain("x", move=True) == []
    assert (story.task().state, story.tree().state) == ("checking", "ready")


def test_the_workers_of_a_host_that_lies_go_on_elsewhere_at_once_and_it_is_said_what_it_did() -> None:
    story = with_work_on("x", far("y"))
    story.tell(events.Checkpointed, attempt="t1.1", ref="refs/fleet/t1/c")
    assert started(story.tell(events.HostDistrusted, host="x", why="branch 'release'")) == ["t1.2"]
    host, task, tree = story.fleet.hosts["x"], story.task(), story.tree()
    assert (host.state, host.problem, host.takes_work) == (
        "distrusted",
        "not to be trusted: branch 'release'",
        False,
    )
    assert (task.faults, task.host_faults) == (0, 0)
    assert (tree.host, tree.preserved, tree.moves_from) == ("y", "refs/fleet/t1/c", None)
    assert "fleet host verify x" in story.notes() and "branch 'release'" in story.notes()


def test_a_host_that_lies_never_comes_back_by_itself_and_nothing_it_says_counts() -> None:
    story = with_work_on("x")
    story.tell(events.HostDistrusted, host="x", why="a lie")
    before = story.fleet
    story.seen("x")
    story.silent("x", LOST_MS)
    story.tell(events.HostDistrusted, host="x", why="another")
    story.tell(events.Spooled, attempt="t1.1", start=0, end=9, facts=(WordTaken("w"),))
    story.tell(events.WorkChecked, task="t1", attempt="t1.1", ok=True, commit="c1")
    assert (story.fleet.hosts, story.fleet.tasks, story.fleet.attempts) == (
        before.hosts,
        before.tasks,
        before.attempts,
    )
    story.tell(events.HostDrainSet, name="here", on=True)
    assert "host x: not to be trusted: a lie" in story.why().summary
    assert "fleet host verify x" in story.why().advice and story.why().stuck


def test_a_host_that_a_person_trusts_again_is_tried_as_a_lost_one() -> None:
    story = with_work_on("x")
    story.tell(events.HostDistrusted, host="x", why="a lie")
    assert started(story.tell(events.HostTrusted, name="x")) == []
    tried = story.fleet.hosts["x"]
    assert started(story.seen("x")) == ["t1.2"]
    story.tell(events.HostTrusted, name="x")
    assert (tried.state, story.fleet.hosts["x"].state) == ("lost", "ready")


def test_a_host_is_the_machine_that_answered_last_also_while_nobody_says_which() -> None:
    story = FarStory(far("x"))
    assert story.fleet.hosts["x"].machine is None
    story.seen("x", machine="one")
    story.silent("x")
    story.seen("x")
    assert story.fleet.hosts["x"].machine == "one"
