"""Who runs what, where, now; and every choice explained."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleet.core import events
from fleet.core.capacity.worth import worth_now
from fleet.core.check import broken
from fleet.core.events import WindowsRead
from fleet.core.idle import is_idle
from fleet.core.model import Fleet, Task
from fleet.core.model.policy import Floor, Project
from fleet.core.model.prices import Prices
from fleet.core.step import Refused
from tests.core.story import HOUR_MS, START_MS, Story, account, reading, refusal, spec, started


def on(story: Story, name: str) -> list[str]:
    return [a.id for a in story.fleet.attempts.values() if a.account == name]


def test_the_dearest_goes_first_then_the_nearer_deadline_then_first_come_and_last_what_comes_too_late() -> (
    None
):
    """A near deadline counts up to twice, as much as a step of priority; one that cannot be met a quarter."""
    story = Story(workers_max=9)
    story.add(
        spec(title="no deadline"),
        spec(deadline_ms=START_MS + 9 * HOUR_MS),
        spec(deadline_ms=START_MS + 5 * HOUR_MS),
        spec(priority=2),
        spec(title="no deadline either"),
        spec(deadline_ms=START_MS + 1),
    )
    order = []
    for n in range(6):
        order += started(story.tell(events.AccountAdded, account=account(f"a{n}")))
    assert order == ["t4.1", "t3.1", "t2.1", "t1.1", "t5.1", "t6.1"]


def test_the_tier_named_first_wins_then_what_is_paid_for_then_headroom() -> None:
    story = Story(account("key", kind="api-key"), account("full"), account("free"), workers_max=0)
    for name, used in (("full", 0.9), ("free", 0.2)):
        story.fleet = with_reading(story.fleet, name, used)
    story.add(spec(tiers=("opus", "sonnet")))
    story.tell(events.HostSeen, host="here", workers_max=1, memory_free_bytes=10**12)
    assert (story.attempt("t1.1").account, story.attempt("t1.1").tier) == ("free", "opus")


@pytest.mark.parametrize(
    ("kind", "tier"),
    [("execution", "haiku"), ("judgement", "sonnet"), ("reasoning", "opus"), ("gardening", "sonnet")],
)
def test_while_nothing_is_scarce_each_kind_of_work_gets_the_cheapest_tier_that_mostly_does_it(
    kind: str, tier: str
) -> None:
    story = Story(account("a"))
    story.add(spec(tiers=("auto",), kind=kind))
    assert story.attempt("t1.1").tier == tier


def test_only_what_may_run_on_any_account_waits_for_prices_to_fall() -> None:
    """They fall on the cheapest account: what is bound to another, by project or session, might wait for ever."""
    story = Story(account("a"), account("b"))
    story.tell(events.ProjectSet, project=Project("garden", accounts=("a",)))
    story.add(spec(project="begun"))
    story.opened()
    story.answer()
    story.end_turn("cut")
    story.exit()
    dear = {"a": 1.0, "b": 1.0}
    prices = Prices(
        story.now_ms, "programme", slots=dear, edges=(START_MS + HOUR_MS,), later=FREE, places=FREE
    )
    story.tell(events.Priced, prices=prices)
    story.add(spec(), spec(project="garden"))
    assert "it does better later" in story.why("t2").summary
    assert started(story.wait(10_000)) == ["t1.2"]
    assert story.task("t2").state == "queued" and story.task("t3").state == "running"


@pytest.mark.parametrize(("later", "waits"), [(0.1, True), (1.0, False)])
def test_a_task_waits_where_an_hour_of_a_workers_place_will_cost_less_and_not_where_it_costs_as_much(
    later: float, waits: bool
) -> None:
    story = Story(account("a"))
    edges = (START_MS + HOUR_MS,)
    prices = Prices(
        story.now_ms, "programme", slots={"a": 1.0}, edges=edges, later=FREE, places={"sonnet": (later,)}
    )
    story.tell(events.Priced, prices=prices)
    story.add()
    assert (story.task().state == "queued") is waits


def test_nobody_waits_for_a_task_whose_project_has_no_account_that_is_there() -> None:
    """Only a person can help it: `up --until-idle` ends, and `why` says for whom the accounts are not."""
    story = Story(account("a"), account("b"))
    story.tell(events.ProjectSet, project=Project("garden", accounts=("b",)))
    story.tell(events.AccountRemoved, name="b")
    story.add(spec(project="garden"))
    assert story.why().stuck and story.why().refusals[0].why == "is not for project garden"
    assert is_idle(story.fleet)


FREE = {"sonnet": (0.0,)}


def with_reading(fleet: Fleet, name: str, used: float) -> Fleet:
    """The fleet after a worker on that account has reported this utilization."""
    story = Story(fleet=Fleet(home_id="h", accounts={name: fleet.accounts[name]}))
    story.add()
    story.start()
    story.says("t1.1", WindowsRead((reading(used=used),), story.now_ms))
    return replace(fleet, buckets={**fleet.buckets, **story.fleet.buckets})


def test_ten_tasks_moved_by_a_refusal_do_not_stampede_the_fresh_account() -> None:
    """One at first; the number doubles with each of its answers."""
    story = Story(account("a", concurrency=10))
    story.add()
    story.opened("t1.1")
    for n in range(4):
        story.answer("t1.1", f"m{n}")
    story.add(*[spec(title=f"n{n}") for n in range(9)])
    assert len(on(story, "a")) == 10
    for n in range(1, 11):
        if n > 1:
            story.opened(f"t{n}.1")
    story.tell(events.AccountAdded, account=account("b", concurrency=10))
    for n in range(1, 11):
        story.limit(f"t{n}.1")
    assert on(story, "a") == []
    assert len(on(story, "b")) == 1
    first = on(story, "b")[0]
    story.opened(first)
    for n, expected in enumerate((2, 4, 8, 10)):
        story.answer(first, f"b{n}")
        assert len(on(story, "b")) == expected


def test_a_project_has_no_more_workers_at_once_than_it_may_and_others_go_on() -> None:
    story = Story(*(account(name) for name in "abcd"))
    story.tell(events.ProjectSet, project=Project("/repo", workers=2))
    story.add(*[spec(title=f"n{n}") for n in range(3)], spec(repo="/other", priority=-1))
    assert [attempt.task for attempt in story.fleet.attempts.values()] == ["t1", "t2", "t4"]
    why = story.why("t3")
    assert why.summary == "project /repo has 2 of 2 workers"
    assert [(r.why, r.crowded) for r in why.refusals] == [(why.summary, True)] * 4
    story.opened("t2.1")
    story.tell(events.CancelAsked, task="t2")
    assert story.task("t3").state == "queued"
    story.exit("t2.1")
    assert story.task("t3").state == "running"


def test_a_project_that_may_have_more_workers_gets_them_at_once() -> None:
    story = Story(*(account(name) for name in "abcd"))
    story.tell(events.ProjectSet, project=Project("/repo", workers=1))
    story.add(*[spec(title=f"n{n}") for n in range(4)])
    assert len(story.fleet.attempts) == 1
    story.tell(events.ProjectSet, project=Project("/repo", workers=3))
    assert len(story.fleet.attempts) == 3
    story.tell(events.ProjectSet, project=Project("/repo"))
    assert len(story.fleet.attempts) == 4


def test_an_account_that_comes_back_after_a_pause_is_tried_with_one_worker_again() -> None:
    story = Story(account("a"))
    story.add()
    story.opened()
    for n in range(3):
        story.answer("t1.1", f"m{n}")
    story.finish()
    story.check()
    story.exit()
    story.now_ms += HOUR_MS
    assert len(started(story.add(spec(), spec(), spec()))) == 1
    first = on(story, "a")[0]
    story.opened(first)
    assert len(started(story.answer(first))) == 1


def test_a_refused_session_moves_in_the_same_step_that_ends_its_worker() -> None:
    story = Story(account("a"), account("b"))
    story.add()
    story.opened()
    assert started(story.limit()) == ["t1.2"]
    moved = story.attempt("t1.2")
    assert (moved.account, moved.carry_from, moved.resumes) == ("b", "a", True)
    assert moved.session_id == story.task().session_id


def test_a_session_stays_where_its_cache_is_warm_though_another_account_has_more_headroom() -> None:
    story = Story(account("a"), account("b"))
    story.add()
    story.opened()
    story.says("t1.1", WindowsRead((reading(used=0.95),), story.now_ms))
    story.end_turn("cut")
    story.exit()
    story.wait(10_000)
    assert story.attempt("t1.2").account == "a"


def test_with_no_account_free_it_waits_for_the_earliest_reset_and_says_when() -> None:
    story = Story(account("a"), account("b"), account("c", tiers=(("haiku", "h"),)))
    story.add()
    story.opened()
    story.limit(refused=refusal(resets_ms=START_MS + 3 * HOUR_MS))
    story.opened("t1.2")
    assert started(story.limit("t1.2", refusal("seven_day", resets_ms=START_MS + 2 * HOUR_MS))) == []
    waits = story.why()
    assert waits.expects_ms == START_MS + 2 * HOUR_MS
    assert (
        waits.summary == "every account it may use is closed: b opens first, of which seven_day was refused"
    )
    assert [(r.account, r.why, r.until_ms, r.lasting) for r in waits.refusals] == [
        ("a", "five_hour was refused", START_MS + 3 * HOUR_MS, False),
        ("b", "seven_day was refused", START_MS + 2 * HOUR_MS, False),
        ("c", "has no tier sonnet", None, True),
    ]
    assert started(story.wait(2 * HOUR_MS - 1)) == []
    assert started(story.wait(1)) == ["t1.3"]


@pytest.mark.parametrize(
    ("memory", "workers"), [(None, 1), (399_999_999, 0), (400_000_000, 1), (1_200_000_000, 3)]
)
def test_a_host_gets_no_more_workers_than_its_memory_holds(memory: int | None, workers: int) -> None:
    story = Story(account("a"), account("b"), account("c"), account("d"), workers_max=0)
    story.add(*[spec(title=str(n)) for n in range(4)])
    decided = story.tell(events.HostSeen, host="here", workers_max=9, memory_free_bytes=memory)
    assert len(started(decided)) == workers


def test_a_host_with_a_problem_gets_no_worker_and_why_says_so() -> None:
    story = Story(account("a"))
    full = {"host": "here", "workers_max": 9, "memory_free_bytes": 10**12, "problem": "its disk is full"}
    story.tell(events.HostSeen, **full)
    assert started(story.add()) == []
    assert "its disk is full" in story.why().summary


def test_while_draining_no_worker_is_started_and_the_living_go_on() -> None:
    story = Story(account("a"), account("b"))
    story.add()
    assert story.tell(events.DrainAsked, on=True) == []
    assert started(story.add()) == []
    assert "stopping" in story.why("t2").summary
    assert started(story.tell(events.DrainAsked, on=False)) == ["t2.1"]


def test_a_pause_stops_the_workers_and_their_tasks_keep_place_and_session() -> None:
    story = Story(account("a"))
    story.add()
    story.opened()
    (stop,) = story.tell(events.DrainAsked, on=True, stop_workers=True)
    assert getattr(stop, "how", "") == "ladder"
    story.exit()
    assert (story.task().state, story.task().faults) == ("queued", 0)
    assert started(story.tell(events.DrainAsked, on=False)) == ["t1.2"]
    assert story.attempt("t1.2").resumes


def test_every_worktree_has_a_slot_of_its_own_and_freed_ones_are_used_again() -> None:
    story = Story(account("a"), account("b"), account("c"))
    story.add(spec(), spec(), spec())
    assert [story.fleet.worktrees[f"t{n}"].slot for n in (1, 2, 3)] == [0, 1, 2]
    story.to_landing("t2.1")
    story.exit("t2.1")
    story.tell(events.WorktreeRemoved, task="t2", preserved=None)
    story.add()
    assert story.fleet.worktrees["t4"].slot == 1


# --- why ---


def test_why_without_an_account_says_how_to_add_one() -> None:
    story = Story()
    story.add()
    assert (story.why().summary, story.why().stuck) == ("there is no account", True)
    assert "fleet account add" in story.why().advice


def test_why_without_a_coordinator_says_to_start_it() -> None:
    story = Story(account("a"))
    story.fleet = replace(story.fleet, hosts={})
    story.add()
    assert "fleet up" in story.why().summary


def test_why_knows_when_only_a_person_can_help() -> None:
    story = Story(account("a", tiers=(("haiku", "h"),)))
    story.add()
    assert story.why().stuck
    assert "tier sonnet" in story.why().advice


def test_why_of_a_dependant_names_what_it_waits_for_and_who_has_to_act() -> None:
    story = Story(account("a"))
    story.add(spec(key="x"), spec(key="y", after=("x",)), spec(after=("y",)))
    assert story.why("t2").summary == "waits for t1 (running) to land"
    assert not story.why("t2").stuck
    story.tell(events.CancelAsked, task="t1")
    assert story.why("t2").stuck
    assert "fleet task retry t1" in story.why("t2").advice
    assert story.why("t3").stuck
    assert "t1" in story.why("t3").advice


def test_why_of_a_worker_names_account_tier_host_and_headroom() -> None:
    story = Story(account("a"))
    story.add()
    assert "is being started on a (sonnet, headroom unknown), host here" in story.why().summary
    story.opened()
    story.says("t1.1", WindowsRead((reading(used=0.25),), story.now_ms))
    assert "works on a (sonnet, headroom 75%)" in story.why().summary
    story.finish()
    assert "its work is being verified" in story.why().summary


def test_why_of_a_worker_says_what_else_was_refused_and_what_else_would_do() -> None:
    """Also later, when nothing but the history knows what was refused at its placement."""
    story = Story(account("a"), account("b"), account("c"))
    story.add(spec())
    story.opened()
    story.limit("t1.1")
    assert story.attempt("t1.2").account == "b"
    assert "not a (sonnet): five_hour was refused, for 1 h 0 min still" in story.notes()
    story.opened("t1.2")
    why = {r.account: r.why for r in story.why().refusals}
    assert why == {"a": "five_hour was refused", "c": "its session stays on b, where it began"}
    story.add(spec(tiers=("sonnet", "opus")))
    assert story.attempt("t2.1").account == "c"
    assert story.why("t2").feasible == (("c", "opus"),)


def test_why_of_one_that_is_queued_behind_others_says_how_many() -> None:
    story = Story(account("a"), workers_max=1)
    story.add(spec(), spec(), spec())
    assert "1 of 1 workers" in story.why("t3").refusals[0].why
    assert "being tried out" in story.why("t3").refusals[0].why


def test_why_of_a_back_off_says_what_for_and_until_when() -> None:
    story = Story(account("a"))
    story.add()
    story.opened()
    story.end_turn("cut", detail="the stream ended early")
    story.exit()
    waits = story.why()
    assert waits.summary == "backs off: cut: the stream ended early"
    assert waits.expects_ms == story.task().not_before_ms > story.now_ms


def test_why_of_what_is_verified_landed_held_failed() -> None:
    story = Story(account("a"), account("b"))
    story.add(spec(land="merge"))
    story.to_landing()
    assert story.why().summary == "verified; is being merged and verified into main"
    story.landing("held", detail="main is checked out in /home: commit there, then…")
    assert (story.why().stuck, story.why().advice[:19]) == (True, "main is checked out")
    story.tell(events.HeldSeen, task="t1", landed=True, free=False)
    assert "landed on main as c2" in story.why().summary
    story.add()
    story.opened("t2.1")
    story.end_turn("turns", "t2.1")
    story.exit("t2.1")
    assert "--max-turns" in story.why("t2").summary
    assert story.why("t2").advice == "fleet task retry t2"


# --- the queue's index ---

requests = st.lists(
    st.one_of(
        st.tuples(st.just("add"), st.integers(0, 3), st.none() | st.integers(1, 5)),
        st.tuples(st.just("cancel"), st.integers(1, 8), st.none()),
        st.tuples(st.just("retry"), st.integers(1, 8), st.none()),
        st.tuples(st.just("places"), st.integers(0, 4), st.none()),
    ),
    max_size=25,
)


@given(requests)
def test_the_queue_always_holds_the_queued_tasks_in_rank_order(
    asked: list[tuple[str, int, int | None]],
) -> None:
    story = Story(account("a"), account("b"), workers_max=0)
    for ask, number, deadline in asked:
        try:
            if ask == "add":
                story.add(spec(priority=number, deadline_ms=deadline))
            elif ask == "places":
                story.tell(events.HostSeen, host="here", workers_max=number, memory_free_bytes=10**12)
            else:
                kind = events.CancelAsked if ask == "cancel" else events.RetryAsked
                story.tell(kind, task=f"t{number}")
        except Refused:
            pass
        assert broken(story.fleet) == []


@pytest.mark.parametrize("priority", [10**25, 5_000, 0, -5_000, -(10**25)])
def test_any_priority_and_any_clock_give_a_worth(priority: int) -> None:
    """A task may have been added by a clock that stood at 1970."""
    task = Task("t1", 1, spec(priority=priority, deadline_ms=START_MS), created_ms=0, state="queued")
    assert 0.0 < worth_now(task, START_MS) < float("inf")


def test_behind_a_task_that_pays_only_where_it_does_not_fit_a_smaller_one_is_placed_and_a_larger_one_is_not() -> (
    None
):
    """The cheap account has room for a small task, the other is too dear for all."""
    story = Story(account("cheap"), account("dear"), workers_max=0)
    for name, used in (("cheap", 0.999), ("dear", 0.0)):
        story.fleet = with_reading(story.fleet, name, used)
    sizes = {"large": 2.0, "larger": 3.0, "small": 0.02}
    story.add(
        *[spec(title=name, size=size, value=size * (9 - n)) for n, (name, size) in enumerate(sizes.items())]
    )
    prices = Prices(story.now_ms, "programme", buckets={"dear/five_hour": 1e9})
    story.tell(events.Priced, prices=prices)
    story.tell(events.HostSeen, host="here", workers_max=9, memory_free_bytes=10**12)
    placed = {a.account: story.task(a.task).spec.title for a in story.fleet.attempts.values()}
    assert placed == {"cheap": "small"}


def test_an_account_with_nothing_left_is_passed_over_and_the_next_one_takes_the_work() -> None:
    story = Story(account("spent"), account("fresh"), workers_max=0)
    for name, used in (("spent", 0.999), ("fresh", 0.0)):
        story.fleet = with_reading(story.fleet, name, used)
    story.tell(events.FloorAdded, floor=Floor("f1", 0.2, "spent"))
    story.add(spec(size=0.001))
    story.tell(events.HostSeen, host="here", workers_max=9, memory_free_bytes=10**12)
    assert [a.account for a in story.fleet.attempts.values()] == ["fresh"]
