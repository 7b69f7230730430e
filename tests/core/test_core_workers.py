"""The life of an attempt, and what its end means for its task."""

from __future__ import annotations

from itertools import pairwise
from random import Random
from typing import Any

import pytest

from fleet.core import events
from fleet.core.decisions import Decision, StopWorker
from fleet.core.events import StartFault, TurnEnded, Used, WindowsRead
from fleet.core.idle import is_idle
from fleet.core.model import Settings
from fleet.core.model.policy import Floor
from fleet.core.model.tokens import Tokens
from tests.core.story import Story, account, kinds, reading, spec, started

SETTINGS = Settings()


def story_with_worker() -> Story:
    story = Story(account("a"), account("b"))
    story.add()
    story.opened()
    return story


def test_a_refused_credential_quarantines_the_account_and_the_task_keeps_its_place() -> None:
    story = story_with_worker()
    assert kinds(story.end_turn("login", detail="401")) == ["StopWorker"]
    assert started(story.exit()) == ["t1.2"]
    assert story.fleet.accounts["a"].state == "quarantined"
    assert (story.attempt("t1.2").account, story.task().faults) == ("b", 0)
    assert "fleet account verify a" in story.notes()


def how(decided: list[Decision]) -> list[str]:
    return [d.how for d in decided if isinstance(d, StopWorker)]


@pytest.mark.parametrize(
    "outcome", ["limited", "busy", "login", "no_model", "cut", "turns", "no_session", "context", "refused"]
)
def test_a_worker_whose_turn_is_over_is_ended_at_once(outcome: events.Outcome) -> None:
    """Its session could go on elsewhere, and nothing of it can be lost any more: nobody waits for an interrupt."""
    assert how(story_with_worker().end_turn(outcome)) == ["quick"]


@pytest.mark.parametrize(
    ("asked", "what"),
    [
        (events.CancelAsked, {"task": "t1"}),
        (events.AccountRemoved, {"name": "a"}),
        (events.DrainAsked, {"on": True, "stop_workers": True}),
    ],
)
def test_a_worker_that_is_stopped_in_the_middle_of_its_turn_is_interrupted_first(
    asked: type[events.Event], what: dict[str, Any]
) -> None:
    """So that its session has on disk what it has done, and can be gone on with."""
    assert how(story_with_worker().tell(asked, **what)) == ["ladder"]


def test_a_worker_that_is_in_the_way_of_what_is_kept_is_interrupted_first() -> None:
    story = story_with_worker()
    story.tell(events.FloorAdded, floor=Floor("", 0.5, "a"))
    assert how(story.says("t1.1", WindowsRead((reading(used=0.6),), story.now_ms))) == ["ladder"]


@pytest.mark.parametrize("verified", [True, False])
def test_a_worker_that_has_done_its_part_is_left_to_end_by_itself(verified: bool) -> None:
    """Verified, or given up after its repairs: either way it is at rest, and closes its session in order."""
    story = story_with_worker()
    while story.task().state == "running":
        for word in story.attempt("t1.1").told:
            story.says("t1.1", events.WordTaken(word))
        story.finish()
        decided = story.check(ok=verified)
    assert how(decided) == ["close"]


def test_a_quarantined_account_takes_work_again_once_it_is_verified_or_renewed() -> None:
    for renew in ("verify", "add"):
        story = Story(account("a"))
        story.add()
        story.opened()
        story.end_turn("login", detail="401")
        assert started(story.exit()) == []
        assert "quarantined: 401" in story.why().refusals[0].why
        if renew == "verify":
            assert started(story.tell(events.AccountVerified, name="a", ok=True)) == ["t1.2"]
        else:
            assert started(story.tell(events.AccountAdded, account=account("a"))) == ["t1.2"]


def test_a_cut_stream_resumes_the_same_session_on_the_same_account_after_a_pause() -> None:
    story = story_with_worker()
    session = story.task().session_id
    story.end_turn("cut")
    assert started(story.exit()) == []
    assert started(story.wait(SETTINGS.backoff_first_ms * 5 // 4)) == ["t1.2"]
    again = story.attempt("t1.2")
    assert (again.session_id, again.account, again.resumes, again.carry_from) == (session, "a", True, None)


def test_pauses_double_with_each_fault_in_a_row_and_then_a_person_has_to_look() -> None:
    story = Story(account("a"))
    story.add()
    pauses = []
    for n in range(1, SETTINGS.faults_max):
        story.opened(f"t1.{n}")
        story.exit(f"t1.{n}", "exited", 1)
        pauses.append(story.task().not_before_ms - story.now_ms)
        story.wait(pauses[-1])
    assert all(2 * a <= 1.3 * b for a, b in pairwise(pauses))
    last = f"t1.{SETTINGS.faults_max}"
    story.opened(last)
    story.exit(last, "exited", 1)
    assert story.task().state == "failed"
    assert "6 workers in a row" in story.task().reason


def test_progress_ends_a_row_of_faults_and_one_answer_is_no_progress() -> None:
    story = story_with_worker()
    story.end_turn("error")
    story.exit()
    story.wait(60_000)
    story.opened("t1.2")
    assert story.task().faults == 1
    story.answer("t1.2", message="one")
    story.answer("t1.2", message="two")
    assert story.task().faults == 1
    story.answer("t1.2", message="three")
    assert story.task().faults == 0


@pytest.mark.parametrize(
    ("fault", "state"),
    [
        ("repository", "failed"),
        ("setup", "failed"),
        ("client", "queued"),
        ("launch", "queued"),
        ("machine", "queued"),
    ],
)
def test_a_start_that_failed_ends_the_task_only_where_the_task_is_at_fault(
    fault: StartFault, state: str
) -> None:
    story = Story(account("a"))
    story.add()
    story.tell(events.StartFailed, attempt="t1.1", fault=fault, detail="because")
    assert story.task().state == state
    assert "because" in story.task().reason


def test_a_start_without_a_usable_credential_quarantines_the_account() -> None:
    story = Story(account("a"), account("b"))
    story.add()
    assert started(story.tell(events.StartFailed, attempt="t1.1", fault="credential", detail="no token")) == [
        "t1.2"
    ]
    assert story.fleet.accounts["a"].state == "quarantined"


@pytest.mark.parametrize("fault", ["machine", "lost", "no network"])
def test_a_fault_of_the_host_never_fails_a_task_and_is_tried_again_with_growing_pauses(
    fault: str,
) -> None:
    story = Story(account("a"))
    story.add()
    pauses = []
    for n in range(1, 2 * SETTINGS.faults_max):
        if fault == "machine":
            story.tell(events.StartFailed, attempt=f"t1.{n}", fault="machine", detail="no space left")
        elif fault == "no network":
            story.opened(f"t1.{n}")
            story.end_turn("cut", f"t1.{n}")
            story.exit(f"t1.{n}")
        else:
            story.opened(f"t1.{n}")
            story.tell(events.WorkerLost, attempt=f"t1.{n}", detail="gone")
        pauses.append(story.task().not_before_ms - story.now_ms)
        assert started(story.wait(pauses[-1])) == [f"t1.{n + 1}"]
    assert 0 < pauses[0] < pauses[3] < pauses[7] <= SETTINGS.backoff_max_ms


def test_workers_that_alone_are_killed_again_and_again_fail_their_task_with_the_reason() -> None:
    """However often they answer in between: such a worker may do it itself. A turn that ends well begins anew."""
    story = Story(account("a"))
    story.add(spec(verify=("false",)))
    pauses = []
    for n in range(1, SETTINGS.faults_max):
        pauses.append(_killed_alone(story, n))
    assert pauses == sorted(pauses) and pauses[0] < pauses[-1]
    story.opened(f"t1.{SETTINGS.faults_max}")
    story.end_turn("finished", f"t1.{SETTINGS.faults_max}")
    assert story.task().killed == 0
    checked = {
        "task": "t1",
        "attempt": f"t1.{SETTINGS.faults_max}",
        "ok": False,
        "commit": "c",
        "output": "no",
    }
    story.tell(events.WorkChecked, **checked)
    story.tell(events.WorkerLost, attempt=f"t1.{SETTINGS.faults_max}", detail="gone", alone=True)
    story.wait(SETTINGS.backoff_max_ms)
    for n in range(SETTINGS.faults_max + 1, 2 * SETTINGS.faults_max):
        assert story.task().state == "running"
        _killed_alone(story, n)
    assert story.task().state == "failed"
    assert "supervisors of 6 of its workers in a row were killed" in story.task().reason
    assert story.fleet.accounts["a"].state == "ready" and not story.fleet.policy.breaker


def _killed_alone(story: Story, number: int) -> int:
    """Its worker answers a few times, then only its supervisor is gone. Gives the pause after it."""
    attempt = f"t1.{number}"
    story.opened(attempt)
    for n in range(SETTINGS.progress_answers + 1):
        story.answer(attempt, f"{attempt} {n}")
    story.tell(events.WorkerLost, attempt=attempt, detail="gone", alone=True)
    pause = story.task().not_before_ms - story.now_ms
    story.wait(SETTINGS.backoff_max_ms)
    return pause


def test_a_full_disk_for_hours_leaves_a_task_all_its_tries() -> None:
    """One worker that dies afterwards is the first of its row, not the last."""
    story = Story(account("a"))
    story.add()
    for n in range(1, 2 * SETTINGS.faults_max):
        story.tell(events.StartFailed, attempt=f"t1.{n}", fault="machine", detail="no space left")
        story.wait(SETTINGS.backoff_max_ms)
    last = f"t1.{2 * SETTINGS.faults_max}"
    story.opened(last)
    story.end_turn("error", last)
    story.exit(last)
    assert story.task().state == "queued"


def test_a_start_that_fails_for_what_only_a_person_can_mend_keeps_nobody_waiting_after_some_tries() -> None:
    """It is tried on all the same; but `up --until-idle` ends, and says what has to be done."""
    story = Story(account("a"))
    story.add()
    idle = []
    for n in range(1, SETTINGS.faults_max + 2):
        failed = {"fault": "machine", "detail": "the disk is full", "trouble": "disk", "lasting": True}
        story.tell(events.StartFailed, attempt=f"t1.{n}", **failed)
        idle.append(is_idle(story.fleet))
        assert started(story.wait(SETTINGS.backoff_max_ms)) == [f"t1.{n + 1}"]
    assert idle == [False] * (SETTINGS.faults_max - 1) + [True, True]


def test_a_stream_that_is_cut_after_answers_again_and_again_ends_the_task() -> None:
    """The way to the server is there: something about this conversation breaks it, and a person has to look."""
    story = Story(account("a"))
    story.add()
    for n in range(1, SETTINGS.faults_max + 1):
        story.opened(f"t1.{n}")
        story.answer(f"t1.{n}")
        story.end_turn("cut", f"t1.{n}")
        story.exit(f"t1.{n}")
        story.wait(SETTINGS.backoff_max_ms)
    assert story.task().state == "failed"


def test_a_worker_lost_while_it_was_being_stopped_ended_for_what_it_was_stopped_for() -> None:
    story = story_with_worker()
    story.end_turn("limited")
    story.tell(events.WorkerLost, attempt="t1.1", detail="gone")
    assert story.fleet.ended[0].reason == "limited"


def test_a_transcript_that_vanished_begins_the_session_anew_on_its_work() -> None:
    story = story_with_worker()
    story.end_turn("no_session")
    story.exit()
    story.wait(10_000)
    anew = story.attempt("t1.2")
    assert not anew.resumes
    assert anew.session_id != story.fleet.tasks["t1"].session_id
    story.start("t1.2")
    assert story.task().session_id == anew.session_id


@pytest.mark.parametrize(("outcome", "advice"), [("turns", "--max-turns"), ("budget", "--max-budget-usd")])
def test_a_limit_of_the_tasks_own_ends_it_with_what_to_do(outcome: events.Outcome, advice: str) -> None:
    story = story_with_worker()
    story.end_turn(outcome)
    story.exit()
    assert story.task().state == "failed"
    assert advice in story.task().reason


def test_a_model_that_the_account_does_not_give_is_tried_on_another() -> None:
    story = story_with_worker()
    story.end_turn("no_model", detail="no such model")
    assert started(story.exit()) == ["t1.2"]
    assert story.attempt("t1.2").account == "b"


def test_removing_an_account_stops_its_worker_and_the_session_goes_on_elsewhere() -> None:
    story = story_with_worker()
    assert kinds(story.tell(events.AccountRemoved, name="a")) == ["StopWorker"]
    assert started(story.exit()) == ["t1.2"]
    assert (story.attempt("t1.2").account, story.attempt("t1.2").carry_from) == ("b", "a")


def test_what_a_worker_said_is_counted_once_and_kept_with_its_attempt() -> None:
    story = story_with_worker()
    for said in (Tokens(1, 1), Tokens(1, 5)):
        story.says("t1.1", events.Answered("m1", said))
    story.says("t1.1", Used(Tokens(3, 9), 0.5), TurnEnded("limited", ""))
    story.exit()
    assert (story.fleet.ended[0].tokens, story.fleet.ended[0].cost_usd) == (Tokens(3, 9), 0.5)


@pytest.mark.parametrize("seed", range(12))
def test_answers_that_are_told_as_one_count_as_each_of_them_does(seed: int) -> None:
    rng = Random(seed)
    said = [
        events.Answered(f"m{rng.choice([n, n - 1, n - 1])}", Tokens(rng.randint(0, 9), rng.randint(0, 9)))
        for n in range(rng.randint(2, 12))
    ]
    one_by_one, together = story_with_worker(), story_with_worker()
    edges = sorted({0, len(said), *(rng.randint(0, len(said)) for _ in range(3))})
    for start, end in pairwise(edges):
        as_one = said[start]
        for further in said[start + 1 : end]:
            as_one = as_one.and_then(further)
        together.says("t1.1", as_one)
        one_by_one.says("t1.1", *said[start:end])
    assert together.attempt("t1.1") == one_by_one.attempt("t1.1")
    assert together.fleet.accounts == one_by_one.fleet.accounts
    assert together.task() == one_by_one.task()


# --- fences ---


def test_a_piece_of_spool_counts_at_its_own_offset_only() -> None:
    story = story_with_worker()
    story.answer()
    before = story.fleet
    for start in (0, 1, before.attempts["t1.1"].offset + 1):
        story.tell(
            events.Spooled,
            attempt="t1.1",
            start=start,
            end=start + 9,
            facts=(events.Answered("x", Tokens()),),
        )
    assert story.fleet.attempts == before.attempts


def test_reports_of_an_attempt_that_has_ended_change_nothing() -> None:
    story = story_with_worker()
    story.limit()
    before = story.fleet
    story.tell(events.WorkerLost, attempt="t1.1", detail="late")
    story.tell(events.StartFailed, attempt="t1.1", fault="repository", detail="late")
    story.tell(events.Spooled, attempt="t1.1", start=0, end=5, facts=(events.Exited("exited", 1, ""),))
    late = {"branch": "x", "base_commit": "x", "path": "/x", "session_id": "x", "resumed": False}
    story.tell(events.WorkerStarted, attempt="t1.1", **late)
    assert (story.fleet.tasks, story.fleet.attempts) == (before.tasks, before.attempts)


def test_a_start_reported_twice_leaves_what_has_been_taken_up_taken_up() -> None:
    story = story_with_worker()
    story.start("t1.1")
    assert kinds(story.finish()) == ["CheckWork"]


# --- clocks ---


@pytest.mark.parametrize("jump_ms", [-3 * 86_400_000, -1_000, 3 * 86_400_000])
def test_a_clock_that_jumps_never_makes_a_task_wait_longer_than_its_back_off(jump_ms: int) -> None:
    story = story_with_worker()
    story.now_ms += abs(jump_ms)
    story.end_turn("cut")
    story.exit()
    story.now_ms += jump_ms
    story.wait(0)
    story.wait(SETTINGS.backoff_max_ms)
    assert "t1.2" in story.fleet.attempts
