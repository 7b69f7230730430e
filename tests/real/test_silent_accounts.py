"""Accounts that answer nobody, and sessions that one does not take: the work goes on, nothing is tried in vain."""

from __future__ import annotations

from contextlib import closing

import pytest

from fleet.core.events import AccountRead, WindowReading
from fleet.double import Fault, Script
from fleet.double.script import FaultKind
from fleet.engine import Engine
from fleet.shell.stamp import stamp
from fleet.store.sqlite import SqliteStore
from tests.real.conftest import MakeHousehold
from tests.real.household import Household
from tests.real.scripting import job, played, prompt, says, subscription, writes
from tests.sizes import large

pytestmark = pytest.mark.client

ALWAYS = 99


def a_house(
    household: MakeHousehold, *faults: Fault, names: tuple[str, ...] = ("first", "second")
) -> Household:
    script = Script(
        accounts=tuple(subscription(name) for name in names),
        tasks=(job("work", writes("a.txt", "a\n"), writes("b.txt", "b\n"), says("Done.")),),
        faults=faults,
    )
    house = household(script)
    house.make_repo()
    for name in names:
        house.add_account(name)
    return house


def attempts_of(house: Household, task: str) -> list[tuple[str, str]]:
    return [(one["account"], one["reason"]) for one in house.seen(task)["attempts"]]


@pytest.mark.parametrize(
    ("kind", "ends", "state"),
    [
        ("disabled", ["unpaid"], "silent"),
        *large(
            ("unpaid", ["unpaid"], "silent"),
            ("credits", ["credits"], "ready"),
            ("throttle", ["busy", "busy"], "silent"),
        ),
    ],
)
def test_work_goes_on_elsewhere_when_an_account_answers_nobody(
    household: MakeHousehold, kind: FaultKind, ends: list[str], state: str
) -> None:
    """Its session moves after two ends at most; the account is given nothing until it has answered one question."""
    house = a_house(household, Fault(kind, account="first", times=ALWAYS, seconds=120))
    task = house.add_task(prompt("work"), "--target", "main", "--land", "merge")
    house.up_until_idle()

    assert attempts_of(house, task) == [*(("first", end) for end in ends), ("second", "finished")]
    listed = {one["name"]: one for one in house.json("account", "list")}
    assert (listed["first"]["state"], listed["second"]["state"]) == (state, "ready")
    assert house.git("ls-tree", "--name-only", "main").split() == ["README.md", "a.txt", "b.txt"]


@pytest.mark.parametrize("why", ["image", *large("signature")])
def test_a_session_that_is_not_taken_elsewhere_goes_back_to_where_it_was_answered(
    household: MakeHousehold, why: FaultKind
) -> None:
    """After a limit it moves, is refused there, and goes on, with all it knew, when the first account opens again."""
    house = a_house(
        household,
        Fault("limit", account="first", step=1, seconds=4),
        Fault(why, account="second", times=ALWAYS),
    )
    task = house.add_task(prompt("work"), "--target", "main", "--land", "merge")
    house.up_until_idle()

    assert attempts_of(house, task) == [("first", "limited"), ("second", "unfit"), ("first", "finished")]
    assert len({one["session_id"] for one in house.seen(task)["attempts"]}) == 1
    assert played(house.double.turns, "work") == [("work", 0), ("work", 1), ("work", 2)]


def test_a_session_that_no_longer_fits_is_replaced_by_one_that_is_told_what_it_knew(
    household: MakeHousehold,
) -> None:
    """Its context is full after the first answer: a new session goes on with the work, and with why, by itself."""
    asked = 5  # so often the client asks, compacting, before it gives up
    house = a_house(household, Fault("too_long", account="only", after=1, times=asked), names=("only",))
    task = house.add_task(prompt("work"), "--target", "main", "--land", "merge")
    house.up_until_idle()

    full, last = house.seen(task)["attempts"]
    assert (full["reason"], last["reason"]) == ("context", "finished")
    assert last["session_id"] != full["session_id"]
    transcript = next(house.home.rglob(f"{last['session_id']}.jsonl")).read_text()
    assert "You are taking over this task from an earlier session" in transcript
    assert "What it has changed so far" in transcript and "a.txt" in transcript


def test_what_a_person_and_one_small_question_know_better_than_a_reading_and_a_refusal(
    household: MakeHousehold,
) -> None:
    """A window that reads as full refuses nothing, so it is asked, and gives. One that refuses for three days is opened
    by `account verify` when it gives again; and `retry --fresh` goes on with a new session, told of the work so far."""
    house = a_house(household, Fault("limit", account="only", step=1, seconds=3 * 86_400), names=("only",))
    task = house.add_task(prompt("work"), "--target", "main", "--land", "merge")
    at = stamp()
    full = WindowReading("five_hour", None, 1.0, at["at_ms"] + 3_600_000, "allowed")
    with closing(
        SqliteStore(house.home / "fleet.db")
    ) as store:  # as a status line of three minutes ago told it
        Engine(store).apply([AccountRead(**at, name="only", readings=(full,), seen_ms=at["at_ms"] - 180_000)])
    with house.coordinator():
        house.wait_for(
            lambda: attempts_of(house, task) == [("only", "limited")], "it was not asked, or not refused"
        )
        house.fleet("task", "cancel", task)
        house.fleet("task", "retry", task, "--fresh")
        house.double.account("only").reset("five_hour")
        house.fleet("account", "verify", "only")
        house.wait_for_state(task, "landed")
    before, after = house.seen(task)["attempts"]
    assert after["session_id"] != before["session_id"]
    transcript = next(house.home.rglob(f"{after['session_id']}.jsonl")).read_text()
    assert "You are taking over this task from an earlier session" in transcript and "a.txt" in transcript
