"""Where a task is placed when there are several hosts, where its work goes with it, and how that is explained."""

from __future__ import annotations

from typing import Any

import pytest

from fleet.core import events
from tests.core.far_story import LOST_MS, PATIENCE_MS, FarStory, far
from tests.core.story import account, kinds, spec, started


def left_on(name: str, **others: int) -> FarStory:
    """One task, whose worker on the host was stopped; other hosts with so many places are there by then."""
    story = FarStory(far(name, workers_max=1))
    story.add()
    story.opened()
    for other, places in others.items():
        story.tell(events.HostAdded, host=far(other, workers_max=places))
        story.seen(other)
    return story


def crowd(story: FarStory, name: str, places: int) -> None:
    story.seen(name, workers_max=places)


def test_a_task_goes_on_where_its_work_is_though_others_are_less_busy() -> None:
    story = left_on("x", a=9)
    assert started(story.put_back()) == ["t1.2"]
    assert (story.host_of("t1.2"), story.tree().state, story.tree().moves_from) == ("x", "ready", None)


def test_a_task_whose_host_is_full_waits_there_for_a_while_and_then_moves_with_its_work() -> None:
    story = left_on("x", a=9)
    crowd(story, "x", 0)
    assert started(story.put_back()) == []
    why = story.why()
    assert "its work is on host x, which is full: all 0 places for workers are taken" in why.summary
    assert f"goes on elsewhere in {PATIENCE_MS // 1000} s" in why.summary
    assert not why.stuck
    assert started(story.wait(PATIENCE_MS - 1)) == []
    assert started(story.wait(1)) == ["t1.2"]
    tree = story.tree()
    assert (story.host_of("t1.2"), tree.state, tree.host, tree.moves_from) == ("a", "making", "a", "x")
    assert "with its work from x" in story.notes()
    story.start("t1.2")
    assert (story.tree().state, story.tree().moves_from) == ("ready", None)


def test_a_task_that_waits_where_its_work_is_keeps_no_other_from_running() -> None:
    story = left_on("x", a=9)
    crowd(story, "x", 0)
    story.put_back()
    assert started(story.add()) == ["t2.1"]
    assert story.host_of("t2.1") == "a"


@pytest.mark.parametrize("why", ["a problem", "a drain"])
def test_a_task_whose_host_is_shut_moves_at_once(why: str) -> None:
    story = left_on("x", a=9)
    if why == "a problem":
        story.seen("x", problem="its disk is full")
        assert started(story.put_back()) == ["t1.2"]
        assert story.tree().moves_from == "x"
    else:
        story.drain("x")
        assert kinds(story.put_back()) == []
        assert started(story.tell(events.WorktreeRemoved, task="t1", preserved=None)) == ["t1.2"]
    assert story.host_of("t1.2") == "a"


def test_a_task_whose_work_lies_on_a_silent_host_is_held_back_until_that_is_back_or_lost() -> None:
    story = left_on("x", a=9)
    story.silent("x")
    assert started(story.put_back()) == []
    assert story.why().summary == "its work lies on host x, which does not answer"
    assert started(story.seen("x")) == ["t1.2"]
    assert story.host_of("t1.2") == "x"
    story = left_on("x", a=9)
    story.silent("x")
    story.put_back()
    assert started(story.silent("x", LOST_MS)) == ["t1.2"]
    assert (story.host_of("t1.2"), story.tree().moves_from) == ("a", None)


def moving() -> FarStory:
    """The task moves from x to a, where its worker has not begun."""
    story = left_on("x", a=9)
    story.tell(events.Checkpointed, attempt="t1.1", ref="refs/c")
    crowd(story, "x", 0)
    story.put_back()
    story.wait(PATIENCE_MS)
    assert (story.tree().host, story.tree().moves_from) == ("a", "x")
    return story


def test_work_that_was_brought_back_once_is_not_brought_back_again_over_what_was_done_with_it() -> None:
    story = left_on("x", a=9)
    story.drain("x")
    story.put_back()
    story.tell(events.WorktreeRemoved, task="t1", preserved="refs/old", host="x")
    assert (story.host_of("t1.2"), story.tree().preserved) == ("a", "refs/old")
    story.opened("t1.2")
    story.drain("x", on=False)
    story.seen("a", workers_max=0)
    story.put_back("t1.2")
    story.wait(PATIENCE_MS)
    tree = story.tree()
    assert (tree.host, tree.moves_from, tree.preserved) == ("x", "a", None)


def test_when_the_host_that_work_is_brought_from_is_lost_the_checkpoint_takes_its_place() -> None:
    story = moving()
    story.lose("x")
    tree = story.tree()
    assert (tree.state, tree.host, tree.moves_from, tree.preserved) == ("making", "a", None, "refs/c")
    assert story.attempt("t1.2").state == "starting"


def test_when_the_host_that_work_is_brought_to_is_lost_the_work_is_still_where_it_was() -> None:
    story = moving()
    story.tell(events.HostAdded, host=far("z"))
    story.seen("z")
    assert started(story.lose("a")) == ["t1.3"]
    tree = story.tree()
    assert (tree.state, tree.host, tree.moves_from) == ("making", "z", "x")


def test_a_move_that_could_not_be_finished_leaves_nothing_behind_and_can_go_anywhere() -> None:
    story = moving()
    decided = story.tell(events.StartFailed, attempt="t1.2", fault="launch", detail="no client")
    assert kinds(decided) == ["RemoveWorktree"]
    assert (story.tree().state, story.tree().host, story.tree().moves_from) == ("removing", "a", "x")
    story.tell(events.WorktreeRemoved, task="t1", preserved=None, host="a")
    tree = story.tree()
    assert (tree.state, tree.moves_from, tree.checkpoint) == ("removed", "x", "refs/c")
    story.seen("x", workers_max=1)
    assert started(story.wait(600_000)) == ["t1.3"]
    assert story.tree().moves_from == "x"


def test_what_had_arrived_before_a_move_failed_is_what_goes_on() -> None:
    story = moving()
    story.tell(events.StartFailed, attempt="t1.2", fault="launch", detail="no client")
    story.tell(events.WorktreeRemoved, task="t1", preserved="refs/arrived", host="a")
    tree = story.tree()
    assert (tree.moves_from, tree.preserved, tree.checkpoint) == (None, "refs/arrived", "refs/arrived")


def test_a_drain_takes_back_work_that_was_about_to_be_moved_from_there() -> None:
    story = moving()
    story.tell(events.StartFailed, attempt="t1.2", fault="setup", detail="make: *** no rule")
    story.tell(events.WorktreeRemoved, task="t1", preserved=None, host="a")
    assert (story.task().state, story.tree().moves_from) == ("failed", "x")
    assert kinds(story.drain("x")) == ["RemoveWorktree"]
    assert (story.tree().state, story.tree().host, story.tree().moves_from) == ("removing", "x", None)
    story.tell(events.WorktreeRemoved, task="t1", preserved="refs/p", host="x")
    assert (story.tree().state, story.tree().preserved) == ("removed", "refs/p")


def test_work_that_was_to_be_moved_for_a_task_that_is_cancelled_is_removed_where_it_is() -> None:
    story = moving()
    story.tell(events.CancelAsked, task="t1")
    assert kinds(story.lose("a")) == ["RemoveWorktree"]
    assert (story.tree().state, story.tree().host, story.tree().moves_from) == ("removing", "x", None)
    story = moving()
    story.tell(events.CancelAsked, task="t1")
    decided = story.tell(events.StartFailed, attempt="t1.2", fault="launch", detail="no client")
    assert (kinds(decided), story.tree().host) == (["RemoveWorktree"], "a")
    decided = story.tell(events.WorktreeRemoved, task="t1", preserved=None, host="a")
    assert (kinds(decided), story.tree().host) == (["RemoveWorktree"], "x")


# --- which host ------------------------------------------------------------------------------------------


def test_new_work_goes_where_the_repository_is_warm_then_where_cores_are_free_then_by_name() -> None:
    story = FarStory(far("b"), far("a"), far("wide"))
    story.seen("wide", cores=64)
    story.seen("a", cores=2)
    story.seen("b", cores=2)
    story.add()
    assert story.host_of("t1.1") == "a"
    story.add(spec(repo="/other"))
    assert story.host_of("t2.1") == "b"
    story.add(spec(repo="/other"))
    assert story.host_of("t3.1") == "wide"
    story.opened("t2.1")
    assert story.fleet.hosts["b"].warm == ("/other",)
    story.add(spec(repo="/other"))
    assert story.host_of("t4.1") == "b"


def test_only_hosts_with_all_its_labels_take_a_task() -> None:
    story = FarStory(far("x", labels=("gpu",)), far("y", labels=("gpu", "big")), here=9)
    story.add(spec(labels=("big", "gpu")))
    story.add(spec(labels=("gpu",)))
    story.add(spec())
    assert [story.host_of(f"t{n}.1") for n in (1, 2, 3)] == ["y", "x", "here"]


def test_a_place_with_a_label_is_kept_for_those_who_need_it_while_there_are_others() -> None:
    story = FarStory(far("plain"), far("gpu", labels=("gpu",)))
    for _ in range(2):
        story.add()
    assert [story.host_of(f"t{n}.1") for n in (1, 2)] == ["plain", "plain"]
    story.add(spec(labels=("gpu",)))
    assert story.host_of("t3.1") == "gpu"


def test_a_task_with_a_label_that_no_host_has_needs_a_person() -> None:
    story = FarStory(far("x"), here=9)
    story.add(spec(labels=("gpu",)))
    why = story.why()
    assert why.summary == "host here: it has not the label gpu; host x: it has not the label gpu"
    assert why.stuck
    assert "--label gpu" in why.advice
    assert started(story.add(spec())) == ["t2.1"]


LOGIN: dict[str, Any] = {"login": True, "secret": False}


@pytest.mark.parametrize(
    ("settings", "address", "takes"),
    [
        (LOGIN, "ssh://ci@far.example", False),
        (LOGIN, "ssh://ci@127.0.0.1:2222", False),
        ({"base_url": "http://127.0.0.1:8080"}, "ssh://ci@far.example", False),
        ({"base_url": "http://localhost:8080"}, "ssh://ci@127.0.0.7:2222", True),
        ({"base_url": "http://[::1]:8080"}, "ssh://localhost", True),
        ({"base_url": "https://api.example"}, "ssh://ci@far.example", True),
        ({}, "ssh://far.example", True),
    ],
)
def test_an_account_works_only_where_its_login_or_server_is_reached(
    settings: dict[str, Any], address: str, takes: bool
) -> None:
    story = FarStory(far("x", address=address), accounts=(account("a", **settings),))
    assert bool(started(story.add())) is takes
    if not takes:
        assert "host x: the " in story.why().summary
        story.tell(events.HostSeen, host="here", workers_max=1, memory_free_bytes=10**12)
        assert story.host_of("t1.1") == "here"


def test_where_one_account_has_no_host_another_takes_the_task() -> None:
    story = FarStory(far("x"), accounts=(account("a", **LOGIN), account("b")))
    story.add()
    assert (story.attempt("t1.1").account, story.host_of("t1.1")) == ("b", "x")


def test_a_host_whose_load_is_high_for_its_cores_is_left_alone() -> None:
    story = FarStory(far("x"))
    story.seen("x", cores=2, load=16.0)
    assert started(story.add()) == []
    assert "host x: its load is 16 on 2 cores" in story.why().summary
    assert started(story.seen("x", cores=2, load=15.9)) == ["t1.1"]


def test_a_busy_machine_of_the_persons_own_still_runs_one_worker() -> None:
    """Whatever keeps it busy may go on for days."""
    story = FarStory(here=9)
    story.seen("here", cores=2, load=40.0)
    assert started(story.add(spec(), spec())) == ["t1.1"]
    assert "host here: its load is 40 on 2 cores" in story.why("t2").summary
    assert started(story.seen("here", cores=2, load=1.0)) == ["t2.1"]


def test_memory_is_kept_for_workers_that_have_just_been_placed() -> None:
    story = FarStory(far("x"))
    story.seen("x", memory_free_bytes=900_000_000)
    assert len(started(story.add(spec(), spec(), spec()))) == 2


def test_the_memory_of_one_machine_counts_once_by_however_many_names_it_is_known() -> None:
    story = FarStory(far("x"), far("y"))
    for name in "xy":
        story.seen(name, memory_free_bytes=900_000_000, machine="one")
    assert len(started(story.add(spec(), spec(), spec()))) == 2
    apart = FarStory(far("x"), far("y"))
    for name in "xy":
        apart.seen(name, memory_free_bytes=900_000_000, machine=name)
    assert len(started(apart.add(spec(), spec(), spec()))) == 3


def test_when_every_host_is_drained_a_person_has_to_open_one() -> None:
    story = FarStory(far("x"), here=1)
    story.drain("x")
    story.drain("here")
    story.add()
    why = story.why()
    assert (why.stuck, "here or x" in why.advice) == (True, True)


def test_when_the_only_host_that_may_take_a_task_is_lost_a_person_has_to_bring_it_back() -> None:
    story = FarStory(far("x", labels=("gpu",)), here=1)
    story.silent("x")
    story.add(spec(labels=("gpu",)))
    assert not story.why().stuck
    story.lose("x")
    why = story.why()
    assert (why.stuck, "bring host x back" in why.advice) == (True, True)
    assert started(story.seen("x")) == ["t1.1"]


def test_a_hosts_problem_is_told_when_it_comes_and_when_it_has_passed() -> None:
    story = FarStory(far("x"))
    for free in (3, 2):
        story.seen("x", problem=f"its disk is full: 0.{free} GB free")
    assert story.notes().count("is given no work: its disk is full") == 1
    story.seen("x")
    assert story.notes().count("is well, and takes work again") == 1
