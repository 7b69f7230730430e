"""The model behind a tier changes: what was learned of the one before counts half, once."""

from __future__ import annotations

from dataclasses import replace

import pytest

from fleet.core import events
from fleet.core.capacity import rates
from fleet.core.capacity.experience import SEPARATOR
from fleet.core.model import Account, Pause, bucket_key
from fleet.core.model.learned import Experience, Rate
from fleet.core.model.tokens import Tokens
from tests.core.story import Story, account, reading, spec

OTHER_TIER = f"project{SEPARATOR}execution{SEPARATOR}opus"
OF_TIER = ("sonnet", f"execution{SEPARATOR}sonnet", f"project{SEPARATOR}execution{SEPARATOR}sonnet")


def learned(*accounts: Account) -> Story:
    """Of sonnet and of opus as much, on each account."""
    story = Story(*accounts)
    known = {
        key: Experience(key, 8.0, 12.0, 4.0, 13.0, 2.0, won=6.0, lost=2.0) for key in (*OF_TIER, OTHER_TIER)
    }
    pools = ("", *(one.pool for one in accounts))
    shares = {
        rates.rate_key(pool, "five_hour", tier): Rate(
            pool, "five_hour", tier, share=0.4, work=4e6, pending=7.0
        )
        for pool in pools
        for tier in ("sonnet", "opus")
    }
    story.fleet = replace(story.fleet, experience=known, rates=shares)
    return story


def begin(story: Story, model: str, name: str) -> None:
    """A task more on the account, whose client says that it works with the model."""
    story.add(spec())
    task = f"t{len(story.fleet.tasks)}"
    (attempt,) = (a.id for a in story.fleet.attempts.values() if a.task == task)
    assert story.attempt(attempt).account == name
    story.opened(attempt)
    story.says(attempt, events.Began("2.1", model))
    story.end_turn("cut", attempt)
    story.tell(events.CancelAsked, task=task)
    if attempt in story.fleet.attempts:
        story.exit(attempt)


def counts(story: Story) -> dict[str, float]:
    return {key: one.count for key, one in story.fleet.experience.items()}


def share(story: Story, pool: str, tier: str = "sonnet") -> float:
    return story.fleet.rates[rates.rate_key(pool, "five_hour", tier)].share


def test_what_was_learned_of_a_tier_counts_half_when_another_model_answers_for_it_and_the_log_says_so() -> (
    None
):
    story = learned(account("a"))
    begin(story, "claude-sonnet-5", "a")
    begin(story, "claude-sonnet-5", "a")
    assert set(counts(story).values()) == {8.0}
    begin(story, "claude-sonnet-6", "a")
    assert counts(story) == {**dict.fromkeys(OF_TIER, 4.0), OTHER_TIER: 8.0}
    half = story.fleet.experience["sonnet"]
    assert (half.log_work, half.log_work_m2, half.won, half.lost) == (12.0, 2.0, 3.0, 1.0)
    assert (share(story, "a"), share(story, ""), share(story, "a", "opus")) == (0.2, 0.2, 0.4)
    assert story.fleet.rates[rates.rate_key("a", "five_hour", "sonnet")].pending == 7.0
    told = "sonnet is claude-sonnet-6 now, no longer claude-sonnet-5: what was learned of it counts half"
    assert [line for line in story.news() if "counts half" in line] == [told]
    begin(story, "claude-sonnet-6", "a")
    assert counts(story)["sonnet"] == 4.0


def test_what_accounts_share_is_halved_with_the_first_of_them_only() -> None:
    story = learned(account("a"), account("b"))
    for model in ("old", "new"):
        for name, other in (("a", "b"), ("b", "a")):
            story.tell(events.PauseAsked, what="account", names=(other,), pause=Pause("a person", ""))
            begin(story, model, name)
            story.tell(events.PauseAsked, what="account", names=(other,))
    assert counts(story)["sonnet"] == 4.0
    assert (share(story, "a"), share(story, "b"), share(story, "")) == (0.2, 0.2, 0.2)


def test_an_alias_that_changes_between_models_by_itself_is_no_news() -> None:
    story = learned(account("a", tiers=(("sonnet", "opusplan"),)))
    for model in ("one", "two", "one"):
        begin(story, model, "a")
    assert counts(story)["sonnet"] == 8.0


@pytest.mark.parametrize("kind", ["local", "api-key"])
def test_what_a_local_server_answers_costs_nothing_whatever_its_client_says(kind: str) -> None:
    story = Story(account("a", kind=kind, spend="free"))
    story.add(spec(max_budget_usd=5.0))
    story.opened()
    story.says("t1.1", events.Used(Tokens(10, 20), 2.5))
    assert story.attempt("t1.1").cost_usd == (None if kind == "local" else 2.5)
    assert story.task().budget_left_usd == 5.0
    story.end_turn("cut")
    story.exit()
    assert story.task().budget_left_usd == (5.0 if kind == "local" else 2.5)


def test_what_a_full_five_hours_is_of_the_week_is_learned_from_work_and_unknown_before() -> None:
    story = Story(account("a"))
    assert rates.five_hours_of_week(story.fleet, story.fleet.accounts["a"]) is None
    story.add()
    story.opened()
    for n in range(40):
        used = (reading(used=0.02 * n), reading("seven_day", 0.003 * n))
        story.says("t1.1", events.WindowsRead(used, story.now_ms + n))
        story.says("t1.1", events.Answered(f"m{n}", Tokens(0, 40_000)))
    found = rates.five_hours_of_week(story.fleet, story.fleet.accounts["a"])
    assert found is not None and bucket_key("a", "seven_day") in story.fleet.buckets
    assert found.share == pytest.approx(0.15, abs=0.03) and 0.03 < found.learned_from < 0.13
