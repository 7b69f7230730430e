"""Tasks: dependencies, people's requests in every state, words, verification and landing."""

from __future__ import annotations

import pytest

from fleet.core import events
from fleet.core.decisions import LandWork, LookAtHeld, TellWorker
from fleet.core.events import TurnEnded, WordLost, WordTaken
from fleet.core.idle import is_idle
from fleet.core.model import Settings
from fleet.core.rules.tasks import CIRCLE_SHOWN
from fleet.core.step import Refused
from fleet.core.wording import opening_id
from tests.core.story import Story, account, kinds, spec, started

REPAIRS_MAX = Settings().repairs_max


def landing_story(**but: object) -> Story:
    story = Story(account("a"), account("b"))
    story.add(spec(land="merge", **but))
    story.to_landing()
    return story


def at_work() -> Story:
    story = Story(account("a"))
    story.add(spec())
    story.start()
    story.opened()
    return story


def say(story: Story, word: str, task: str = "t1") -> list[str]:
    decided = story.tell(events.PersonSaid, task=task, word=word, text=f"text of {word}")
    return [d.word for d in decided if isinstance(d, TellWorker)]


# --- dependencies ---


def test_a_dependant_starts_only_when_everything_it_waits_for_has_landed() -> None:
    story = Story(account("a"), account("b"), account("c"))
    story.add(spec(key="x", land="merge"), spec(key="y"), spec(after=("x", "y")))
    story.to_landing("t1.1")
    story.to_landing("t2.1")
    assert (story.task("t2").state, story.task("t3").state) == ("landed", "waiting")
    assert started(story.landing("landed")) == ["t3.1"]


def test_a_cycle_is_refused_and_shown_and_nothing_is_added() -> None:
    story = Story()
    with pytest.raises(Refused, match="x → y → z → x"):
        story.add(spec(key="x", after=("y",)), spec(key="y", after=("z",)), spec(key="z", after=("x",)))
    with pytest.raises(Refused, match="x → x"):
        story.add(spec(key="x", after=("x",)))
    assert story.fleet.tasks == {}


def test_a_chain_of_thousands_is_added_in_whichever_order_it_is_written_and_a_circle_of_them_refused() -> (
    None
):
    """Neither the depth of recursion nor a person's patience ends it; a long circle is shown by its two ends."""
    last = 5_000
    chain = [spec(key=f"k{n}", after=(f"k{n + 1}",) if n < last else ()) for n in range(last + 1)]
    story = Story()
    with pytest.raises(Refused) as refused:
        story.add(*chain[:-1], spec(key=f"k{last}", after=("k0",)))
    shown = str(refused.value).split(": ", 1)[1].split(" → ")
    assert len(shown) == CIRCLE_SHOWN + 1
    assert shown[CIRCLE_SHOWN // 2] == f"… {last + 2 - CIRCLE_SHOWN} more …"
    assert shown[0] == shown[-1]
    story.add(*chain)
    assert [story.task(f"t{n}").state for n in (1, last, last + 1)] == ["waiting", "waiting", "queued"]


def test_a_task_that_waits_for_what_does_not_exist_is_refused() -> None:
    story = Story()
    with pytest.raises(Refused, match="t9"):
        story.add(spec(after=("t9",)))


def test_two_tasks_with_one_key_are_refused() -> None:
    story = Story()
    with pytest.raises(Refused, match="same id"):
        story.add(spec(key="x"), spec(key="x"))


# --- who asked for it ---


def test_a_source_that_asks_twice_has_one_task_also_within_one_request_and_when_that_has_ended() -> None:
    story = Story(account("a"))
    story.add(spec(source="card"), spec(source="card", title="again"), spec())
    assert [(t.id, t.spec.title) for t in story.fleet.tasks.values()] == [
        ("t1", "the task"),
        ("t2", "the task"),
    ]
    story.tell(events.CancelAsked, task="t1")
    counted = story.fleet.demand
    story.add(spec(source="card"))
    assert (len(story.fleet.tasks), story.fleet.tasks_made, story.fleet.demand) == (2, 2, counted)


def test_a_source_is_one_in_its_project_only() -> None:
    story = Story()
    story.add(spec(source="card"))
    story.add(spec(source="card", project="other"), spec(source="card", repo="/r2"))
    assert [t.spec.project_name for t in story.fleet.tasks.values()] == ["/repo", "other", "/r2"]


def test_what_waits_for_a_task_of_the_request_waits_for_the_one_that_its_source_has() -> None:
    story = Story()
    story.add(spec(source="card", key="x"))
    story.add(spec(), spec(source="card", key="y", after=("t1",)), spec(after=("y",)))
    assert [(t.id, t.after) for t in story.fleet.tasks.values()] == [("t1", ()), ("t2", ()), ("t3", ("t1",))]


def test_a_source_of_two_lines_is_refused() -> None:
    with pytest.raises(Refused, match="the source has"):
        Story().add(spec(source="card\n"))


# --- cancel and retry ---


def in_state(state: str) -> Story:
    """A story whose t1 (or t2, where it has to wait) is in the state."""
    if state in ("waiting", "queued"):
        story = Story()
        story.add(spec(key="x"), spec(after=("x",)))
        return story
    story = landing_story() if state in ("landing", "held", "landed") else Story(account("a"))
    if state in ("running", "checking", "failed", "cancelled"):
        story.add()
        story.opened()
    if state == "checking":
        story.finish()
    elif state == "failed":
        story.end_turn("turns")
        story.exit()
    elif state == "cancelled":
        story.tell(events.CancelAsked, task="t1")
        story.exit()
        story.tell(events.WorktreeRemoved, task="t1", preserved=None)
    elif state in ("held", "landed"):
        story.exit()
        story.landing("held" if state == "held" else "landed")
    return story


def named(state: str) -> str:
    return "t2" if state == "waiting" else "t1"


@pytest.mark.parametrize(
    ("state", "decided"),
    [
        ("waiting", []),
        ("queued", []),
        ("running", ["StopWorker"]),
        ("checking", ["StopWorker"]),
        ("held", ["RemoveWorktree"]),
        ("failed", ["RemoveWorktree"]),
        ("cancelled", []),
    ],
)
def test_cancel_ends_a_task_in_any_state_but_landed(state: str, decided: list[str]) -> None:
    story, name = in_state(state), named(state)
    assert story.task(name).state == state
    assert kinds(story.tell(events.CancelAsked, task=name)) == decided
    assert story.task(name).state == "cancelled"


def test_cancel_is_refused_where_it_comes_too_late() -> None:
    with pytest.raises(Refused, match="already landed"):
        in_state("landed").tell(events.CancelAsked, task="t1")


@pytest.mark.parametrize("outcome", ["broken off", "unverified", "conflict", "held", "moved", "broken"])
def test_a_merge_under_way_is_broken_off_and_the_next_begins(outcome: events.LandingOutcome) -> None:
    """Its task is cancelled only when the merge has ended, whatever came of it."""
    story = Story(account("a"), account("b"))
    story.add(spec(land="merge"), spec(land="merge"))
    for attempt in ("t1.1", "t2.1"):
        story.to_landing(attempt)
    for _ in range(2):
        assert kinds(story.tell(events.CancelAsked, task="t1")) == []
    assert "being broken off" in story.why("t1").summary
    decided = story.landing(outcome, "t1")
    assert story.task("t1").state == "cancelled" and not story.task("t1").breaking_off
    assert [d.task for d in decided if isinstance(d, LandWork)] == ["t2"]


def test_what_had_landed_before_its_merge_was_broken_off_has_landed() -> None:
    story = landing_story()
    story.tell(events.CancelAsked, task="t1")
    story.landing("landed")
    assert story.task().state == "landed" and not story.task().breaking_off


@pytest.mark.parametrize("state", ["failed", "cancelled"])
def test_retry_goes_on_with_the_same_session_in_the_same_place(state: str) -> None:
    story = in_state(state)
    session = story.task().session_id
    assert started(story.tell(events.RetryAsked, task="t1")) == ["t1.2"]
    assert (story.attempt("t1.2").resumes, story.attempt("t1.2").session_id) == (True, session)


@pytest.mark.parametrize("state", ["waiting", "queued", "running", "checking", "landing", "held", "landed"])
def test_retry_is_refused_for_a_task_that_has_not_ended_badly(state: str) -> None:
    with pytest.raises(Refused, match="only a failed or cancelled task"):
        in_state(state).tell(events.RetryAsked, task=named(state))


def test_retry_waits_until_the_old_worker_is_gone_and_its_worktree_removed() -> None:
    story = in_state("running")
    story.tell(events.CancelAsked, task="t1")
    with pytest.raises(Refused, match="still being stopped"):
        story.tell(events.RetryAsked, task="t1")
    assert kinds(story.exit()) == ["RemoveWorktree"]
    assert started(story.tell(events.RetryAsked, task="t1")) == []
    assert story.why().summary == "its old worktree is still being removed"
    assert started(story.tell(events.WorktreeRemoved, task="t1", preserved=None)) == ["t1.2"]


def test_a_task_nobody_knows_is_refused_with_where_to_look() -> None:
    for kind in (events.CancelAsked, events.RetryAsked):
        with pytest.raises(Refused, match="fleet task list"):
            Story().tell(kind, task="t9")


# --- words ---


def test_words_reach_a_running_worker_at_once_and_are_owed_until_it_takes_them_up() -> None:
    story = in_state("running")
    assert say(story, "w1") == ["w1"]
    assert kinds(story.finish()) == []  # it has not heard them yet
    story.says("t1.1", WordTaken("w1"))
    assert story.task().words == ()
    assert kinds(story.finish()) == ["CheckWork"]


def test_words_said_while_it_starts_are_told_once_it_runs() -> None:
    story = Story(account("a"))
    story.add()
    assert say(story, "w1") == []
    assert kinds(story.start()) == ["TellWorker"]


def test_words_said_before_it_starts_are_in_its_opening_and_taken_with_it() -> None:
    story = Story()
    story.add()
    say(story, "w1")
    story.tell(events.AccountAdded, account=account("a"))
    assert [word.id for word in story.attempt("t1.1").opening] == ["w1"]
    assert kinds(story.start()) == []
    story.says("t1.1", WordTaken(opening_id("t1.1")))
    assert story.task().words == ()


def test_words_that_a_worker_did_not_take_up_are_given_to_the_next() -> None:
    story = Story(account("a"), account("b"))
    story.add()
    story.opened()
    say(story, "w1")
    say(story, "w2")
    story.says("t1.1", WordTaken("w1"))
    story.limit()
    assert [word.id for word in story.attempt("t1.2").opening] == ["w2"]


def test_words_that_the_client_threw_away_are_told_again() -> None:
    story = in_state("running")
    say(story, "w1")
    told = story.says("t1.1", WordLost("w1"), TurnEnded("finished", ""))
    assert kinds(told) == ["TellWorker"]


def test_words_said_while_its_work_is_verified_are_told_before_it_may_land() -> None:
    story = in_state("checking")
    assert say(story, "w1") == []
    assert kinds(story.check()) == ["TellWorker"]
    assert story.task().state == "running"


def test_words_said_to_a_held_task_take_it_back_to_its_session() -> None:
    story = in_state("held")
    decided = story.tell(events.PersonSaid, task="t1", word="w1", text="one more thing")
    assert started(decided) == ["t1.2"]
    assert [word.id for word in story.attempt("t1.2").opening] == ["w1"]


def test_words_said_to_a_task_that_waits_for_its_merge_take_it_back() -> None:
    story = Story(account("a"), account("b"))
    story.add(spec(land="merge"), spec(land="merge"))
    story.to_landing("t1.1")
    story.to_landing("t2.1")
    story.exit("t2.1")
    assert started(story.tell(events.PersonSaid, task="t2", word="w1", text="also")) == ["t2.2"]
    assert kinds(story.landing("landed")) == []


@pytest.mark.parametrize(
    ("state", "why"),
    [("landing", "being merged"), ("landed", "landed"), ("failed", "failed"), ("cancelled", "cancelled")],
)
def test_words_are_refused_where_nobody_would_hear_them(state: str, why: str) -> None:
    with pytest.raises(Refused, match=why):
        say(in_state(state), "w1")


# --- verification ---


def test_a_failed_check_goes_back_to_the_same_worker_with_its_output_a_bounded_number_of_times() -> None:
    story = in_state("checking")
    for _ in range(REPAIRS_MAX):
        (told,) = story.check(ok=False, output="E assert 1 == 2")
        assert isinstance(told, TellWorker)
        assert "E assert 1 == 2" in told.text
        story.says("t1.1", WordTaken(told.word))
        assert kinds(story.finish()) == ["CheckWork"]
    assert kinds(story.check(ok=False, output="E assert 1 == 2")) == ["StopWorker"]
    assert story.task().state == "failed"
    assert "E assert 1 == 2" in story.task().reason


def test_a_failed_check_of_a_worker_that_has_gone_goes_to_the_next_one_of_its_session() -> None:
    story = in_state("checking")
    story.exit(cause="exited", code=1)
    assert started(story.check(ok=False)) == ["t1.2"]
    assert "1 failed" in story.attempt("t1.2").opening[0].text


def test_a_late_check_changes_nothing() -> None:
    story = in_state("running")
    before = story.task()
    story.check(attempt="t1.1")
    story.tell(events.WorkChecked, task="t9", attempt="t9.1", ok=True, commit="c")
    assert story.task() == before


# --- landing ---


def test_a_branch_only_task_has_landed_once_it_is_verified_and_its_worktree_goes_with_its_worker() -> None:
    story = Story(account("a"))
    story.add()
    assert kinds(story.to_landing()) == ["StopWorker"]
    assert (story.task().state, story.task().landed_commit) == ("landed", "c1")
    assert kinds(story.exit()) == ["RemoveWorktree"]


def test_one_target_takes_one_merge_at_a_time_first_come_and_others_do_not_wait_for_it() -> None:
    story = Story(*(account(name) for name in "abcd"))
    story.add(
        spec(land="merge"),
        spec(land="merge"),
        spec(land="merge", target="v2"),
        spec(land="merge", repo="/r2"),
    )
    landings = [d.task for n in range(1, 5) for d in story.to_landing(f"t{n}.1") if isinstance(d, LandWork)]
    assert landings == ["t1", "t3", "t4"]
    assert "waits for its turn" in story.why("t2").summary
    assert [d.task for d in story.landing("landed") if isinstance(d, LandWork)] == ["t2"]


def test_of_many_that_wait_for_one_target_only_one_is_merged_after_another_in_the_order_they_came() -> None:
    """Also when one has just ended and the others have all been waiting. Each is verified as merged with the last."""
    story = Story(*(account(name) for name in "abcd"))
    story.add(*[spec(land="merge")] * 4)
    for attempt in ("t4.1", "t2.1", "t1.1", "t3.1"):
        story.to_landing(attempt)
        story.now_ms += 1
    told = [note for note in story.news() if "to land on main" in note]
    assert told == [f"verified; waits for its turn to land on main, behind {n} others" for n in (2, 3)]
    assert "lands on main next" in story.notes()
    merged, turn = [], "t4"
    while turn:
        assert [t.id for t in story.fleet.tasks.values() if t.landing_begun] == [turn]
        merged.append(turn)
        decided = story.landing("landed", turn)
        turn = "".join(d.task for d in decided if isinstance(d, LandWork))
    assert merged == ["t4", "t2", "t1", "t3"]


def test_a_target_that_moved_meanwhile_is_tried_again() -> None:
    assert kinds(landing_story().landing("moved")) == ["LandWork"]


@pytest.mark.parametrize("outcome", ["conflict", "unverified"])
def test_a_merge_that_fails_goes_back_to_the_session_as_work(outcome: events.LandingOutcome) -> None:
    story = landing_story()
    story.exit()
    assert started(story.landing(outcome, detail="both changed a.py")) == ["t1.2"]
    (word,) = story.attempt("t1.2").opening
    assert "both changed a.py" in word.text
    assert "main" in word.text


def test_a_merge_that_fails_while_the_worker_is_still_ending_waits_for_its_end() -> None:
    story = landing_story()
    assert started(story.landing("conflict")) == []
    assert "still being stopped" in story.why().summary
    assert started(story.exit()) == ["t1.2"]


def test_merges_that_fail_again_and_again_end_the_task() -> None:
    story = landing_story()
    story.exit()
    for n in range(2, REPAIRS_MAX + 2):
        story.landing("conflict")
        story.to_landing(f"t1.{n}")
        story.exit(f"t1.{n}")
    story.landing("conflict")
    assert story.task().state == "failed"
    assert "conflict 4 times" in story.task().reason


def test_a_target_that_is_checked_out_holds_the_task_until_a_person_frees_it_or_merges_it() -> None:
    story = landing_story()
    story.exit()
    story.landing("held", detail="main is checked out in /home/u/repo")
    assert kinds(story.wait(1_000)) == []
    assert kinds(story.wait(Settings().held_recheck_ms)) == ["LookAtHeld"]
    assert kinds(story.tell(events.HeldSeen, task="t1", landed=False, free=False)) == []
    assert kinds(story.tell(events.HeldSeen, task="t1", landed=False, free=True)) == ["LandWork"]
    story.landing("held")
    story.tell(events.HeldSeen, task="t1", landed=True, free=False)
    assert story.task().state == "landed"


def test_a_held_task_leaves_its_target_to_others() -> None:
    story = Story(account("a"), account("b"))
    story.add(spec(land="merge"), spec(land="merge"))
    story.to_landing("t1.1")
    story.to_landing("t2.1")
    assert kinds(story.landing("held")) == ["LandWork"]


def test_a_late_landing_changes_nothing() -> None:
    story = landing_story()
    before = story.fleet.tasks
    story.landing("landed", begun_ms=1)
    story.tell(events.LandingEnded, task="t9", begun_ms=1, outcome="landed", commit="c")
    story.tell(events.HeldSeen, task="t1", landed=True, free=True)
    assert story.fleet.tasks == before


def test_what_a_person_has_to_mend_before_it_lands_is_told_once_and_landing_is_tried_again() -> None:
    story = landing_story()
    assert kinds(story.landing("broken", detail="/repo is gone")) == []
    assert (story.task().state, story.why().advice) == ("held", "/repo is gone")
    story.exit()
    assert is_idle(story.fleet)
    assert kinds(story.wait(story.fleet.settings.held_retry_ms - 1)) == []
    assert kinds(story.wait(1)) == ["LandWork"]
    story.landing("broken", detail="/repo is gone")
    assert story.news().count("/repo is gone") == 1
    assert kinds(story.tell(events.DrainAsked, on=False)) == ["LandWork"], "whenever a coordinator begins"
    story.landing("landed")
    assert (story.task().state, story.task().reason) == ("landed", "")


# --- accounts and worktrees ---


def test_an_account_that_is_there_is_not_replaced_and_one_that_is_not_there_not_removed() -> None:
    story = Story(account("a"))
    with pytest.raises(Refused, match="fleet account remove a"):
        story.tell(events.AccountAdded, account=account("a"))
    for kind, what in ((events.AccountRemoved, {}), (events.AccountVerified, {"ok": True})):
        with pytest.raises(Refused, match="fleet account list"):
            story.tell(kind, name="x", **what)


def test_prune_removes_only_the_worktrees_of_tasks_that_have_ended() -> None:
    story = in_state("failed")
    assert kinds(story.tell(events.PruneAsked, tasks=("t1",))) == ["RemoveWorktree"]
    assert kinds(story.tell(events.PruneAsked, tasks=("t1",))) == []
    story.tell(events.WorktreeRemoved, task="t1", preserved="refs/fleet/kept/t1")
    assert story.fleet.worktrees["t1"].preserved == "refs/fleet/kept/t1"
    with pytest.raises(Refused, match="only the worktree of a task that has ended"):
        in_state("running").tell(events.PruneAsked, tasks=("t1",))


def test_an_interrupted_turn_ends_nothing_while_the_session_is_owed_words() -> None:
    story = at_work()
    decided = story.tell(
        events.PersonSaid, task="t1", word="w1", text="stop that", interrupt=True, tier="opus"
    )
    (told,) = [d for d in decided if isinstance(d, TellWorker)]
    assert (told.interrupt, told.model) == (True, "o")
    assert story.end_turn("interrupted") == []
    assert (story.attempt("t1.1").state, story.attempt("t1.1").tier) == ("running", "opus")


def test_another_tier_is_refused_where_there_is_none_or_nobody_is_at_work() -> None:
    story = at_work()
    with pytest.raises(Refused, match="has no tier mythical"):
        story.tell(events.PersonSaid, task="t1", word="w1", text="x", tier="mythical")
    assert story.task().words == ()
    story.end_turn("finished")
    with pytest.raises(Refused, match="no worker at work"):
        story.tell(events.PersonSaid, task="t1", word="w2", text="x", tier="opus")


def test_a_trouble_is_told_until_the_task_moves_on() -> None:
    story = Story(account("a"))
    story.add()
    story.opened()
    story.finish()
    story.tell(events.PerformFailed, task="t1", effect="d9", story="disk full")
    story.tell(events.PerformFailed, task="t1", effect="d9", story="disk full")
    assert "trouble: disk full" in story.why().summary
    assert story.notes().count("disk full") == 1
    story.tell(events.PerformWentWell, task="t1", effect="another")
    assert "disk full" in story.why().summary
    story.check()
    assert "disk full" not in story.why().summary


def test_lasting_trouble_of_a_check_lets_the_worker_go_and_says_that_a_person_must_act() -> None:
    """Whatever waits behind it is stuck, too; once it can be verified it goes on."""
    story = Story(account("a"))
    story.add(spec(key="first"), spec(after=("first",)))
    story.opened()
    story.finish()
    stop = story.tell(events.PerformFailed, task="t1", effect="d9", story="worktree gone", lasting=True)
    assert kinds(stop) == ["StopWorker"]
    assert not is_idle(story.fleet)
    story.exit()
    assert is_idle(story.fleet)
    assert story.why("t1").stuck and story.why("t2").advice == "see: fleet why t1"
    story.check()
    assert story.task("t1").state == "landed" and story.task("t2").state == "running"


def test_a_coordinator_that_begins_looks_at_held_tasks_at_once() -> None:
    """Otherwise `up --until-idle` right after the person's merge would end before it has looked."""
    story = landing_story()
    story.landing("held", commit="c1", detail="main is checked out")
    assert [d for d in story.wait(1_000) if isinstance(d, LookAtHeld)] == []
    assert [d.task for d in story.tell(events.DrainAsked, on=False) if isinstance(d, LookAtHeld)] == ["t1"]
