"""A keyring that cannot be reached says nothing of the accounts whose credentials are in it."""

from __future__ import annotations

from fleet.core import events
from fleet.core.idle import is_idle
from fleet.core.model import Settings
from fleet.core.rules.keyring import GONE
from tests.core.story import Story, account, spec, started

AWAY = "no usable keyring: the keyring is locked"


def without_keyring() -> Story:
    """Two accounts with tokens, and one whose client keeps the login; a start has failed for want of the keyring."""
    story = Story(
        account("a"), account("b"), account("own", secret=False, login=True, tiers=(("haiku", "h"),))
    )
    story.add(spec(tiers=("opus",)))
    story.tell(events.StartFailed, attempt="t1.1", fault="keyring", detail=AWAY)
    return story


def states(story: Story) -> dict[str, tuple[str, str]]:
    return {name: (one.state, one.unreached) for name, one in story.fleet.accounts.items()}


def test_without_the_keyring_all_accounts_with_a_token_wait_and_no_other_and_nothing_is_counted() -> None:
    story = without_keyring()
    assert states(story) == {"a": ("ready", AWAY), "b": ("ready", AWAY), "own": ("ready", "")}
    task = story.task()
    assert (task.state, task.faults, task.host_faults, task.not_before_ms) == ("queued", 0, 0, 0)
    assert [told for told in story.news() if AWAY in told] == [
        f"accounts a, b wait until the keyring can be reached, then by itself on again: {AWAY}"
    ]


def test_work_waits_with_the_reason_or_goes_where_no_keyring_is_needed() -> None:
    story = without_keyring()
    why = story.why()
    assert f"waits for the credential of a, and goes on by itself: {AWAY}" == why.summary
    assert AWAY in why.refusals[0].why and not why.stuck
    assert started(story.add(spec(tiers=("haiku",)))) == ["t2.1"]
    assert story.attempt("t2.1").account == "own"


def test_accounts_come_back_by_themselves_when_the_keyring_can_be_reached() -> None:
    story = without_keyring()
    assert started(story.tell(events.CredentialsRead, found=("a", "b"))) == ["t1.2"]
    assert states(story)["a"] == states(story)["b"] == ("ready", "")


def test_an_account_whose_token_really_is_gone_is_quarantined_and_told_how_it_gets_another() -> None:
    story = without_keyring()
    assert started(story.tell(events.CredentialsRead, found=("b",), missing=("a",))) == ["t1.2"]
    assert states(story)["a"] == ("quarantined", "") and story.fleet.accounts["a"].reason == GONE
    assert story.attempt("t1.2").account == "b" and "fleet account token a" in story.notes()


def test_the_reason_that_is_told_is_the_one_of_now() -> None:
    story = without_keyring()
    story.tell(events.CredentialsRead, found=("b",), unreached=(("a", "none is running"),))
    assert states(story)["a"] == ("ready", "none is running") and states(story)["b"] == ("ready", "")
    assert story.fleet.accounts["own"].unreached == ""


def test_a_keyring_that_answers_late_says_nothing_of_accounts_that_do_not_wait_for_it() -> None:
    story = Story(account("a"))
    story.tell(events.CredentialsRead, missing=("a",))
    assert states(story) == {"a": ("ready", "")}


def test_who_waits_for_the_end_waits_for_a_keyring_that_is_away_for_a_moment_but_not_for_ever() -> None:
    story = without_keyring()
    assert not is_idle(story.fleet)
    story.wait(Settings().keyring_patience_ms)
    assert is_idle(story.fleet)
    assert story.why().stuck and "fleet doctor" in story.why().advice
    assert started(story.tell(events.CredentialsRead, found=("a", "b"))) == ["t1.2"]
