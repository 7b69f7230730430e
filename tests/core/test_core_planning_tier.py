"""Tasks that are planned with one tier and carried out with another."""

from __future__ import annotations

from fleet.core.decisions import TellWorker
from fleet.core.events import WindowsRead
from tests.core.story import HOUR_MS, START_MS, Story, account, reading, refusal, spec, started

PLANNED = spec(tiers=("sonnet",), plan_tier="opus")
OPUS_WEEK = refusal("seven_day_opus", START_MS + 9 * HOUR_MS, scope="opus")


def test_the_plan_is_made_with_one_model_and_the_same_session_carries_it_out_with_the_other() -> None:
    story = Story(account("a"))
    story.add(PLANNED)
    assert (story.attempt("t1.1").model, story.attempt("t1.1").tier) == ("o", "sonnet")
    story.opened()
    (told,) = story.finish()
    assert isinstance(told, TellWorker) and told.model == "s"
    assert story.task().planned and story.attempt("t1.1").model == "s"


def test_a_limit_of_the_planning_tier_closes_only_that_tier_and_the_task_is_planned_elsewhere() -> None:
    story = Story(account("a"), account("b"))
    story.add(PLANNED)
    story.opened()
    story.limit(refused=OPUS_WEEK)
    assert story.attempt("t1.2").account == "b" and story.attempt("t1.2").plans
    assert started(story.add(spec(title="without a plan"))) == ["t2.1"]
    assert story.attempt("t2.1").account == "a"
    assert [b.name for b in story.fleet.buckets.values() if b.refused_until_ms] == ["seven_day_opus"]


def test_what_cannot_be_planned_anywhere_waits_for_the_planning_tiers_reset_and_says_so() -> None:
    story = Story(account("a"))
    story.add(PLANNED)
    story.opened()
    assert started(story.limit(refused=OPUS_WEEK)) == []
    assert story.why().expects_ms == START_MS + 9 * HOUR_MS
    assert "for its plan" in story.why().refusals[0].why
    assert started(story.wait(9 * HOUR_MS)) == ["t1.2"]


def test_a_plan_that_is_made_asks_nothing_more_of_its_tier() -> None:
    story = Story(account("a"), account("b", tiers=(("sonnet", "s"),)))
    story.add(PLANNED)
    story.opened()
    story.finish()
    story.limit()
    moved = story.attempt("t1.2")
    assert (moved.account, moved.model, moved.plans) == ("b", "s", False)
    assert story.task().lane == story.task().lane.replace("opus", "")


def test_what_planning_takes_is_counted_for_the_planning_tier() -> None:
    story = Story(account("a"))
    story.add(PLANNED)
    story.opened()
    story.says("t1.1", WindowsRead((reading(used=0.1),), story.now_ms))
    story.answer("t1.1", "m1")
    rates = [r for r in story.fleet.rates.values() if r.pending > 0 and r.pool == "a"]
    assert {r.tier for r in rates} == {"opus"}
