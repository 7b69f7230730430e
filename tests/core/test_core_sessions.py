"""Sessions that an account does not take, and what a new one is told."""

from __future__ import annotations

import pytest

from fleet.core import events
from fleet.core.decisions import TellWorker
from fleet.core.handoff import DIFF_CHARS_MAX, WorkSoFar, handoff
from fleet.core.model import Settings
from fleet.core.wording import opening_text
from tests.core.story import HOUR_MS, Story, account, refusal, started

SETTINGS = Settings()


def moved(reset_ms: int, *names: str) -> Story:
    """A session that `a` has answered, and that has moved to `b`, as `a` refuses for so long."""
    story = Story(*(account(name) for name in ("a", "b", *names)))
    story.add()
    story.opened()
    story.answer()
    story.limit(refused=refusal(resets_ms=story.now_ms + reset_ms))
    assert story.attempt("t1.2").account == "b"
    return story


def ended(story: Story, attempt: str, outcome: events.Outcome) -> list[str]:
    """The worker ends so; gives what is started then, once its pause is over."""
    story.opened(attempt)
    story.end_turn(outcome, attempt, f"simulated {outcome}")
    return started(story.exit(attempt)) or after_pause(story)


def after_pause(story: Story) -> list[str]:
    return started(story.wait(max(story.task().not_before_ms - story.now_ms, 0)))


def test_a_session_that_is_refused_goes_back_to_the_account_that_answered_it_and_stays() -> None:
    """Also past a third account that is open: it would refuse it, too."""
    story = moved(HOUR_MS // 4, "c")
    assert ended(story, "t1.2", "unfit") == []
    assert {r.account: r.why for r in story.why().refusals} == {
        "a": "five_hour was refused",
        "b": "did not take its session",
        "c": "its session is taken by a only",
    }
    assert started(story.wait(HOUR_MS // 4)) == ["t1.3"]
    back = story.attempt("t1.3")
    assert (back.account, back.resumes, back.carry_from) == ("a", True, None)


def test_a_refused_session_whose_account_is_closed_for_hours_is_replaced_by_a_new_one() -> None:
    story = moved(4 * HOUR_MS)
    old = story.task().session_id
    assert ended(story, "t1.2", "unfit") == ["t1.3"]
    fresh = story.attempt("t1.3")
    assert (fresh.account, fresh.resumes) == ("b", False) and fresh.session_id != old
    assert "a new session goes on with its work so far" in story.notes()


def test_without_credits_for_a_long_context_another_account_takes_the_session_else_a_new_one_goes_on() -> (
    None
):
    for names, account_then, resumes in ((("a", "b"), "b", True), (("a",), "a", False)):
        story = Story(*(account(name) for name in names))
        story.add()
        assert ended(story, "t1.1", "credits") == ["t1.2"]
        then = story.attempt("t1.2")
        assert (then.account, then.resumes) == (account_then, resumes)


@pytest.mark.parametrize(("outcome", "again"), [("unfit", 1), ("context", 0)])
def test_what_no_account_takes_is_tried_anew_once_and_then_a_person_has_to_look(
    outcome: events.Outcome, again: int
) -> None:
    """`again`: an image that cannot be read is taken out by the client, so the same session may go on. Never more."""
    story = Story(account("a"))
    story.add()
    story.opened()
    story.answer()
    story.end_turn(outcome, detail="no")
    story.exit()
    sessions = [story.task().session_id]
    while after_pause(story):
        attempt = story.task().attempt or ""
        sessions.append(story.attempt(attempt).session_id)
        ended_before = story.task().attempts
        story.opened(attempt)
        story.end_turn(outcome, attempt, "no")
        story.exit(attempt)
        assert ended_before <= 4
    assert story.task().state == "failed" and story.task().attempts == 2 + again
    story.tell(events.RetryAsked, task="t1")
    assert not story.attempt(f"t1.{3 + again}").resumes, (
        "what was too much for any account is not tried again"
    )


def test_a_person_can_have_a_new_session_go_on_with_the_work() -> None:
    story = Story(account("a"))
    story.add()
    story.opened()
    story.answer()
    story.end_turn("refused")
    story.exit()
    old = story.task().session_id
    assert started(story.tell(events.RetryAsked, task="t1", fresh=True)) == ["t1.2"]
    fresh = story.attempt("t1.2")
    assert not fresh.resumes and fresh.session_id != old
    text = opening_text(story.task(), fresh, resumed=False)
    assert "which cannot go on" in text and story.task().spec.prompt in text


def test_why_names_a_warm_cache_only_where_the_session_was_answered() -> None:
    story = Story(account("a"), account("b"))
    story.add()
    story.opened()
    for answered, there in ((False, "where it began"), (True, "where its cache is warm")):
        if answered:
            story.answer()
        (against,) = [r for r in story.why().refusals if r.account == "b"]
        assert against.why == f"its session stays on a, {there}"


def test_words_that_a_refused_session_had_not_heard_are_told_to_the_new_one() -> None:
    story = moved(4 * HOUR_MS)
    story.start("t1.2")
    told = story.tell(events.PersonSaid, task="t1", word="w1", text="Mind the gap.")
    assert isinstance(told[0], TellWorker)
    story.end_turn("unfit", "t1.2", "no")
    story.exit("t1.2")
    after_pause(story)
    text = opening_text(story.task(), story.attempt("t1.3"), resumed=False)
    assert text.endswith("Mind the gap.")


def test_a_handoff_says_what_is_known_and_keeps_of_what_is_long_the_newest() -> None:
    said = tuple(f"Step {n}: {'x' * 400}" for n in range(100))
    work = WorkSoFar(
        "no room", ("Use tabs.",), said, "+" * (2 * DIFF_CHARS_MAX), "1 failed: test_a\n~~~\nend"
    )
    text = handoff("Do it.", work)
    assert text.index("no room") < text.index("Do it.") < text.index("Use tabs.") < text.index("Step 99:")
    assert "Step 0:" not in text and f"{DIFF_CHARS_MAX} characters more" in text
    assert "\n~~~~\n1 failed: test_a\n~~~\nend\n~~~~" in text, "what is quoted cannot end its own quotation"
    assert len(text) < 40_000
    bare = handoff("Do it.", WorkSoFar())
    assert "later" not in bare and "verification" not in bare
