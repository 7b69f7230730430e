"""Limits of every shape: what is closed, what goes on, and what waits for which reset."""

from __future__ import annotations

from datetime import datetime

import pytest

from fleet.double import Fault, Script, Window
from tests.patience import PATIENCE_S
from tests.real.conftest import MakeHousehold
from tests.real.scripting import accounts_of, job, played, prompt, runs, says, subscription, writes
from tests.sizes import large

pytestmark = pytest.mark.client


@pytest.mark.large
@pytest.mark.sensitive
def test_a_task_waits_for_the_earliest_reset_and_goes_on_by_itself(household: MakeHousehold) -> None:
    """With every account limited `why` names the earliest reset; after it the session goes on, with what was said."""
    script = Script(
        accounts=(subscription("first"), subscription("second")),
        tasks=(
            job(
                "work",
                writes("one.txt", "1\n"),
                writes("two.txt", "2\n"),
                says("Done."),
                also_write_three=(writes("three.txt", "3\n"),),
            ),
        ),
        faults=(
            Fault("limit", account="first", task="work", step=1, seconds=7200),
            Fault("limit", account="second", task="work", step=1, seconds=3600),
        ),
    )
    house = household(script)
    house.make_repo()
    house.add_account("first")
    house.add_account("second")
    house.set_clock(0)
    with house.coordinator():
        task = house.add_task(prompt("work"), "--target", "main", "--land", "merge")
        house.wait_for(
            lambda: house.seen(task)["attempts"][1:2] and house.seen(task)["state"] == "queued", ""
        )
        why = house.json("why", task)
        words = house.fleet("why", task)
        house.fleet("task", "say", task, "Also write three.")
        house.double.account("second").reset("five_hour")
        house.set_clock(3_605_000)
        house.wait_for_state(task, "landed")

    reset = house.double.requests  # the double says when: the header of the refusal
    refused_at_s = next(r.at_ms for r in reset if r.account == "second" and r.outcome == "limit") / 1000
    expected = datetime.fromisoformat(why["expects_at"])
    assert 3599 <= expected.timestamp() - refused_at_s <= 3602
    considered = {(r["account"], r["why"]) for r in why["considered"]}
    assert considered == {("first", "five_hour was refused"), ("second", "five_hour was refused")}
    assert "every account it may use is closed" in words and expected.strftime("%H:%M:%S") in words

    attempts = house.seen(task)["attempts"]
    assert [(a["account"], a["reason"]) for a in attempts] == [
        ("first", "limited"),
        ("second", "limited"),
        ("second", "finished"),
    ]
    assert len({a["session_id"] for a in attempts}) == 1
    steps = [("work", 0), ("on also write three", 0), ("work", 1), ("work", 2)]
    assert played(house.double.turns, "work") == steps
    assert "three.txt" in house.git("ls-tree", "--name-only", "main")
    assert datetime.fromisoformat(attempts[2]["started_at"]) >= expected


@pytest.mark.parametrize(
    ("window", "tier"),
    [("lunar_opus", "opus"), *large(("seven_day_fable", "fable"))],
)
def test_a_models_own_window_stops_only_that_model(household: MakeHousehold, window: str, tier: str) -> None:
    """A window of one model, known or never heard of, closes only its tier: the others continue on the same account."""
    script = Script(
        accounts=(subscription("only", Window(window, models=(tier,))),),
        tasks=(
            job("strong", writes("strong.txt", "s\n"), says("Strong is done.")),
            job("daily", writes("daily.txt", "d\n"), says("Daily is done.")),
            job("either", writes("either.txt", "e\n"), says("Either is done.")),
        ),
        faults=(Fault("limit", model=tier, task="strong", step=1, window=window, seconds=3600),),
    )
    house = household(script)
    house.make_repo()
    house.add_account("only")
    with house.coordinator():
        strong = house.add_task(prompt("strong"), "--tier", tier)
        house.wait_for(lambda: house.seen(strong)["state"] == "queued" and house.seen(strong)["attempts"], "")
        daily = house.add_task(prompt("daily"), "--tier", "sonnet")
        either = house.add_task(prompt("either"), "--tier", f"{tier},sonnet")
        house.wait_for_state(daily, "landed")
        house.wait_for_state(either, "landed")
        why = house.json("why", strong)

    assert [(r["tier"], r["why"]) for r in why["considered"]] == [(tier, f"{window} was refused")]
    assert [a["tier"] for a in house.seen(either)["attempts"]] == ["sonnet"]
    (account,) = house.json("status")["accounts"]
    buckets = {b["name"]: (b["scope"], b["status"]) for b in account["buckets"]}
    assert account["state"] == "ready"
    assert buckets[window] == (tier, "rejected") and buckets["five_hour"][0] is None


def test_a_window_nobody_heard_of_closes_the_whole_organisation(household: MakeHousehold) -> None:
    """`thirty_day` is taken as account-wide, and closes both profiles that share its organisation's buckets."""
    script = Script(
        accounts=(subscription("acme1"), subscription("acme2"), subscription("own")),
        tasks=(job("work", writes("one.txt", "1\n"), says("Done.")),),
        faults=(Fault("limit", account="acme1", task="work", step=1, window="thirty_day", seconds=3600),),
    )
    house = household(script)
    house.make_repo()
    house.add_account("acme1", "--organisation", "acme")
    house.add_account("acme2", "--organisation", "acme")
    house.add_account("own")
    task = house.add_task(prompt("work"))
    house.up_until_idle()

    assert accounts_of(house.double.turns, "work") == ["acme1", "own"]
    assert len(house.seen(task)["attempts"]) == 2
    accounts = {a["name"]: a for a in house.json("status")["accounts"]}
    assert {name: a["state"] for name, a in accounts.items()} == {
        "acme1": "limited",
        "acme2": "limited",
        "own": "ready",
    }
    assert accounts["acme1"]["buckets"] == accounts["acme2"]["buckets"]
    month = next(b for b in accounts["acme2"]["buckets"] if b["name"] == "thirty_day")
    assert (month["scope"], month["status"]) == (None, "rejected") and month["resets_at"]


@pytest.mark.large
def test_a_fresh_account_is_not_stampeded(household: MakeHousehold) -> None:
    """When an account with many workers is refused, the next one is given one session, then two: as it answers."""
    names = ["a", "b", "c"]
    steps = (runs("while ! test -e ../../../../gate; do sleep 0.1; done"), runs("true", delay_s=0.4))
    script = Script(
        accounts=(subscription("first"), subscription("second")),
        tasks=tuple(job(name, *steps, says("Done.")) for name in names),
    )
    house = household(script)
    house.make_repo()
    house.add_account("first")
    file = house.root / "tasks.toml"
    file.write_text(
        "[defaults]\nrepo = 'repo'\nallow_tool = ['Bash']\nallow_empty = true\n"
        + "".join(f"[[task]]\nprompt = '{prompt(name)}'\n" for name in names)
    )
    tasks = house.fleet("task", "add", "--file", str(file)).split()
    with house.coordinator():
        house.double.wait_for(lambda log: {r.task for r in log} >= set(names), PATIENCE_S)
        house.add_account("second")
        house.double.account("first").refuse("five_hour", 3600)
        (house.root / "gate").touch()
        for task in tasks:
            house.wait_for_state(task, "landed")

    sessions: set[str | None] = set()
    for answers, request in enumerate(r for r in house.double.turns if r.account == "second"):
        sessions.add(request.session)
        assert len(sessions) <= 2**answers, "more sessions than the account had proved itself for"
    assert len(sessions) == 3
    # Flapping is impossible: one move for each session, and none came back.
    assert all(len(house.seen(task)["attempts"]) == 2 for task in tasks)
    assert all(accounts_of(house.double.turns, name) == ["first", "second"] for name in names)
