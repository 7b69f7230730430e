"""The allocation engine at real work: tiers, escalation, plans, what is kept for persons, limits, prices, learning."""

from __future__ import annotations

import re
from datetime import datetime, timedelta

import pytest

from fleet.core.capacity.experience import SEPARATOR
from fleet.core.model.prices import Prices
from fleet.double import Request, Script, Step, ToolCall, Window
from fleet.home import Home
from fleet.views.snapshot import snapshot
from tests.patience import PATIENCE_S
from tests.real.conftest import MakeHousehold
from tests.real.household import Household
from tests.real.scripting import HOUR_S, accounts_of, job, played, prompt, runs, says, subscription, writes
from tests.real.staging import journal

pytestmark = pytest.mark.client

WEEK_S = 7 * 24 * HOUR_S


def models_of(requests: list[Request], task: str) -> list[str]:
    """The classes of model that a task's requests asked for, in order, each stay once."""
    tiers = ("haiku", "sonnet", "opus", "fable")
    found = [next(t for t in tiers if t in (r.model or "")) for r in requests if r.task == task]
    return [tier for n, tier in enumerate(found) if n == 0 or found[n - 1] != tier]


def simple(name: str) -> tuple[Step, ...]:
    return (writes(f"{name}.txt", f"{name}\n"), says(f"{name} is done."))


SIMPLE = tuple(job(name, *simple(name)) for name in ("a", "b", "c", "d"))

NEED = 0.045
"""A little more of a five-hour window than the high quantile of a task with `sonnet`, of which nothing is learned."""


def hours_from(now: datetime, minutes: int) -> str:
    """A date and hours, that have begun with this minute."""
    begin = now.replace(second=0, microsecond=0)
    return f"{begin:%Y-%m-%d %H:%M}-{begin + timedelta(minutes=minutes):%H:%M}"


def reasons(house: Household, task: str) -> str:
    return " ".join(one["why"] for one in house.json("why", task)["considered"])


def prices_of(house: Household) -> Prices | None:
    return snapshot(Home(house.home)).prices


@pytest.mark.large
def test_each_kind_of_work_gets_its_tier_and_what_came_of_it_is_learned(household: MakeHousehold) -> None:
    """`--tier auto`: execution runs with a cheap model, reasoning with a strong one; the log shows the arithmetic."""
    script = Script(
        accounts=(
            subscription(
                "first",
                Window("five_hour", capacity=100.0, cost_per_answer=4.0, utilization=0.1),
                Window("seven_day", capacity=100.0, cost_per_answer=0.5, utilization=0.1, length_s=WEEK_S),
            ),
        ),
        tasks=(job("easy", *simple("easy")), job("hard", *simple("hard"))),
    )
    house = household(script)
    house.make_repo()
    house.add_account("first")
    auto = ("--tier", "auto", "--project", "garden", "--verify", "true")
    easy = house.add_task(prompt("easy"), *auto, "--kind", "execution")
    hard = house.add_task(prompt("hard"), *auto, "--kind", "reasoning")
    log = house.up_until_idle("--log-level", "debug")

    assert models_of(house.double.turns, "easy") == ["haiku"]
    assert models_of(house.double.turns, "hard") == ["opus"]
    assert [house.seen(task)["attempts"][0]["tier"] for task in (easy, hard)] == ["haiku", "opus"]
    arithmetic = [line["event"] for line in log if "× chance" in line["event"]]
    assert len(arithmetic) == 2, arithmetic
    assert any(said.startswith("first with haiku: worth 1 × chance 85%") for said in arithmetic)
    assert any(said.startswith("first with opus: worth 1 × chance 88%") for said in arithmetic)

    fleet = snapshot(Home(house.home))
    for kind, tier in (("execution", "haiku"), ("reasoning", "opus")):
        learned = fleet.experience[SEPARATOR.join(("garden", kind, tier))]
        assert (learned.won, learned.lost, learned.count) == (1.0, 0.0, 1.0)
    assert {rate.tier for rate in fleet.rates.values()} == {"haiku", "opus"}
    assert {rate.bucket for rate in fleet.rates.values()} >= {"five_hour"}


@pytest.mark.large
def test_a_tier_that_fails_its_verification_hands_the_session_to_a_stronger_one(
    household: MakeHousehold,
) -> None:
    """One repair by the same tier; then the same session goes on with the next model, and lands."""
    script = Script(
        accounts=(subscription("first"),),
        tasks=(job("work", *simple("work"), verification_failed=(says("I see nothing wrong."),)),),
    )
    house = household(script)
    house.make_repo()
    house.add_account("first")
    # The verification succeeds once the strong model has been asked.
    asked = house.root / "opus-was-asked"
    with house.coordinator():
        task = house.add_task(
            prompt("work"),
            *("--tier", "haiku,opus", "--target", "main", "--land", "merge"),
            *("--verify", f"test -e {asked} || {{ echo not yet; exit 1; }}"),
        )
        house.double.wait_for(lambda log: any("opus" in (r.model or "") and r.part for r in log), PATIENCE_S)
        asked.touch()
        house.wait_for_state(task, "landed")

    turns = house.double.turns
    assert models_of(turns, "work") == ["haiku", "opus"]
    assert len({r.session for r in turns if r.task == "work"}) == 1
    attempts = house.seen(task)["attempts"]
    assert [(a["tier"], a["reason"]) for a in attempts] == [("haiku", "escalated"), ("opus", "finished")]
    told = journal(house, task)
    assert "haiku could not do it: goes on with opus or stronger" in told
    assert [line for line in told if line.startswith("verification failed (")] == [
        "verification failed (1 of 3): not yet"
    ]
    learned = snapshot(Home(house.home)).experience
    project = str(house.repo)
    assert learned[SEPARATOR.join((project, "execution", "haiku"))].lost == 1.0
    assert learned[SEPARATOR.join((project, "execution", "opus"))].won == 1.0


@pytest.mark.large
def test_a_session_plans_with_one_tier_and_executes_with_another(household: MakeHousehold) -> None:
    script = Script(
        accounts=(subscription("first"),),
        tasks=(
            job(
                "work",
                says("First this, then that."),
                now_carry_out_your_plan=simple("work"),
            ),
        ),
    )
    house = household(script)
    house.make_repo()
    house.add_account("first")
    merge = ("--target", "main", "--land", "merge", "--verify", "test -s work.txt")
    task = house.add_task(prompt("work"), "--plan", "opus", "--tier", "sonnet", *merge)
    house.up_until_idle()

    turns = [r for r in house.double.turns if r.task == "work"]
    assert models_of(turns, "work") == ["opus", "sonnet"]
    assert len({r.session for r in turns}) == 1
    on = "on now carry out your plan"
    assert played(turns, "work") == [("work", 0), (on, 0), (on, 1)]
    assert house.git("show", "main:work.txt") == "work\n"
    (attempt,) = house.seen(task)["attempts"]
    assert (attempt["tier"], attempt["reason"]) == ("sonnet", "finished")
    assert "its plan is made with opus: sonnet carries it out" in journal(house, task)


def test_subagents_are_asked_of_their_own_tier(household: MakeHousehold) -> None:
    """A task's worker asks the double with its own model, the agent it starts with the cheaper one."""
    errand = {"description": "look", "prompt": prompt("errand"), "subagent_type": "general-purpose"}
    script = Script(
        accounts=(subscription("first"),),
        tasks=(
            job("work", Step("I send somebody.", (ToolCall("Agent", errand),)), *simple("work")),
            job("errand", says("I have looked.")),
        ),
    )
    house = household(script)
    house.make_repo()
    house.add_account("first")
    task = house.add_task(prompt("work"), "--tier", "opus", "--subagents", "haiku")
    house.up_until_idle()

    assert house.seen(task)["state"] == "landed"
    turns = house.double.turns
    assert models_of(turns, "work") == ["opus"]
    assert models_of(turns, "errand") == ["haiku"]


@pytest.mark.large
@pytest.mark.sensitive
def test_reserved_capacity_is_kept_until_the_reservation_is_taken_back(household: MakeHousehold) -> None:
    """What may not fit beside it is not begun, `why` says so, and it begins as soon as the capacity is free."""
    house = household(Script((subscription("first", Window("five_hour", utilization=0.3)),), SIMPLE))
    house.make_repo()
    house.add_account("first")
    house.fleet("account", "verify", "first")
    hours = hours_from(datetime.now(), minutes=60)
    reserved = house.fleet("reserve", "add", "--account", "first", "--at", hours, "--amount", "90%").strip()
    with house.coordinator():
        task = house.add_task(prompt("a"))
        (considered,) = house.json("why", task)["considered"]
        refusal = r"five_hour has 0\.0% left, beside what is kept \((90|8\d)%\), and it may need "
        assert re.match(refusal, considered["why"])
        # Asked again a moment later: what is kept falls as its hours pass.
        assert re.search(refusal, house.fleet("why", task))
        assert house.seen(task)["state"] == "queued"
        house.fleet("reserve", "remove", reserved)
        house.wait_for_state(task, "landed")

    told = journal(house)
    assert any(text.startswith(f"{reserved} ({hours}): its hours have begun; ") for text in told)
    said = [text for text in told if "reserved (" in text]
    assert said == [
        f"reserved ({reserved}): 90% of five_hour, {hours}",
        f"no longer reserved ({reserved}): {hours}",
    ]


@pytest.mark.large
@pytest.mark.sensitive
def test_reserved_capacity_returns_as_its_hours_pass_unused(household: MakeHousehold) -> None:
    """Of two hours that nobody comes for, a part is released each second: the task begins when it fits, not before."""
    now = datetime.now()
    begin = now.replace(second=0, microsecond=0)
    free = begin + timedelta(minutes=60)
    window = Window("five_hour", utilization=round(1.0 - 0.9 * 60 / 120 - NEED, 4))
    house = household(Script((subscription("first", window),), SIMPLE))
    house.make_repo()
    house.add_account("first")
    house.fleet("account", "verify", "first")
    house.fleet("reserve", "add", "--account", "first", "--at", hours_from(now, 120), "--amount", "90%")
    house.set_clock(0)
    with house.coordinator():
        task = house.add_task(prompt("a"))
        house.set_clock((free - timedelta(minutes=20) - datetime.now()) // timedelta(milliseconds=1))
        # This, too, is added only after all that fits by now has begun.
        other = house.add_task(prompt("b"))
        assert [house.seen(one)["attempts"] for one in (task, other)] == [[], []]
        house.set_clock((free + timedelta(minutes=1) - datetime.now()) // timedelta(milliseconds=1))
        house.wait_for_state(task, "landed")

    (attempt,) = house.seen(task)["attempts"]
    began = datetime.fromisoformat(attempt["started_at"]).astimezone()
    assert free.astimezone() <= began < (begin + timedelta(minutes=120)).astimezone()


def test_work_pauses_at_a_floor_and_goes_on_elsewhere_with_its_session(household: MakeHousehold) -> None:
    steps = tuple(runs(f"echo {n} >> count.txt", delay_s=0.3) for n in range(6))
    script = Script(
        accounts=(
            subscription("first", Window("five_hour", 100.0, cost_per_answer=10.0, utilization=0.5)),
            subscription("second"),
        ),
        tasks=(job("work", *steps, says("Done.")),),
    )
    house = household(script)
    house.make_repo()
    house.add_account("first")
    house.add_account("second")
    floor = house.fleet("limit", "add", "--account", "first", "--floor", "25%").strip()
    merge = ("--target", "main", "--land", "merge", "--allow-tool", "Bash")
    task = house.add_task(prompt("work"), *merge)
    house.up_until_idle()

    shown = house.seen(task)
    assert [(a["account"], a["reason"]) for a in shown["attempts"]] == [
        ("first", "kept"),
        ("second", "finished"),
    ]
    assert accounts_of(house.double.turns, "work") == ["first", "second"]
    assert len({r.session for r in house.double.turns if r.task == "work"}) == 1
    assert set("012345") == set(house.git("show", "main:count.txt").split())
    # One answer was on its way when the reading came.
    used = house.double.account("first").windows()["five_hour"]["utilization"]
    assert 0.75 <= used <= 0.9
    told = journal(house, task)
    assert "five_hour is down to the 25% that are kept: it pauses" in told
    assert any("moves from first to second" in text for text in told)
    assert f"laid down ({floor}): automation leaves the last 25% of every bucket of first" in journal(house)


def test_a_limit_and_the_breaker_let_nothing_start_until_they_are_lifted(household: MakeHousehold) -> None:
    """Under a day's limit what runs and what is new must fit together; `why` names the limit, then the breaker."""
    waits = runs("while ! test -e ../../../../gate; do sleep 0.1; done")
    script = Script((subscription("first"),), (job("slow", waits, says("Slow is done.")), *SIMPLE))
    house = household(script)
    house.make_repo()
    house.add_account("first")
    limit = house.fleet("limit", "add", "--fleet", "--per", "day", "--tokens", "3M").strip()
    with house.coordinator():
        slow = house.add_task(prompt("slow"), "--allow-tool", "Bash", "--allow-empty", "--priority", "5")
        house.double.wait_for(lambda log: any(r.task == "slow" for r in log), PATIENCE_S)
        second = house.add_task(prompt("a"))
        house.wait_for(lambda: f"({limit})" in reasons(house, second), "the limit was never named")
        assert "the limit of the fleet to 3,000,000 tokens a day" in reasons(house, second)
        assert "expected of running work" in reasons(house, second)
        house.fleet("limit", "remove", limit)
        house.wait_for_state(second, "landed")

        house.fleet("breaker", "open", "--why", "I want to look")
        third = house.add_task(prompt("b"))
        why = house.json("why", third)
        assert why["stuck"] and why["summary"] == "the circuit breaker is open: I want to look"
        assert "fleet breaker close" in why["advice"]
        house.fleet("breaker", "close")
        house.wait_for_state(third, "landed")
        assert house.seen(slow)["state"] == "running"
        (house.root / "gate").touch()
        house.wait_for_state(slow, "landed")


@pytest.mark.large
def test_prices_leave_scarce_capacity_to_those_who_need_it_and_fill_what_expires(
    household: MakeHousehold,
) -> None:
    """Work that may run on one account only makes its week dear. A task that may run anywhere then takes the rest of a
    window that is about to end, although less is left of that."""
    pytest.importorskip("highspy")
    later = (
        Window("five_hour", utilization=0.1, resets_in_s=4.9 * HOUR_S),
        Window("seven_day", utilization=0.85, resets_in_s=150 * HOUR_S, length_s=WEEK_S),
    )
    soon = (
        Window("five_hour", utilization=0.88, resets_in_s=0.75 * HOUR_S),
        Window("seven_day", utilization=0.5, resets_in_s=100 * HOUR_S, length_s=WEEK_S),
    )
    house = household(Script((subscription("later", *later), subscription("soon", *soon)), SIMPLE))
    house.make_repo()
    for name in ("later", "soon"):
        house.add_account(name)
        house.fleet("account", "verify", name)
    house.fleet("project", "set", "garden", "--account", "later")
    file = house.root / "tasks.toml"
    bound = "".join(
        f"[[task]]\nprompt = '{prompt(n)}'\nproject = 'garden'\nsize = 50\n" for n in ("b", "c", "d")
    )
    file.write_text(f"[defaults]\nrepo = 'repo'\n[[task]]\nprompt = '{prompt('a')}'\n{bound}")
    house.fleet("breaker", "open", "--why", "prices first")
    with house.coordinator():
        free, *_ = house.fleet("task", "add", "--file", str(file)).split()
        house.wait_for(lambda: prices_of(house) is not None, "no prices were made")
        prices = prices_of(house)
        house.fleet("breaker", "close")
        house.wait_for_state(free, "landed")

    assert prices is not None and prices.source == "programme"
    assert prices.buckets["account:later/seven_day"] > 0.01
    assert prices.buckets["account:soon/five_hour"] == prices.buckets["account:soon/seven_day"] == 0.0
    assert accounts_of(house.double.turns, "a") == ["soon"]
    (arithmetic,) = [text for text in journal(house, free) if "× chance" in text]
    assert arithmetic.startswith(
        "soon with sonnet: worth 1 × chance 95% − nothing, its capacity is free, = 0.95"
    )
    assert "; fills five_hour, which resets in 4" in arithmetic
