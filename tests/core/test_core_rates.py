"""What a unit of work takes of a bucket, learned from readings."""

from __future__ import annotations

from dataclasses import dataclass, field
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fleet.core import events
from fleet.core.capacity import rates
from fleet.core.draft import Draft
from fleet.core.events import WindowsRead
from fleet.core.model import Attempt, Bucket, Fleet, bucket_key
from fleet.core.model.learned import Rate
from fleet.core.model.tokens import Tokens
from tests.core.story import HOUR_MS, START_MS, Story, account, reading

FIVE_HOURS = 5 * HOUR_MS


@dataclass
class Meter:
    """One pool's bucket as the server keeps it, and a fleet that works on it and reads it."""

    true: dict[str, float]
    bucket: str = "five_hour"
    pool: str = "a"
    scope: str | None = None
    step: float = 0.01
    used: float = 0.0
    now_ms: int = START_MS
    resets_ms: int = START_MS + FIVE_HOURS
    fleet: Fleet = field(default_factory=Fleet)

    def work(self, tier: str, work: float) -> None:
        self.used += work * self.true[tier]
        self.hear(tier, work, "m1")

    def hear(self, tier: str, work: float, answer: str | None) -> None:
        """Of work, with an answer, or late by the exact count at a turn's end."""
        draft = Draft(self.fleet, self.now_ms, "e")
        attempt = Attempt("t.1", "t", 1, self.pool, tier, "m", "here", "s", self.now_ms, answer_id=answer)
        rates.worked(draft, attempt, account(self.pool), work)
        self.fleet, _ = draft.close()

    def read(self) -> None:
        self.now_ms += 1_000
        key = bucket_key(self.pool, self.bucket)
        seen = round(self.used / self.step) * self.step
        after = Bucket(self.pool, self.bucket, self.scope, self.now_ms, "stream", seen, self.resets_ms)
        draft = Draft(self.fleet, self.now_ms, "e")
        before = draft.buckets.get(key)
        rates.observed(draft, before, draft.put_bucket(key, after))
        self.fleet, _ = draft.close()

    def reset(self) -> None:
        self.used = 0.0
        self.resets_ms += FIVE_HOURS

    def rate(self, tier: str) -> float:
        return rates.rate(self.fleet, self.pool, self.bucket, tier)

    def pending(self, tier: str) -> float:
        return self.fleet.rates[rates.rate_key(self.pool, self.bucket, tier)].pending


def used_up(meter: Meter, random: Random, answers: int, *, person: float = 0.0) -> list[dict[str, float]]:
    """Many answers of two tiers in changing parts; a person works a part of the time. Gives the rates as learned after
    each answer, as multiples of the true ones."""
    part, at_work, learned = 0.5, False, []
    meter.read()
    for _ in range(answers):
        if meter.used >= 1.0:
            meter.reset()
        part = random.random() if random.random() < 0.03 else part
        at_work = random.random() < person if random.random() < 0.05 else at_work
        meter.work("opus" if random.random() < part else "sonnet", random.uniform(2_000, 40_000))
        meter.used += random.uniform(0.0, 0.02) if at_work else 0.0
        meter.read()
        learned.append({tier: meter.rate(tier) / true for tier, true in meter.true.items()})
    return learned


def late_mean(learned: list[dict[str, float]], tier: str) -> float:
    late = [at[tier] for at in learned[-len(learned) // 4 :]]
    return sum(late) / len(late)


@pytest.mark.parametrize("seed", range(4))
def test_the_rates_of_two_tiers_are_told_apart_from_readings_of_their_sum(seed: int) -> None:
    learned = used_up(Meter({"sonnet": 3e-7, "opus": 1.1e-6}), Random(seed), 1_600)
    for tier in ("sonnet", "opus"):
        assert late_mean(learned, tier) == pytest.approx(1.0, abs=0.05)


def test_a_person_at_work_now_and_then_hardly_moves_what_is_learned() -> None:
    runs = [
        used_up(Meter({"sonnet": 3e-7, "opus": 1.1e-6}), Random(seed), 1_600, person=0.1) for seed in range(4)
    ]
    for tier in ("sonnet", "opus"):
        assert sum(late_mean(one, tier) for one in runs) / len(runs) == pytest.approx(1.0, abs=0.05)


@pytest.mark.parametrize("factor", [0.05, 20.0])
def test_a_first_guess_that_is_off_by_twenty_is_put_right_within_a_few_windows(factor: float) -> None:
    meter = Meter({"sonnet": 1e-7 * factor})
    meter.read()
    while meter.now_ms < START_MS + 400_000:
        if meter.used >= 1.0:
            meter.reset()
        meter.work("sonnet", 0.01 / meter.true["sonnet"])
        meter.read()
    assert meter.rate("sonnet") == pytest.approx(meter.true["sonnet"], rel=0.1)


def test_a_rate_that_changes_is_followed() -> None:
    meter = Meter({"sonnet": 3e-7, "opus": 1.1e-6})
    used_up(meter, Random(1), 800)
    meter.true = {"sonnet": 6e-7, "opus": 2.2e-6}
    learned = used_up(meter, Random(2), 600)
    assert all(late_mean(learned, tier) == pytest.approx(1.0, abs=0.1) for tier in ("sonnet", "opus"))


@pytest.mark.parametrize("late", [0.3, 0.5])
def test_work_that_is_told_of_only_when_the_turn_ends_is_counted_all_the_same(late: float) -> None:
    random, meter = Random(5), Meter({"sonnet": 3e-7, "opus": 1.1e-6})
    meter.read()
    learned = []
    for _ in range(200):
        tier, owed = random.choice(["sonnet", "opus"]), 0.0
        for _ in range(random.randint(1, 20)):
            if meter.used >= 1.0:
                meter.reset()
            work = random.uniform(1_000, 16_000)
            meter.used += work * meter.true[tier]
            meter.hear(tier, work * (1.0 - late), "m1")
            owed += work * late
            meter.read()
        meter.hear(tier, owed, None)
        learned.append({tier: meter.rate(tier) / true for tier, true in meter.true.items()})
    for tier in ("sonnet", "opus"):
        assert late_mean(learned, tier) == pytest.approx(1.0, abs=0.08)


def test_what_a_person_uses_alone_teaches_nothing() -> None:
    meter = Meter({"sonnet": 1e-7})
    meter.read()
    meter.used = 0.6
    meter.read()
    assert meter.fleet.rates == {}


def test_work_waits_until_the_bucket_has_risen() -> None:
    meter = Meter({"sonnet": 1e-7})
    meter.read()
    meter.work("sonnet", 10_000)
    meter.read()
    assert meter.pending("sonnet") == 10_000


def test_a_reset_drops_what_was_pending() -> None:
    meter = Meter({"sonnet": 1e-7})
    meter.read()
    meter.work("sonnet", 400_000)
    meter.reset()
    meter.read()
    assert meter.pending("sonnet") == 0.0
    assert meter.rate("sonnet") == pytest.approx(rates.GUESS)


def test_a_correction_takes_back_what_was_counted() -> None:
    meter = Meter({"sonnet": 1e-7})
    meter.read()
    meter.work("sonnet", 50_000)
    meter.work("sonnet", -20_000)
    assert meter.pending("sonnet") == 30_000


def test_before_anything_is_learned_dearer_tiers_take_more_and_a_week_takes_less() -> None:
    fleet = Fleet()
    assert rates.rate(fleet, "a", "five_hour", "sonnet") == pytest.approx(0.02 / 200_000)
    assert rates.rate(fleet, "a", "five_hour", "opus") == pytest.approx(0.02 / 200_000 * 5 / 3)
    assert rates.rate(fleet, "a", "seven_day", "sonnet") == pytest.approx(0.002 / 200_000)


def test_a_bucket_of_one_tier_is_not_drawn_on_by_others() -> None:
    meter = Meter({"opus": 1e-7}, bucket="seven_day_opus", scope="opus")
    meter.read()
    meter.work("opus", 1_000)
    assert meter.rate("sonnet") == 0.0
    draft = Draft(meter.fleet, meter.now_ms, "e")
    rates.worked(draft, Attempt("t.1", "t", 1, "a", "sonnet", "m", "here", "s", 0), account("a"), 1_000.0)
    assert {one.tier for one in draft.rates.values()} == {"opus"}


def test_what_one_tier_took_tells_of_the_others_of_its_pool_and_of_other_pools() -> None:
    meter = Meter({"sonnet": 5e-7})
    meter.read()
    for _ in range(40):
        meter.work("sonnet", 40_000)
        meter.read()
    guess = Fleet()
    assert meter.rate("opus") > 3 * rates.rate(guess, "a", "five_hour", "opus")
    assert rates.rate(meter.fleet, "b", "five_hour", "sonnet") > 3 * rates.GUESS
    assert rates.rate(meter.fleet, "b", "seven_day", "sonnet") == rates.rate(
        guess, "b", "seven_day", "sonnet"
    )


def test_an_answer_and_the_reading_after_it_teach_through_the_one_door() -> None:
    story = Story(account("a"))
    story.add()
    story.opened()
    for n in range(40):
        story.now_ms += 1_000
        story.says("t1.1", WindowsRead((reading(used=0.1 + n * 0.01),), story.now_ms))
        story.says("t1.1", events.Answered(f"m{n}", Tokens(output=4_000)))
    assert rates.rate(story.fleet, "a", "five_hour", "sonnet") == pytest.approx(0.01 / 20_000, rel=0.2)


@settings(max_examples=60)
@given(
    st.lists(
        st.one_of(
            st.tuples(st.sampled_from(["haiku", "sonnet", "opus", "unheard"]), st.floats(-1e6, 1e7)),
            st.floats(0.0, 1.0),
            st.none(),
        ),
        max_size=60,
    )
)
def test_rates_are_positive_whatever_is_read(happened: list[tuple[str, float] | float | None]) -> None:
    tiers = ("haiku", "sonnet", "opus", "unheard")
    meter = Meter(dict.fromkeys(tiers, 0.0))
    meter.read()
    for one in happened:
        if one is None:
            meter.reset()
        elif isinstance(one, tuple):
            meter.work(*one)
        else:
            meter.used = one
        meter.read()
    assert all(0.0 < meter.rate(tier) < float("inf") for tier in tiers)
    assert all(one.share >= 0.0 and one.work >= 0.0 for one in meter.fleet.rates.values())


@given(st.floats(1e-3, 50.0), st.floats(1e-9, 1e-4))
def test_much_evidence_outweighs_the_guess_and_little_does_not(share: float, true: float) -> None:
    def learned(evidence: float) -> float:
        one = Rate("a", "five_hour", "sonnet", evidence, evidence / true)
        return rates.rate(Fleet(rates={"a/five_hour/sonnet": one}), "a", "five_hour", "sonnet")

    low, high = sorted((true, rates.GUESS))
    assert low * 0.999 <= learned(share) <= high * 1.001
    assert abs(learned(share * 2) - true) <= abs(learned(share) - true) * 1.001 + 1e-18
    assert learned(1e-12) == pytest.approx(rates.GUESS, rel=0.01) or true < 1e-8
