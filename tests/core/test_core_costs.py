"""What tasks are expected to take, learned from those that have ended."""

from __future__ import annotations

from dataclasses import replace
from math import exp, log, sqrt
from random import Random
from statistics import fmean

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleet.core import events
from fleet.core.capacity import costs, experience, lognormal, rates, running
from fleet.core.events import WindowsRead
from fleet.core.model import Fleet, Task, TaskSpec
from fleet.core.model.learned import Experience
from fleet.core.model.policy import STRATEGIES, Policy
from fleet.core.model.tokens import Tokens
from tests.core.story import HOUR_MS, START_MS, Story, account, reading, spec

MINUTE_MS = 60_000


def told(fleet: Fleet, what: TaskSpec, tier: str, amounts: list[tuple[float, bool]]) -> Fleet:
    """The fleet after tasks of that class have taken these work units, in 10 minutes each, and were verified or not."""
    learned = dict(fleet.experience)
    for work, won in amounts:
        for key in experience.keys(what, tier):
            before = learned.get(key, Experience(key))
            learned[key] = experience.with_task(
                before, log_work=log(work / what.size), log_ms=log(10 * MINUTE_MS / what.size), won=won
            )
    return replace(fleet, experience=learned)


def begun(work: float, ms: int = 0, **but: object) -> Task:
    task = Task("t1", 1, spec(), START_MS, "queued", tier_work=work, tier_ms=ms)
    return replace(task, **but)  # type: ignore[arg-type]


DAY_MS = 24 * HOUR_MS


def test_before_anything_is_learned_a_task_takes_what_a_typical_one_is_taken_to_need() -> None:
    one = costs.expected(Fleet(), spec(), "sonnet")
    assert (one.work, one.ms, one.chance) == pytest.approx((200_000, 20 * MINUTE_MS, 0.95))


def test_a_task_twice_as_large_is_expected_to_take_twice_as_much() -> None:
    one, two = costs.expected(Fleet(), spec(), "opus"), costs.expected(Fleet(), spec(size=2.0), "opus")
    assert (two.work, two.high, two.ms) == pytest.approx((2 * one.work, 2 * one.high, 2 * one.ms))


def test_expectations_come_to_what_the_class_has_really_taken() -> None:
    random = Random(1)
    amounts = [random.lognormvariate(log(50_000), 0.5) for _ in range(150)]
    fleet = told(Fleet(), spec(), "sonnet", [(work, True) for work in amounts])
    one = costs.expected(fleet, spec(), "sonnet")
    assert one.work == pytest.approx(fmean(amounts), rel=0.1)
    assert one.high == pytest.approx(sorted(amounts)[int(150 * fleet.policy.strategy.quantile)], rel=0.2)
    assert one.ms == pytest.approx(10 * MINUTE_MS, rel=0.1)


def test_a_class_of_which_little_is_known_is_taken_to_be_like_its_parent() -> None:
    many = told(Fleet(), spec(project="old"), "sonnet", [(20_000.0, True)] * 50)
    new = costs.expected(many, spec(project="new"), "sonnet").work
    assert new == pytest.approx(costs.expected(many, spec(project="old"), "sonnet").work, rel=0.1)
    one_more = told(many, spec(project="new"), "sonnet", [(2_000_000.0, True)])
    assert new < costs.expected(one_more, spec(project="new"), "sonnet").work < 1_000_000


def test_the_chance_follows_what_was_verified_and_what_had_to_be_given_to_a_stronger_tier() -> None:
    plain = costs.expected(Fleet(), spec(), "haiku").chance
    failing = told(Fleet(), spec(), "haiku", [(1e5, False)] * 30)
    assert plain == 0.85
    assert costs.expected(failing, spec(), "haiku").chance < 0.1
    assert costs.expected(failing, spec(kind="reasoning"), "haiku").chance == 0.2
    other = costs.expected(failing, spec(project="other"), "haiku").chance
    assert 0.05 < other < 0.15


@pytest.mark.parametrize("kind", ["execution", "judgement", "reasoning", "gardening"])
def test_a_tier_further_up_the_ordering_has_the_better_first_chance(kind: str) -> None:
    tiers = [tier.name for tier in Policy().tiers]
    chances = [costs.expected(Fleet(), spec(kind=kind), tier).chance for tier in tiers]
    assert chances == sorted(chances)
    assert costs.expected(Fleet(), spec(kind=kind), "unheard-of").chance == max(chances)


def test_old_experience_fades_so_that_a_new_model_is_noticed() -> None:
    fleet = told(Fleet(), spec(), "sonnet", [(1_000_000.0, False)] * 1_000 + [(10_000.0, True)] * 600)
    one = costs.expected(fleet, spec(), "sonnet")
    assert one.work < 100_000
    assert one.chance > 0.9
    assert all(e.count <= experience.REMEMBERED for e in fleet.experience.values())


def test_a_running_task_is_expected_to_need_less_at_first_and_more_when_it_outruns_its_class() -> None:
    left = [
        costs.remaining(Fleet(), begun(work), "sonnet").work for work in (0.0, 20_000.0, 50_000.0, 1e6, 1e7)
    ]
    assert left[0] > left[1] > left[2] < left[3] < left[4]
    assert left[0] == costs.expected(Fleet(), spec(), "sonnet").work


def test_a_tier_that_a_running_task_does_not_have_would_begin_anew() -> None:
    story = Story(account("a"))
    story.add()
    story.opened()
    story.says("t1.1", events.Answered("m1", Tokens(output=10_000)))
    task = story.task()
    assert costs.remaining(story.fleet, task, "opus") == costs.expected(story.fleet, task.spec, "opus")
    assert (
        costs.remaining(story.fleet, task, "sonnet").work
        < costs.expected(story.fleet, task.spec, "sonnet").work
    )


def test_verified_work_is_learned_for_tier_kind_and_project_with_the_worker_s_own_time() -> None:
    story = Story(account("a"))
    story.add(spec(size=2.0))
    story.opened()
    story.says("t1.1", events.Answered("m1", Tokens(output=10_000)))
    story.now_ms += 10 * MINUTE_MS
    story.end_turn("finished")
    story.tell(events.WorkChecked, task="t1", attempt="t1.1", ok=True, commit="c")
    assert list(story.fleet.experience) == list(experience.keys(story.task().spec, "sonnet"))
    for one in story.fleet.experience.values():
        assert exp(one.log_work) == pytest.approx(25_000)
        assert exp(one.log_ms) == pytest.approx(5 * MINUTE_MS)
        assert (one.count, one.won, one.lost) == (1.0, 1.0, 0.0)


@pytest.mark.parametrize("days", [400, -400])
def test_a_clock_that_is_put_while_a_worker_runs_teaches_nothing_of_its_time(days: int) -> None:
    story = Story(account("a"))
    before = costs.expected(story.fleet, spec(), "sonnet").ms
    story.add()
    story.opened()
    story.answer()
    story.now_ms += days * DAY_MS
    assert costs.remaining(story.fleet, story.task(), "sonnet").ms == pytest.approx(before, rel=0.5)
    story.finish()
    story.check()
    assert costs.expected(story.fleet, spec(), "sonnet").ms == pytest.approx(before, rel=0.5)


def test_running_work_is_committed_against_every_bucket_it_draws_on() -> None:
    story = Story(account("a"), account("b"))
    story.add()
    story.opened()
    weekly = (reading("five_hour"), reading("seven_day"), reading("seven_day_opus", scope="opus"))
    story.says("t1.1", WindowsRead(weekly, story.now_ms))
    committed = running.committed(story.fleet)
    left = costs.remaining(story.fleet, story.task(), "sonnet")
    assert sorted(committed) == ["a/five_hour", "a/seven_day"]
    rate = rates.rate(story.fleet, "a", "five_hour", "sonnet")
    assert committed["a/five_hour"] == pytest.approx((left.work * rate, left.high * rate))


def test_the_high_quantile_of_many_tasks_is_nearer_to_their_mean_than_that_of_one() -> None:
    def committed(workers: int) -> tuple[float, float]:
        story = Story(account("a"))
        story.add(*[spec(title=str(n)) for n in range(workers)])
        story.opened()
        for n in range(1, 5):
            story.says("t1.1", events.Answered(f"m{n}", Tokens(1, 2)))
        story.says("t1.1", WindowsRead((reading("five_hour"),), story.now_ms))
        return running.committed(story.fleet)["a/five_hour"]

    (mean, high), (mean_of_four, high_of_four) = committed(1), committed(4)
    assert mean_of_four == pytest.approx(4 * mean, rel=0.01)
    assert high_of_four - mean_of_four == pytest.approx(2 * (high - mean), rel=0.01)


def test_a_worker_that_is_being_stopped_or_checked_takes_nothing_more() -> None:
    story = Story(account("a"))
    story.add()
    story.opened()
    story.says("t1.1", WindowsRead((reading("five_hour"),), story.now_ms))
    assert running.committed(story.fleet)
    story.end_turn("finished")
    assert running.committed(story.fleet) == {}


amounts = st.lists(st.tuples(st.floats(1e2, 1e9), st.booleans()), max_size=30)


@given(
    amounts,
    st.sampled_from([tier.name for tier in Policy().tiers]),
    st.floats(0.05, 50.0),
    st.floats(0.0, 1e10),
)
def test_what_is_expected_is_finite_and_never_negative(
    seen: list[tuple[float, bool]], tier: str, size: float, passed: float
) -> None:
    fleet = told(Fleet(), spec(), tier, seen)
    one = costs.remaining(fleet, begun(passed, int(passed), spec=spec(size=size)), tier)
    assert 0.0 <= one.work < float("inf")
    assert 0.0 <= one.high < float("inf")
    assert 0.0 <= one.ms < float("inf")
    assert 0.0 < one.chance < 1.0


@given(amounts, st.floats(0.0, 1e7))
def test_a_more_careful_strategy_counts_with_more(seen: list[tuple[float, bool]], passed: float) -> None:
    fleet = told(Fleet(), spec(), "sonnet", seen)
    careful, plain = (
        costs.remaining(replace(fleet, policy=Policy(strategy=strategy)), begun(passed), "sonnet")
        for strategy in STRATEGIES
    )
    assert careful.high >= plain.high
    assert careful.work == plain.work


@given(st.floats(5.0, 20.0), st.floats(0.1, 2.0), st.floats(-9.0, 30.0))
def test_what_is_left_agrees_with_the_distribution_it_is_left_of(
    mean: float, deviation: float, place: float
) -> None:
    passed = exp(min(mean + place * deviation, 60.0))
    left = lognormal.mean_left(mean, deviation, passed)
    quantiles = [lognormal.quantile_left(mean, deviation, passed, q / 20) for q in range(1, 20)]
    assert quantiles == sorted(quantiles)
    assert quantiles[0] >= 0.0
    # A log-normal is skewed to the right, and so is what is left of it: its mean is above its median.
    assert left >= quantiles[9] * 0.98


@given(st.floats(5.0, 20.0), st.floats(0.3, 1.5), st.floats(-3.0, 3.0))
def test_the_mean_left_is_the_integral_over_its_quantiles(
    mean: float, deviation: float, place: float
) -> None:
    passed, parts = exp(mean + place * deviation), 4_000
    integral = fmean(
        lognormal.quantile_left(mean, deviation, passed, (n + 0.5) / parts) for n in range(parts)
    )
    assert lognormal.mean_left(mean, deviation, passed) == pytest.approx(integral, rel=0.03)


@given(st.floats(0.0, 1e6), st.floats(1e3, 1e8))
def test_with_more_and_more_of_its_own_a_class_forgets_its_parent(count: float, typical: float) -> None:
    one = Experience("k", count=count, log_work=log(typical), log_work_m2=count * 0.25)
    belief = experience.of_work([one])
    low, high = sorted((experience.WORK.mean, log(typical)))
    assert low - 1e-9 <= belief.mean <= high + 1e-9
    if count > 1e4:
        assert belief.mean == pytest.approx(log(typical), abs=0.01)
        assert sqrt(belief.variance) == pytest.approx(0.5, abs=0.02)
