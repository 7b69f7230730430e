"""Accounts that answer nobody, and sessions that one does not take: the work goes on, nothing is tried in vain."""

from __future__ import annotations

import pytest

from fleet.double import Fault, Script
from fleet.double.script import FaultKind
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


def test_a_session_that_is_not_taken_elsewhere_goes_back_to_where_it_was_answered(
    household: MakeHousehold,
) -> None:
    """After a limit it moves, is refused there, and goes on, with all it knew, when the first account opens again."""
    house = a_house(
        household,
        Fault("limit", account="first", step=1, seconds=4),
        Fault("signature", account="second", times=ALWAYS),
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
