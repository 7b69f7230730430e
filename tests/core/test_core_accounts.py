"""What persons change of accounts, while work goes on."""

from __future__ import annotations

from dataclasses import replace

import pytest

from fleet.core import events
from fleet.core.idle import is_idle
from fleet.core.model import Pause
from fleet.core.model.account import DAY_MS, TOKEN_LIFE_MS
from fleet.core.step import Refused
from tests.core.story import HOUR_MS, START_MS, Story, account, spec, started


def pause(story: Story, name: str = "a", *, on: bool = True) -> list[str]:
    asked = Pause("a person", "") if on else None
    return started(story.tell(events.PauseAsked, what="account", names=(name,), pause=asked))


def test_a_paused_account_gets_no_new_work_and_what_runs_there_ends_with_its_turn() -> None:
    story = Story(account("a"))
    story.add(spec(), spec())
    story.opened()
    pause(story)
    story.answer()
    assert list(story.fleet.attempts) == ["t1.1"] and story.attempt("t1.1").state == "running"
    assert story.why("t2").refusals[0].why == "paused by you"
    assert "; its worker ends with this turn: account a is paused by you" in story.why("t1").summary
    story.finish()
    story.check()
    assert story.task("t1").state == "landed"
    story.exit()
    assert pause(story, on=False) == ["t2.1"]


def test_a_session_that_has_to_be_begun_again_moves_off_a_paused_account() -> None:
    story = Story(account("a"), account("b"))
    story.add()
    story.opened()
    pause(story)
    story.end_turn("cut")
    story.exit()
    story.wait(HOUR_MS)
    assert (story.attempt("t1.2").account, story.attempt("t1.2").carry_from) == ("b", "a")


def test_with_all_accounts_paused_work_waits_for_the_person() -> None:
    story = Story(account("a"))
    pause(story)
    story.add()
    assert story.why().stuck and story.why().advice == "fleet account resume a" and is_idle(story.fleet)
    before = len(story.decided)
    assert pause(story) == [] and len(story.decided) == before, "twice is no news"


@pytest.mark.parametrize("deadline", [False, True])
def test_nothing_is_billed_because_a_subscription_is_paused_unless_a_deadline_needs_it(
    deadline: bool,
) -> None:
    story = Story(account("plan"), account("key", kind="api-key"))
    pause(story, "plan")
    story.add(spec(deadline_ms=START_MS + 48 * HOUR_MS if deadline else None))
    assert started(story.wait(HOUR_MS)) == []
    against = {r.account: r.why for r in story.why().refusals}
    assert "is billed, and plan with sonnet" in against["key"] and is_idle(story.fleet) is not deadline
    assert started(story.wait(46 * HOUR_MS + HOUR_MS // 2)) == (["t1.1"] if deadline else [])


def test_settings_are_changed_one_by_one_and_hold_for_the_next_placement() -> None:
    story = Story(account("a", tiers=(("haiku", "h"),), base_url="http://old"))
    story.add(spec(tiers=("opus",)))
    assert started(story.tell(events.AccountSet, name="a", tiers=(("opus", "o5"),))) == ["t1.1"]
    assert story.attempt("t1.1").model == "o5"
    story.tell(events.AccountSet, name="a", base_url="", concurrency=2, spend="never")
    now = story.fleet.accounts["a"]
    assert (now.base_url, now.concurrency, now.spend, now.tiers) == (None, 2, "never", (("opus", "o5"),))
    with pytest.raises(Refused, match="there is no account b"):
        story.tell(events.AccountSet, name="b", concurrency=1)


def test_names_that_differ_only_by_case_are_refused() -> None:
    story = Story(account("Work"))
    with pytest.raises(Refused, match="there is an account Work: names that differ only by case"):
        story.tell(events.AccountAdded, account=account("work"))
    story.tell(events.AccountRemoved, name="Work")
    story.tell(events.AccountAdded, account=account("work"))


def test_a_worker_with_the_old_token_says_nothing_of_the_new_one() -> None:
    story = Story(account("a"))
    story.add()
    story.opened()
    story.now_ms += 1
    story.tell(events.AccountVerified, name="a", ok=True, renewed=True)
    story.end_turn("login", detail="401")
    states = [story.fleet.accounts["a"].state]
    assert started(story.exit()) == ["t1.2"]
    story.opened("t1.2")
    story.end_turn("login", "t1.2", detail="401")
    assert [*states, story.fleet.accounts["a"].state] == ["ready", "quarantined"]


def told_of_token(story: Story) -> list[str]:
    return [told for told in story.news() if "its token ends" in told]


def test_the_end_of_a_token_is_told_ahead_a_few_times_and_not_after_it_was_renewed() -> None:
    story = Story(account("a"), replace(account("own"), login=True, secret=False))
    story.wait(TOKEN_LIFE_MS - 31 * DAY_MS)
    assert told_of_token(story) == []
    for _ in range(40 * 4):
        story.wait(DAY_MS // 4)
    days = [told.split(" in ")[1].split(" days")[0] for told in told_of_token(story)[:-1]]
    assert days == ["30", "14", "7", "3", "1"]
    assert "ended already" in told_of_token(story)[-1] and "fleet account token a" in told_of_token(story)[0]
    story.tell(events.AccountVerified, name="a", ok=True, renewed=True)
    before = len(told_of_token(story))
    story.wait(TOKEN_LIFE_MS - 31 * DAY_MS)
    assert len(told_of_token(story)) == before
    story.wait(DAY_MS)
    assert len(told_of_token(story)) == before + 1
