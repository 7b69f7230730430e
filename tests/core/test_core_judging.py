"""A model reviews verified work before it lands: read only, placed like any work, and no pass without an answer that
fits."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from fleet.core import events
from fleet.core.decisions import Decision, TellWorker
from fleet.core.model import Finding, Judgement, Pause, Reviewer, Verdict
from fleet.core.review_words import ANSWER, UNFIT
from fleet.core.wording import GO_ON, opening_text
from tests.core.far_story import FarStory, far
from tests.core.story import HOUR_MS, START_MS, Story, account, kinds, reading, refusal, spec, started

WRONG = Finding("src/clock.py", 12, "blocking", "it is wrong\n  on Sundays")
SMALL = Finding("src/clock.py", None, "minor", "a name")


def verified(review: str = "model", *accounts: Any, land: str = "merge", **but: Any) -> Story:
    """Its author has ended, and what is to be judged is placed if it can be."""
    story = Story(*(accounts or (account("a"), account("b"))))
    story.add(spec(review=review, land=land, **but))
    story.to_landing()
    story.exit()
    return story


def answers(story: Story, *findings: Finding, attempt: str = "t1.2", fits: bool = True) -> list[Decision]:
    judgement = Judgement(findings) if fits else None
    return story.says(attempt, events.TurnEnded("finished", "", judgement=judgement))


def mended(story: Story, attempt: str, commit: str) -> list[Decision]:
    """The session has taken up what was found, and its work is verified anew."""
    story.opened(attempt)
    story.finish(attempt)
    story.tell(events.WorkChecked, task="t1", attempt=attempt, ok=True, commit=commit)
    return story.exit(attempt)


def test_verified_work_is_judged_by_a_session_of_its_own_that_reads_only_elsewhere_if_that_can_be() -> None:
    story = verified()
    judge = story.attempt("t1.2")
    assert judge.judges and not judge.resumes and judge.session_id != "s"
    assert story.task().session_id is None and story.task().state == "running"
    other = {"a": "b", "b": "a"}[story.task().judging.author.session_account or ""]  # type: ignore[union-attr]
    assert judge.account == other
    story.opened("t1.2")
    assert "reviews the verified work on" in story.why().summary
    decided = answers(story)
    assert kinds(decided) == ["LandWork", "StopWorker"] and story.task().state == "landing"
    assert story.task().reviewed == "c1" and story.task().approved is None
    assert story.task().verdict == Verdict("c1", "sonnet", judge.account)
    story.exit("t1.2")
    story.landing("landed")
    assert story.task().state == "landed"


def test_the_judge_is_told_the_task_the_change_and_what_the_gate_said_and_nothing_else_of_the_session() -> (
    None
):
    story = Story(account("a"))
    story.add(spec(review="model", prompt="Turn the ~~~ clock"))
    story.opened()
    story.finish()
    story.tell(
        events.WorkChecked, task="t1", attempt="t1.1", ok=True, commit="c1", output="9 passed", noticed=""
    )
    story.exit()
    said = opening_text(story.task(), story.attempt("t1.2"), resumed=False, diff="+ x = 1")
    assert "~~~~\nTurn the ~~~ clock\n~~~~" in said and "~~~\n+ x = 1\n~~~" in said and "9 passed" in said
    assert said.endswith(ANSWER)
    assert opening_text(story.task(), story.attempt("t1.2"), resumed=True) == GO_ON


def test_with_one_account_alone_the_work_is_judged_there() -> None:
    story = verified("model", account("a"))
    assert story.attempt("t1.2").account == "a"


def test_where_the_other_account_stays_closed_for_long_the_one_that_made_the_work_judges_it() -> None:
    story = Story(account("a"))
    story.add(spec(review="model"))
    story.opened()
    story.tell(events.AccountAdded, account=account("b"))
    refused = refusal("seven_day", START_MS + 100 * HOUR_MS)
    story.tell(events.AccountRead, name="b", readings=(refused,), seen_ms=story.now_ms)
    story.finish()
    story.check()
    assert started(story.exit()) == ["t1.2"] and story.attempt("t1.2").account == "a"


def test_while_the_other_account_is_closed_for_a_little_while_the_review_waits_for_it() -> None:
    story = Story(account("a"))
    story.add(spec(review="model"))
    story.opened()
    story.tell(events.AccountAdded, account=account("b"))
    soon = refusal("five_hour", START_MS + HOUR_MS // 4)
    story.tell(events.AccountRead, name="b", readings=(soon,), seen_ms=story.now_ms)
    story.finish()
    story.check()
    assert started(story.exit()) == []
    why = story.why()
    assert why.summary.startswith("verified; to be reviewed by a model: ") and not why.stuck
    assert "made the work, so that another account is to review it" in {r.why for r in why.refusals}


def test_where_no_host_takes_work_of_the_other_account_the_one_that_made_it_judges_it_at_last() -> None:
    """The other one's login lies on this machine, and the task runs only where it has its label."""
    own = account("own", login=True, secret=False)
    story = FarStory(far("x", labels=("gpu",)), here=9, accounts=(account("a"), own))
    story.add(spec(review="model", labels=("gpu",)))
    story.to_landing()
    assert started(story.exit()) == [] and story.task().shuns == ("a",)
    assert started(story.wait(story.fleet.settings.session_patience_ms - 1)) == []
    assert started(story.wait(1)) == ["t1.2"]
    assert (story.attempt("t1.2").account, story.attempt("t1.2").judges) == ("a", True)


@pytest.mark.parametrize(
    ("review", "made_with", "judges"),
    [
        ("model", "sonnet", ("sonnet", "opus")),
        ("model:opus", "sonnet", ("opus",)),
        ("model:haiku", "sonnet", ("sonnet", "opus")),
        ("model", "opus", ("opus",)),
    ],
)
def test_a_judge_is_of_the_tier_that_was_named_and_never_below_the_authors(
    review: str, made_with: str, judges: tuple[str, ...]
) -> None:
    story = verified(review, tiers=(made_with,))
    judging = story.task().judging
    assert judging is not None
    assert tuple(t for t in judging.tiers if t in ("haiku", "sonnet", "opus")) == judges
    assert story.attempt("t1.2").tier == judges[0]


def test_a_review_is_priced_and_learned_as_judgement_not_as_the_tasks_own_kind() -> None:
    story = verified(kind="sweeping", size=8.0)
    assert (story.task().work.kind, story.task().work.size) == ("judgement", 1.0)
    before = story.fleet.experience
    story.opened("t1.2")
    story.answer("t1.2")
    story.wait(60_000)
    answers(story)
    learned = {key for key, one in story.fleet.experience.items() if before.get(key) != one}
    assert any("judgement" in key for key in learned) and not any("sweeping" in key for key in learned)


def test_what_is_blocking_goes_back_word_for_word_twice_then_a_person_decides() -> None:
    story = verified()
    session = story.task().judging.author.session_id  # type: ignore[union-attr]
    for round_, (judge, author) in enumerate([("t1.2", "t1.3"), ("t1.4", "t1.5")], start=2):
        story.opened(judge)
        answers(story, WRONG, SMALL, attempt=judge)
        assert started(story.exit(judge)) == [author]
        told = story.attempt(author)
        assert told.session_id == session and told.resumes and not told.judges
        assert "src/clock.py:12: blocking: it is wrong\n  on Sundays" in told.opening[0].text
        assert started(mended(story, author, f"c{round_}")) == [f"t1.{int(author[-1]) + 1}"]
    story.opened("t1.6")
    assert kinds(answers(story, WRONG, attempt="t1.6")) == ["StopWorker"]
    task = story.task()
    assert (task.state, task.returned, task.session_id) == ("review", 2, session)
    assert task.reason == "sonnet found 1 blocking (fleet task show t1)"
    assert task.reason in story.why().summary and story.why().stuck
    assert story.fleet.reviewers["sonnet"] == Reviewer("sonnet", objected=3, confirmed=2)


def test_minor_findings_stand_in_nobodys_way() -> None:
    story = verified()
    story.opened("t1.2")
    answers(story, SMALL)
    assert story.task().state == "landing"


def test_an_author_that_changes_nothing_about_what_is_blocking_leaves_it_to_a_person() -> None:
    """The commit has its verdict: another one would be needed for another."""
    story = verified()
    story.opened("t1.2")
    answers(story, WRONG)
    story.exit("t1.2")
    assert started(mended(story, "t1.3", "c1")) == []
    assert story.task().state == "review"
    story.tell(events.ApproveAsked, task="t1", commit="c1", seen="c1")
    assert story.task().state == "landing"
    assert story.fleet.reviewers["sonnet"] == Reviewer("sonnet", objected=1, overruled=1)


def test_an_answer_that_does_not_fit_is_no_pass_it_is_asked_once_more_then_a_person() -> None:
    story = verified()
    story.opened("t1.2")
    (again,) = answers(story, fits=False)
    assert isinstance(again, TellWorker) and again.text == UNFIT
    story.says("t1.2", events.WordTaken(again.word))
    assert story.task().words == () and story.task().state == "running"
    answers(story, fits=False)
    assert story.task().state == "review" and "did not fit the schema, twice" in story.task().reason
    assert story.fleet.reviewers == {}


def test_a_judge_that_is_asked_again_after_a_pause_is_asked_by_its_next_worker() -> None:
    story = verified()
    story.opened("t1.2")
    story.tell(events.PauseAsked, what="all", pause=Pause("a person", "lunch"))
    assert kinds(answers(story, fits=False)) == ["StopWorker"]
    story.exit("t1.2")
    assert started(story.tell(events.PauseAsked, what="all")) == ["t1.3"]
    assert story.attempt("t1.3").judges and story.attempt("t1.3").resumes
    assert opening_text(story.task(), story.attempt("t1.3"), resumed=True) == UNFIT
    story.opened("t1.3")
    answers(story, attempt="t1.3")
    assert story.task().state == "landing"


def test_a_judge_that_met_a_limit_goes_on_elsewhere_with_its_session_and_the_authors_is_untouched() -> None:
    story = verified()
    judge, author = story.attempt("t1.2"), story.task().judging.author  # type: ignore[union-attr]
    story.opened("t1.2")
    story.answer("t1.2")
    assert started(story.limit("t1.2")) == ["t1.3"]
    moved = story.attempt("t1.3")
    assert moved.session_id == judge.session_id and moved.carry_from == judge.account and moved.judges
    story.opened("t1.3")
    answers(story, WRONG, attempt="t1.3")
    story.exit("t1.3")
    assert story.task().session_id == author.session_id
    assert story.task().session_account == author.session_account


@pytest.mark.parametrize("outcome", ["turns", "budget", "refused", "context"])
def test_where_no_review_can_be_had_the_work_does_not_fail_a_person_looks(outcome: Any) -> None:
    story = verified("model", account("a"))
    judge = "t1.2"
    story.opened(judge)
    while story.task().state == "running":
        story.end_turn(outcome, judge)
        story.exit(judge)
        if story.task().state != "review":
            story.wait(HOUR_MS // 4)
            judge = story.task().attempt or ""
            story.opened(judge)
    assert story.task().state == "review" and "no model could review it" in story.task().reason


def test_judges_that_die_again_and_again_leave_it_to_a_person() -> None:
    story = verified("model", account("a"))
    for number in range(2, 2 + story.fleet.settings.faults_max):
        story.start(f"t1.{number}")
        story.exit(f"t1.{number}", "exited", 1)
        if story.task().state != "review":
            story.tell(events.AccountProved, name="a", ok=True)
            story.wait(HOUR_MS // 2)
    assert story.task().state == "review" and story.task().faults == 0


def test_a_person_who_says_more_ends_the_review_and_the_session_of_the_work_hears_it() -> None:
    story = verified()
    session = story.task().judging.author.session_id  # type: ignore[union-attr]
    story.opened("t1.2")
    assert kinds(story.tell(events.PersonSaid, task="t1", word="w", text="also this")) == ["StopWorker"]
    assert story.task().judging is None and story.task().state == "queued"
    assert started(story.exit("t1.2")) == ["t1.3"]
    told = story.attempt("t1.3")
    assert told.session_id == session and [word.text for word in told.opening] == ["also this"]


def test_a_verdict_that_comes_after_its_review_was_called_off_counts_nothing() -> None:
    story = verified()
    story.opened("t1.2")
    story.tell(events.PersonSaid, task="t1", word="w", text="also this")
    answers(story)
    assert story.task().verdict is None and story.task().state == "queued"


def test_another_prompt_ends_the_review_and_goes_to_the_session_of_the_work() -> None:
    story = verified()
    story.opened("t1.2")
    revised = replace(story.task().spec, prompt="do another thing")
    story.tell(events.TaskRevised, task="t1", fields=("prompt",), spec=revised)
    assert started(story.exit("t1.2")) == ["t1.3"]
    assert "do another thing" in story.attempt("t1.3").opening[0].text


@pytest.mark.parametrize(
    ("review", "state"), [(None, "landing"), ("person", "review"), ("model+person", "queued")]
)
@pytest.mark.parametrize("runs", [True, False])
def test_another_review_than_the_one_under_way_is_what_counts(
    review: str | None, state: str, runs: bool
) -> None:
    story = Story(account("a"))
    story.add(spec(review="model", land="merge"))
    story.to_landing()
    if runs:
        story.exit()
        story.opened("t1.2")
    revised = replace(story.task().spec, review=review)
    story.tell(events.TaskRevised, task="t1", fields=("review",), spec=revised)
    assert story.task().state == state
    story.exit("t1.2" if runs else "t1.1")
    assert story.task().state == {"queued": "running"}.get(state, state)


def test_a_verification_that_is_revised_during_the_review_comes_first() -> None:
    story = verified()
    story.opened("t1.2")
    revised = replace(story.task().spec, verify=("make check",))
    decided = story.tell(events.TaskRevised, task="t1", fields=("verify",), spec=revised)
    assert kinds(decided) == ["StopWorker", "CheckWork"] and story.task().state == "checking"
    story.exit("t1.2")
    decided = story.tell(events.WorkChecked, task="t1", attempt="t1.2", ok=True, commit="c1")
    assert started(decided) == ["t1.3"] and story.attempt("t1.3").judges


def test_a_task_that_is_cancelled_during_its_review_keeps_the_session_of_the_work() -> None:
    story = verified()
    session = story.task().judging.author.session_id  # type: ignore[union-attr]
    story.opened("t1.2")
    story.tell(events.CancelAsked, task="t1")
    story.exit("t1.2")
    assert (story.task().state, story.task().session_id) == ("cancelled", session)


def test_a_branch_that_is_merged_after_all_is_judged_first_and_cancelling_leaves_it_on_its_branch() -> None:
    story = Story(account("a"))
    story.add(spec(land="branch"))
    story.to_landing()
    story.exit()
    revised = replace(story.task().spec, review="model")
    story.fleet = replace(story.fleet, tasks={"t1": replace(story.task(), spec=revised)})
    story.tell(events.WorktreeRemoved, task="t1", preserved=None)
    assert started(story.tell(events.LandAsked, task="t1")) == ["t1.2"] and story.attempt("t1.2").judges
    story.opened("t1.2")
    story.tell(events.CancelAsked, task="t1")
    assert story.task().state == "landed" and story.task().spec.land == "branch"


def test_model_and_person_both_look_and_what_the_model_passed_and_a_person_sends_back_is_counted() -> None:
    story = verified("model+person")
    story.opened("t1.2")
    answers(story)
    assert (story.task().state, story.task().reason) == ("review", "sonnet passes it")
    story.exit("t1.2")
    story.tell(events.SendBackAsked, task="t1", word="w", text="no")
    assert story.fleet.reviewers["sonnet"] == Reviewer("sonnet", passed=1, missed=1)
    assert started(mended(story, "t1.3", "c2")) == ["t1.4"] and story.attempt("t1.4").judges
    story.opened("t1.4")
    answers(story, attempt="t1.4")
    story.tell(events.ApproveAsked, task="t1", commit="c2", seen="c2")
    assert story.task().state == "landing"
    assert story.fleet.reviewers["sonnet"] == Reviewer("sonnet", passed=2, missed=1)


@pytest.mark.parametrize(
    ("ask", "more"), [(events.SendBackAsked, {"word": "w", "text": "no"}), (events.RejectAsked, {})]
)
def test_findings_that_a_person_agrees_with_are_counted_as_confirmed(ask: Any, more: dict[str, str]) -> None:
    story = verified()
    story.opened("t1.2")
    answers(story, WRONG)
    story.exit("t1.2")
    mended(story, "t1.3", "c1")
    story.tell(ask, task="t1", **more)
    assert story.fleet.reviewers["sonnet"] == Reviewer("sonnet", objected=1, confirmed=1)


def test_what_its_session_had_to_change_to_land_is_judged_anew() -> None:
    story = verified()
    story.opened("t1.2")
    answers(story)
    story.exit("t1.2")
    assert started(story.landing("conflict")) == ["t1.3"]
    assert started(mended(story, "t1.3", "c2")) == ["t1.4"] and story.attempt("t1.4").judges


def test_a_branch_that_somebody_moved_after_it_was_judged_goes_to_a_person() -> None:
    story = verified()
    story.opened("t1.2")
    answers(story)
    story.exit("t1.2")
    story.landing("unapproved", detail="its branch has moved")
    assert story.task().state == "review" and story.task().reason == "its branch has moved"


def test_a_judge_whose_host_was_lost_begins_again_on_another_and_the_work_is_kept() -> None:
    story = verified("model", account("a"))
    story.opened("t1.2")
    story.tell(events.WorkerLost, attempt="t1.2", detail="gone")
    assert story.task().state == "queued" and story.task().judging is not None
    assert started(story.wait(HOUR_MS)) == ["t1.3"] and story.attempt("t1.3").judges


def test_what_a_bucket_has_left_and_what_is_kept_of_it_hold_for_reviews_too() -> None:
    story = Story(account("a"))
    story.add(spec(review="model"))
    story.opened()
    full = reading("five_hour", 1.0)
    story.tell(events.AccountRead, name="a", readings=(full,), seen_ms=story.now_ms)
    story.finish()
    story.check()
    assert started(story.exit()) == [] and story.task().state == "queued"
    assert started(story.wait(HOUR_MS + 1)) == ["t1.2"]
