"""What limits allow, what is counted against them, and when the circuit breaker opens."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleet.core import events
from fleet.core.capacity import budgets, costs, rates
from fleet.core.capacity.budgets import TOKENS_A_WORK_UNIT, Budgets
from fleet.core.capacity.costs import Expected
from fleet.core.decisions import StartWorker
from fleet.core.idle import stuck
from fleet.core.model import Account, Attempt, Fleet, Task
from fleet.core.model.learned import work_of
from fleet.core.model.policy import PER_MS, Limit, Per, Scope, Spent, Unit
from fleet.core.model.tokens import Tokens
from tests.core.story import HOUR_MS, START_MS, Story, account, spec

DAY_MS = 24 * HOUR_MS
NEED = Expected(work=100_000, high=200_000, ms=20 * 60_000, chance=0.9)
KEY = account("k", kind="api-key")


def limit(unit: Unit = "tokens", amount: float = 1e6, per: Per = "day", **but: str | None) -> Limit:
    scope: Scope = but.pop("scope", "fleet")  # type: ignore[assignment]
    bucket = "five_hour" if unit == "share" else None
    return Limit("l1", scope, but.pop("name", None) or "", per, unit, amount, START_MS - HOUR_MS, bucket)


def task(number: int = 1, **but: object) -> Task:
    return Task(f"t{number}", number, spec(**but), START_MS, "queued")


def fleet(*laid: Limit, spent: float = 0.0, period: int = 0) -> Fleet:
    return Fleet(
        now_ms=START_MS,
        accounts={"a": account("a"), "k": KEY},
        limits={one.id: one for one in laid},
        spent={one.id: Spent(one.id, period, spent) for one in laid} if spent else {},
    )


def against(the_fleet: Fleet, on: Account | None = None, what: Task | None = None) -> budgets.Against | None:
    return Budgets(the_fleet).against(what or task(), on or account("a"), "sonnet", NEED)


def test_without_limits_nothing_is_against_anything() -> None:
    assert against(fleet()) is None


def test_the_high_quantile_of_a_need_has_to_fit_beside_what_was_used() -> None:
    high = NEED.high * TOKENS_A_WORK_UNIT
    assert against(fleet(limit(amount=high))) is None
    found = against(fleet(limit(amount=high), spent=1.0))
    assert found is not None and not found.lasting
    assert found.until_ms == START_MS - HOUR_MS + DAY_MS
    assert "the limit of the fleet to 1,000,000 tokens a day (l1): 1 tokens used" in found.why


def test_what_an_earlier_period_used_is_forgotten() -> None:
    high = NEED.high * TOKENS_A_WORK_UNIT
    assert against(fleet(limit(amount=high), spent=high, period=-1)) is None


def test_a_limit_that_a_need_never_fits_into_is_told_to_be_lasting() -> None:
    found = against(fleet(limit(amount=10.0)))
    assert found is not None and found.lasting
    assert "more than it can ever give: `fleet limit remove l1`" in found.why


def test_a_limit_in_all_has_no_next_period_and_what_it_gave_is_gone_for_good() -> None:
    found = against(fleet(limit(amount=1e6, per="total"), spent=0.5e6))
    assert found is not None and found.lasting and found.until_ms is None


@pytest.mark.parametrize(
    ("scope", "name", "holds"),
    [
        ("fleet", "", True),
        ("account", "a", True),
        ("account", "b", False),
        ("project", "/repo", True),
        ("project", "/else", False),
        ("task", "t1", True),
        ("task", "t2", False),
    ],
)
def test_a_limit_holds_for_what_it_names(scope: str, name: str, holds: bool) -> None:
    assert (against(fleet(limit(amount=1.0, scope=scope, name=name))) is not None) is holds


def test_dollars_are_those_of_api_keys_at_list_prices_or_what_is_left_of_the_tasks_budget() -> None:
    dollars = 3.0 * NEED.high / 1e6
    laid = fleet(limit("usd", dollars * 0.9))
    assert against(laid) is None
    assert against(laid, KEY) is not None
    assert against(laid, KEY, task(max_budget_usd=dollars / 2)) is None


def test_a_share_is_reckoned_with_the_rate_of_its_bucket() -> None:
    share = NEED.high * rates.rate(fleet(), "a", "five_hour", "sonnet")
    assert against(fleet(limit("share", share * 1.01))) is None
    found = against(fleet(limit("share", share * 0.99)))
    assert found is not None and "of five_hour" in found.why


def test_against_a_rate_a_minute_the_mean_pace_counts() -> None:
    pace = NEED.work * TOKENS_A_WORK_UNIT / 20
    assert against(fleet(limit(amount=pace, per="minute"))) is None
    assert against(fleet(limit(amount=pace * 0.99, per="minute"))) is not None


def test_what_is_placed_in_the_same_round_counts_too() -> None:
    """Spreads add as squares do: two needs with a mean of 1 and a high of 2 take 2 + √2."""
    unit = NEED.work * TOKENS_A_WORK_UNIT
    for amount, taken in ((1.9, 0), (2.1, 1), (3.4, 1), (3.5, 2)):
        ledger = Budgets(fleet(limit(amount=amount * unit)))
        count = 0
        while ledger.against(task(), account("a"), "sonnet", NEED) is None:
            ledger.take(task(), account("a"), "sonnet", NEED)
            count += 1
        assert count == taken


@given(
    st.sampled_from(list(PER_MS)),
    st.sampled_from(["tokens", "share", "usd"]),
    st.floats(0.01, 20.0),
    st.lists(
        st.tuples(st.floats(1e3, 1e6), st.floats(1.0, 4.0), st.integers(60_000, 8 * HOUR_MS)), max_size=20
    ),
)
def test_starts_never_expect_to_exceed_a_limit(
    per: Per, unit: Unit, amount: float, needs: list[tuple[float, float, int]]
) -> None:
    units = {"tokens": 1e6, "share": 0.05, "usd": 1.0}
    laid = limit(unit, amount * units[unit], per)
    ledger, taken = Budgets(fleet(laid)), 0.0
    a_unit = {
        "tokens": TOKENS_A_WORK_UNIT,
        "share": rates.rate(fleet(), "k", "five_hour", "sonnet"),
        "usd": 3e-6,
    }
    for work, spread, ms in needs:
        need = Expected(work, work * spread, ms, 0.9)
        if ledger.against(task(), KEY, "sonnet", need) is None:
            ledger.take(task(), KEY, "sonnet", need)
            taken += work * a_unit[unit] * min(1.0, (PER_MS[per] or ms) / ms)
    assert taken <= laid.amount * (1 + 1e-9)


# --- what is counted ------------------------------------------------------------------------------------


def running(*laid: Limit, on: Account | None = None) -> Story:
    """One worker is at work when the limits are laid down."""
    story = Story(on or account("a"))
    story.add(spec(prompt="x"))
    story.opened()
    for one in laid:
        story.tell(events.LimitAdded, limit=one)
    return story


def test_tokens_of_running_work_are_counted_in_the_period_they_fall_into() -> None:
    story = running(limit(amount=1e9))
    story.says("t1.1", events.Answered("m1", Tokens(10, 20, 30, 40)))
    story.says("t1.1", events.Answered("m2", Tokens(1)))
    assert budgets.used_of(story.fleet, story.fleet.limits["l1"]) == 101
    story.now_ms += DAY_MS
    story.says("t1.1", events.Answered("m3", Tokens(5)))
    assert budgets.used_of(story.fleet, story.fleet.limits["l1"]) == 5


def test_an_exact_count_takes_back_what_the_answers_said_too_much() -> None:
    story = running(limit(amount=1e9))
    story.says("t1.1", events.Answered("m1", Tokens(1_000)), events.Used(Tokens(600), 0.5))
    assert budgets.used_of(story.fleet, story.fleet.limits["l1"]) == 600


def test_dollars_and_shares_are_counted_as_they_come() -> None:
    story = running(limit("usd", 100.0), limit("share", 0.5), on=account("a", kind="api-key"))
    story.says("t1.1", events.Answered("m1", Tokens(1_000)), events.Used(Tokens(1_000), 0.5))
    used = [budgets.used_of(story.fleet, one) for one in story.fleet.limits.values()]
    share = work_of(Tokens(1_000)) * rates.rate(story.fleet, "a", "five_hour", "sonnet")
    assert used == pytest.approx([0.5, share])


def test_a_limit_that_running_work_exceeds_by_far_is_told_of_once() -> None:
    story = running(limit(amount=100.0))
    for n, tokens in enumerate((100, 15, 10, 10)):
        story.says("t1.1", events.Answered(f"m{n}", Tokens(tokens)))
    assert story.notes().count("(l1) is exceeded by running work: 125 tokens used") == 1
    assert story.notes().count("is exceeded") == 1
    assert story.task().state == "running"


def test_dollars_of_a_turn_that_has_not_ended_count_as_running_work() -> None:
    story = running(limit("usd", 1.0), on=account("a", kind="api-key"))
    assert _against_of(story) is None
    story.says("t1.1", events.Answered("m1", Tokens(output=100_000)))
    found = _against_of(story)
    assert found is not None and not found.lasting and "expected of running work" in found.why


def _against_of(story: Story) -> budgets.Against | None:
    little = Expected(1.0, 1.0, 1.0, 0.9)
    calm = replace(
        story.fleet, tasks={**story.fleet.tasks, "t1": replace(story.task(), spec=spec(size=0.01))}
    )
    return Budgets(calm).against(task(9), story.fleet.accounts["a"], "sonnet", little)


# --- the breaker ----------------------------------------------------------------------------------------


def end(story: Story, attempt: Attempt, cause: str = "exited") -> None:
    story.start(attempt.id)
    story.exit(attempt.id, cause, 1)


def fail_in_a_row(story: Story, count: int) -> None:
    for _ in range(count):
        if not story.fleet.attempts:
            story.wait(HOUR_MS)
        end(story, next(iter(story.fleet.attempts.values())))


def test_faults_in_a_row_open_the_breaker_and_nothing_starts_until_it_is_closed() -> None:
    story = Story(account("a"))
    story.tell(events.BreakerSet, faults_max=3)
    story.add(*[spec() for _ in range(5)])
    fail_in_a_row(story, 3)
    assert story.fleet.policy.breaker == "3 workers in a row ended without an answer"
    assert "the circuit breaker has opened" in story.notes()
    story.tell(events.BreakerSet, why="")
    assert (story.fleet.policy.breaker, story.fleet.policy.faults) == ("", 0)


def test_an_answer_ends_a_row_of_faults() -> None:
    story = Story(account("a"))
    story.tell(events.BreakerSet, faults_max=3)
    story.add(*[spec() for _ in range(3)])
    fail_in_a_row(story, 2)
    story.wait(HOUR_MS)
    name = next(iter(story.fleet.attempts))
    story.opened(name)
    story.answer(name)
    story.exit(name)
    assert (story.fleet.policy.breaker, story.fleet.policy.faults) == ("", 0)


def test_what_the_host_or_a_person_ended_is_no_fault() -> None:
    """A full disk or a network that is down passes by itself, and must not need a person."""
    story = Story(account("a"))
    story.tell(events.BreakerSet, faults_max=1)
    story.add()
    story.tell(events.StartFailed, attempt="t1.1", fault="machine", detail="No space left on device")
    story.wait(HOUR_MS)
    story.opened("t1.2")
    story.end_turn("cut", "t1.2")
    story.exit("t1.2")
    story.wait(HOUR_MS)
    story.opened("t1.3")
    story.tell(events.CancelAsked, task="t1")
    story.exit("t1.3")
    assert (story.fleet.policy.breaker, story.fleet.policy.faults) == ("", 0)


# --- in dispatch ----------------------------------------------------------------------------------------


def test_no_more_starts_at_once_than_a_limit_has_room_for() -> None:
    story = Story(account("a", allowance=8, answered_ms=START_MS))
    one = costs.expected(story.fleet, spec(), "sonnet")
    story.tell(events.LimitAdded, limit=limit(amount=2.2 * one.high * TOKENS_A_WORK_UNIT))
    started = story.add(*[spec() for _ in range(6)])
    count = sum(isinstance(d, StartWorker) for d in started)
    assert 2 <= count < 6
    waiting = story.why("t6")
    assert not waiting.stuck
    assert any("the limit of the fleet" in refused.why for refused in waiting.refusals)
    assert {r.until_ms for r in waiting.refusals} == {START_MS - HOUR_MS + DAY_MS}


def test_what_never_fits_into_a_limit_is_stuck_and_says_what_to_do() -> None:
    story = Story(account("a"))
    story.tell(events.LimitAdded, limit=limit(amount=10.0))
    assert story.add() == []
    assert story.why().stuck
    assert any("fleet limit remove l1" in refused.why for refused in story.why().refusals)


def test_nothing_starts_while_the_breaker_is_open() -> None:
    story = Story(account("a"))
    story.tell(events.BreakerSet, why="a look first")
    assert story.add() == []
    assert "a look first" in story.why().summary
    assert len(story.tell(events.BreakerSet, why="")) == 1


def test_a_task_that_its_own_limit_never_lets_run_does_not_make_others_of_its_line_stuck() -> None:
    story = Story(account("a"), workers_max=0)
    story.add(spec(priority=5), spec())
    story.tell(events.LimitAdded, limit=Limit("", "task", "t1", "total", "tokens", 1.0, START_MS))
    assert [one.task for one in stuck(story.fleet)] == ["t1"]


def test_what_is_larger_than_a_limit_ever_gives_is_stuck_though_the_first_of_its_line_is_not() -> None:
    story = Story(account("a"), workers_max=0)
    story.add(spec(priority=5), spec(), spec(size=1e6))
    story.tell(events.LimitAdded, limit=Limit("", "fleet", "", "total", "tokens", 9e9, START_MS))
    assert [one.task for one in stuck(story.fleet)] == ["t3"]
