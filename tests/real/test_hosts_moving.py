"""Tasks on hosts are talked to, stopped, limited and moved as they are at home."""

from __future__ import annotations

import pytest

from fleet.double import Fault, Script
from tests.real.conftest import MakeHousehold
from tests.real.farm import farm
from tests.real.gates import Gates, waits
from tests.real.household import Household
from tests.real.scripting import MERGE, accounts_of, job, played, prompt, says, subscription, writes

pytestmark = pytest.mark.client


@pytest.mark.large
def test_a_drained_hosts_work_goes_on_elsewhere_with_its_session_and_its_loose_files(
    household: MakeHousehold,
) -> None:
    """From host to host, from there to this machine, and out again; each time something is in no commit."""
    house = household(
        Script(
            accounts=(subscription("first"),),
            tasks=(
                job(
                    "alpha",
                    *(writes("one.txt", "one\n"), waits("first")),
                    *(writes("two.txt", "two\n"), waits("second")),
                    *(writes("three.txt", "three\n"), waits("third")),
                    *(writes("four.txt", "four\n"), says("Done.")),
                ),
            ),
        )
    )
    house.make_repo()
    gates = Gates(house)
    house.add_account("first", "--concurrency", "4", *gates.for_account)
    with farm(house, "one", "two") as hosts:
        hosts.add("one")
        house.fleet("host", "drain", "local")
        task = house.add_task(prompt("alpha"), *MERGE)
        with house.coordinator():
            before = gates.await_at(task, "first")
            hosts.add("two")
            house.fleet("host", "drain", "one", "--move")
            on_two = gates.await_at(task, "first", times=2)
            assert on_two == hosts.worktree("two", task) and not before.exists()
            assert (on_two / "one.txt").read_text() == "one\n"

            house.fleet("host", "remove", "one")
            house.wait_for(lambda: not hosts.servers["one"].serving(), "the link to a removed host is open")

            gates.open(task, "first")
            gates.await_at(task, "second")
            house.fleet("host", "drain", "local", "--off")
            house.fleet("host", "drain", "two", "--move")
            here = gates.await_at(task, "second", times=2)
            assert here.is_relative_to(house.home) and not on_two.exists()
            assert ((here / "one.txt").read_text(), (here / "two.txt").read_text()) == ("one\n", "two\n")

            gates.open(task, "second")
            gates.await_at(task, "third")
            house.fleet("host", "drain", "two", "--off")
            house.fleet("host", "drain", "local", "--move")
            assert gates.await_at(task, "third", times=2) == on_two
            gates.open(task, "third")
            shown = house.wait_for_state(task, "landed")
        assert [attempt["host"] for attempt in shown["attempts"]] == ["one", "two", "local", "two"]
        assert len({attempt["session_id"] for attempt in shown["attempts"]}) == 1
        # Only the steps that were broken off were taken again, so every client had the whole conversation.
        assert [step for _, step in played(house.double.requests, "alpha")] == [
            0,
            1,
            1,
            2,
            3,
            3,
            4,
            5,
            5,
            6,
            7,
        ]
        assert house.git("show", *(f"main:{n}.txt" for n in ("one", "two", "three", "four"))).split() == [
            *("one", "two", "three", "four")
        ]
        assert house.leftovers() == []


@pytest.mark.large
def test_a_worker_on_a_host_is_limited_talked_to_corrected_and_cancelled(household: MakeHousehold) -> None:
    house = household(
        Script(
            accounts=(subscription("first"), subscription("second")),
            tasks=(
                job("limited", writes("a.txt", "a\n"), writes("b.txt", "b\n"), says("Done.")),
                job(
                    "talked",
                    *(writes("c.txt", "c\n"), waits("talk"), says("Done.")),
                    and_also=(writes("d.txt", "d\n"), says("Done, too.")),
                ),
                job("cancelled", writes("e.txt", "e\n"), waits("never"), says("Done.")),
                job(
                    "corrected",
                    *(writes("f.txt", "f\n"), says("Done.")),
                    Verification_failed=(writes("fixed.txt", "fixed\n"), says("Mended.")),
                ),
            ),
            faults=(Fault("limit", account="first", task="limited", step=1, seconds=3600),),
        )
    )
    house.make_repo()
    gates = Gates(house)
    # Only the first has the tier of all others: the second is there for what the first gives no more.
    house.add_account("first", "--concurrency", "8", *gates.for_account)
    with farm(house, "one") as hosts:
        hosts.add("one", "--workers", "8")
        house.fleet("host", "drain", "local")
        talked, cancelled = (house.add_task(prompt(name), *MERGE) for name in ("talked", "cancelled"))
        corrected = house.add_task(prompt("corrected"), *MERGE, "--verify", "test -f fixed.txt")
        with house.coordinator("--checkpoint-every", "1h"):
            gates.await_at(cancelled, "never")
            gates.await_at(talked, "talk")
            house.fleet("task", "say", talked, "And also: and also.")
            gates.open(talked, "talk")

            worktree = hosts.worktree("one", cancelled)
            assert worktree is not None
            house.fleet("task", "cancel", cancelled)
            house.wait_for(lambda: not worktree.exists(), "the worktree of a cancelled task is still there")
            house.wait_for(lambda: kept(house, cancelled), "nobody says where its work is kept")
            assert house.git("show", f"{kept(house, cancelled)}:e.txt") == "e\n"

            for task in (talked, corrected):
                house.wait_for_state(task, "landed")
            assert house.git("show", "main:d.txt", "main:fixed.txt") == "d\nfixed\n"
            assert len(house.seen(corrected)["attempts"]) == 1

            house.add_account("second", *gates.for_account)
            limited = house.add_task(prompt("limited"), *MERGE)
            shown = house.wait_for_state(limited, "landed")
        assert [attempt["reason"] for attempt in shown["attempts"]] == ["limited", "finished"]
        assert {attempt["host"] for attempt in shown["attempts"]} == {"one"}
        assert accounts_of(house.double.requests, "limited") == ["first", "second"]
        assert [step for _, step in played(house.double.requests, "limited")] == [0, 1, 2]
        assert house.leftovers() == []


def kept(house: Household, task: str) -> str | None:
    """The ref that its worktree's loose work was kept in."""
    found: str | None = next(w["preserved"] for w in house.json("worktree", "list") if w["task"] == task)
    return found
