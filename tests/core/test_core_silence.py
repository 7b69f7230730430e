"""Accounts that answer nobody, and why no session flaps between accounts because of them."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fleet.core import events
from fleet.core.capacity.questions import to_ask
from fleet.core.events import WindowsRead
from fleet.core.idle import is_idle
from fleet.core.model import Settings
from fleet.core.model.tokens import Tokens
from tests.core.story import HOUR_MS, Story, account, reading, refusal, spec, started

SETTINGS = Settings()
DAY_MS = 24 * HOUR_MS


def end(story: Story, attempt: str, outcome: events.Outcome = "error") -> list[str]:
    """The worker is started and ends without an answer; gives what is started then."""
    story.opened(attempt)
    story.end_turn(outcome, attempt, f"simulated {outcome}")
    return started(story.exit(attempt))


def after_pause(story: Story, task: str = "t1") -> list[str]:
    return started(story.wait(max(story.task(task).not_before_ms - story.now_ms, 0)))


def wait_for_busy(story: Story, name: str) -> list[str]:
    return started(story.wait(max(story.fleet.accounts[name].busy_until_ms - story.now_ms, 0)))


def proved(story: Story, name: str, ok: bool, **but: object) -> list[str]:
    return started(story.tell(events.AccountProved, name=name, ok=ok, **but))


def state(story: Story, name: str) -> str:
    return story.fleet.accounts[name].state


def asked(story: Story) -> list[str]:
    return [a.name for a in to_ask(story.fleet)]


@pytest.mark.parametrize("outcome", ["error", "busy"])
def test_two_ends_without_an_answer_move_the_session_and_one_does_not(outcome: events.Outcome) -> None:
    story = Story(account("a"), account("b"))
    story.add()
    end(story, "t1.1", outcome)
    assert state(story, "a") == "ready"
    after_pause(story) or wait_for_busy(story, "a")
    assert story.attempt("t1.2").account == "a"
    end(story, "t1.2", outcome)
    after_pause(story)
    assert state(story, "a") == "silent"
    assert (story.attempt("t1.3").account, story.attempt("t1.3").carry_from) == ("b", "a")


def test_an_account_that_says_it_is_unpaid_is_left_at_once_and_a_person_has_to_see_to_it() -> None:
    """Its work is not given to it again, and nobody waits for it when there is no other."""
    story = Story(account("a"))
    story.add()
    assert end(story, "t1.1", "unpaid") == []
    why = story.why()
    assert why.stuck and why.advice is not None and "fleet account verify a" in why.advice
    assert story.task().faults == 0 and is_idle(story.fleet)
    story.tell(events.AccountVerified, name="a", ok=True, answered=True)
    assert story.attempt("t1.2").account == "a"


@pytest.mark.parametrize(("outcome", "ends"), [("unpaid", 1), ("error", 2)])
def test_an_account_is_closed_by_what_its_worker_was_told_and_not_first_when_that_has_gone(
    outcome: events.Outcome, ends: int
) -> None:
    """Until it has gone no other worker is placed there; and its end counts nothing twice."""
    story = Story(account("a"))
    story.add(spec(), *[spec()] * ends)
    story.opened("t1.1")
    for n in range(3):
        story.answer("t1.1", f"m{n}")
    for n in range(2, 2 + ends):
        story.opened(f"t{n}.1")
        story.end_turn(outcome, f"t{n}.1", "no")
    assert state(story, "a") == "silent" and story.attempt(f"t{1 + ends}.1").state == "stopping"
    assert started(story.add()) == []
    silences = story.fleet.accounts["a"].silences
    assert started(story.exit(f"t{1 + ends}.1")) == []
    assert story.fleet.accounts["a"].silences == silences == 1
    story.answer("t1.1", "m9")
    assert state(story, "a") == "ready" and story.fleet.accounts["a"].unanswered == 0


def test_an_answer_between_two_ends_shows_that_the_account_answers() -> None:
    story = Story(account("a"))
    story.add(spec(), spec())
    story.opened("t1.1")
    story.answer("t1.1", "m1")
    for n in (1, 2):
        end(story, f"t2.{n}")
        assert story.fleet.accounts["a"].unanswered == 1
        story.answer("t1.1", f"m{n + 1}")
        after_pause(story, "t2")
    assert story.fleet.accounts["a"].state == "ready"


def test_a_silent_account_is_asked_ever_more_seldom_and_gets_work_when_it_has_answered() -> None:
    story = Story(account("a"))
    story.add()
    end(story, "t1.1")
    after_pause(story)
    assert end(story, "t1.2") == [] and after_pause(story) == []
    pauses = []
    for _ in range(4):
        pauses.append(story.fleet.accounts["a"].asked_next_ms - story.now_ms)
        story.wait(pauses[-1] - 1)
        assert asked(story) == []
        story.wait(1)
        assert asked(story) == ["a"]
        assert proved(story, "a", False, detail="529", passing=True) == []
    assert all(b == 2 * a for a, b in pairwise(pauses[1:]))
    assert not story.why().stuck, "a server that is overloaded comes back by itself"
    assert proved(story, "a", True) == ["t1.3"]
    assert story.fleet.accounts["a"].state == "ready" and story.fleet.accounts["a"].allowance == 1


def test_what_sessions_met_on_an_account_that_stayed_silent_is_not_held_against_them() -> None:
    """It was the account: the session goes on with it as it is. Where it answers the first question, it was not."""
    for asked_in_vain, same in ((True, True), (False, False)):
        story = Story(account("a"))
        story.add()
        end(story, "t1.1")
        after_pause(story)
        end(story, "t1.2")
        session = story.task().session_id
        if asked_in_vain:
            proved(story, "a", False, detail="400")
        story.wait(HOUR_MS)
        assert (proved(story, "a", True) or after_pause(story)) == ["t1.3"]
        assert story.attempt("t1.3").resumes is same
        assert (story.attempt("t1.3").session_id == session) is same


def test_after_three_questions_in_vain_a_person_is_asked_to_look() -> None:
    story = Story(account("a"))
    story.add()
    end(story, "t1.1")
    after_pause(story)
    end(story, "t1.2")
    story.wait(HOUR_MS)
    for n in range(3):
        assert not is_idle(story.fleet), n
        proved(story, "a", False, detail="400 disabled")
    assert is_idle(story.fleet)
    assert "gives no answer (400 disabled)" in story.why().refusals[0].why


def test_a_broken_way_speaks_against_an_account_only_where_others_are_reached_another_way() -> None:
    """Else the network is down, and moving would only lose a warm cache."""
    for elsewhere, left in ((None, False), ("http://127.0.0.1:1", True)):
        story = Story(
            account("a", base_url="http://127.0.0.1:2"),
            account("b", base_url=elsewhere or "http://127.0.0.1:2"),
        )
        story.add()
        for n in (1, 2):
            end(story, f"t1.{n}", "cut")
            after_pause(story)
        assert (story.attempt("t1.3").account == "b") is left


def test_an_account_whose_window_reads_as_full_but_allows_is_asked_within_minutes_once_work_waits() -> None:
    story = Story(account("a"))
    story.add()
    story.opened()
    full = reading(used=1.0)
    story.says("t1.1", WindowsRead((full,), story.now_ms))
    story.end_turn("finished")
    story.check()
    story.exit()
    story.wait(SETTINGS.ask_full_ms)
    assert asked(story) == []
    story.add()
    assert story.task("t2").state == "queued" and asked(story) == ["a"]
    assert proved(story, "a", True, readings=(full,)) == ["t2.1"]
    assert asked(story) == []


def test_a_question_that_is_refused_closes_the_window_and_is_not_asked_again() -> None:
    story = Story(account("a"))
    story.add()
    story.opened()
    story.says("t1.1", WindowsRead((reading(used=1.0),), story.now_ms))
    story.end_turn("error")
    story.exit()
    story.wait(SETTINGS.ask_full_ms)
    assert asked(story) == ["a"]
    assert proved(story, "a", True, readings=(refusal(),)) == []
    story.wait(HOUR_MS // 2)
    assert asked(story) == [] and "was refused" in story.why().refusals[0].why


# --- no session flaps ------------------------------------------------------------------------------------


@dataclass
class Books:
    """What an onlooker counts: departures of the session from each account, and reasons that each gave for one."""

    departures: Counter[str] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)
    row: Counter[str] = field(default_factory=Counter)
    questions: Counter[str] = field(default_factory=Counter)


ENDS: tuple[events.Outcome, ...] = ("error", "busy", "unpaid", "credits", "unfit", "limited")


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.sampled_from([*ENDS, None]),
            st.sampled_from([0, 1_000, 60_000, HOUR_MS, 6 * HOUR_MS]),
            st.lists(st.tuples(st.sampled_from("abc"), st.booleans()), max_size=3),
        ),
        min_size=5,
        max_size=40,
    )
)
def test_a_session_leaves_an_account_no_more_often_than_that_gave_it_a_reason(
    story_of: list[tuple[events.Outcome | None, int, list[tuple[str, bool]]]],
) -> None:
    """A reason is: two ends in a row without an answer there, that it is unpaid, that it refused the session, a limit.
    And an account that had fallen silent is returned to only after it has answered a question."""
    story, books = Story(*(account(name) for name in "abc")), Books()
    story.add()
    at: str | None = None
    for outcome, pause_ms, replies in story_of:
        attempt = story.task().attempt
        if story.task().state == "running" and attempt is not None:
            where, session = story.attempt(attempt).account, story.attempt(attempt).carry_from
            books.departures[session or ""] += session is not None
            assert where not in books.questions or not books.questions[where], "it has answered nothing since"
            at = where
            story.opened(attempt)
            if outcome is None:
                story.says(attempt, events.Answered(f"{attempt}-1", Tokens(1, 1)))
                books.row[where] = books.questions[where] = 0
                story.exit(attempt, "exited", 1)
            else:
                _ends(story, books, attempt, outcome)
        for name, ok in replies:
            if name in asked(story):
                proved(story, name, ok, detail="no")
                books.row[name] *= not ok
                books.questions[name] *= not ok
        story.wait(pause_ms)
        assert all(books.departures[name] <= books.reasons[name] for name in "abc"), (at, books)
        if story.task().state == "failed":
            story.tell(events.RetryAsked, task="t1")


def _ends(story: Story, books: Books, attempt: str, outcome: events.Outcome) -> None:
    where = story.attempt(attempt).account
    if outcome == "limited":
        books.reasons[where] += 1
        story.limit(attempt, refusal(resets_ms=story.now_ms + HOUR_MS))
        return
    story.end_turn(outcome, attempt, "no")
    if outcome in ("error", "busy"):
        books.row[where] += 1
    silent = outcome == "unpaid" or books.row[where] >= SETTINGS.unanswered_max
    books.questions[where] += silent
    books.reasons[where] += silent or outcome in ("credits", "unfit")
    story.exit(attempt)
