"""Work on hosts reached over ssh: real servers on loopback, the real client, the whole program."""

from __future__ import annotations

import pytest

from fleet.double import Script, Task
from tests.real.conftest import MakeHousehold
from tests.real.farm import farm
from tests.real.household import Household
from tests.real.scripting import job, prompt, runs, says, subscription, writes

pytestmark = pytest.mark.client


@pytest.mark.large
def test_three_hosts_share_the_work_and_everything_lands(household: MakeHousehold) -> None:
    names = ("alpha", "beta", "gamma")
    house = household(
        Script(
            accounts=(subscription("first"), subscription("second")),
            tasks=tuple(
                job(name, runs("pwd > where.txt"), writes(f"{name}.txt", f"{name}\n"), says("Done."))
                for name in names
            ),
        )
    )
    house.make_repo({".gitignore": "where.txt\n", "README.md": "A sample.\n"})
    for account in ("first", "second"):
        house.add_account(account, "--concurrency", "4")
    with farm(house, "one", "two", "three") as hosts:
        for name in hosts.servers:
            hosts.add(name, "--workers", "1")
        house.fleet("host", "drain", "local")
        for name in names:
            house.add_task(prompt(name), "--target", "main", "--land", "merge", "--allow-tool", "Bash")
        with house.coordinator():
            for n in (1, 2, 3):
                house.wait_for_state(f"t{n}", "landed")
        assert house.git("ls-tree", "--name-only", "main").split() == [
            *(".gitignore", "README.md", "alpha.txt", "beta.txt", "gamma.txt")
        ]
        on = {attempt["host"] for n in (1, 2, 3) for attempt in house.task(f"t{n}")["attempts"]}
        assert on == {"one", "two", "three"}
        assert house.leftovers() == []


def gated(name: str) -> Task:
    """Writes a file, waits for the gate of its task, writes another."""
    return job(
        name,
        writes("one.txt", "one\n"),
        runs("while ! test -e $GATE/$FLEET_TASK; do sleep 0.1; done"),
        writes("two.txt", "two\n"),
        says("Done."),
    )


def gated_house(household: MakeHousehold) -> Household:
    house = household(Script(accounts=(subscription("first"),), tasks=(gated("alpha"),)))
    house.make_repo()
    (house.root / "gate").mkdir()
    house.add_account("first", "--concurrency", "4", "--env", f"GATE={house.root}/gate")
    return house


def add_gated_task(house: Household) -> str:
    return house.add_task(prompt("alpha"), "--target", "main", "--land", "merge", "--allow-tool", "Bash")


def checkpointed(house: Household, task: str) -> bool:
    """Whether home has its first file."""
    ref = f"refs/fleet/checkpoints/{task}"
    worktree = house.seen(task)["worktree"]
    return bool(worktree and worktree["checkpoint"]) and "one.txt" in house.git("ls-tree", "--name-only", ref)


def test_a_host_that_dies_costs_no_more_than_since_the_last_checkpoint(household: MakeHousehold) -> None:
    """Its session and its work in progress go on elsewhere; what comes back with it is kept, and never landed."""
    house = gated_house(household)
    with farm(house, "one", "two") as hosts:
        for name in hosts.servers:
            hosts.add(name, "--workers", "1")
        house.fleet("host", "drain", "local")
        task = add_gated_task(house)
        with house.coordinator("--checkpoint-every", "1s", "--host-lost-after", "4s"):
            house.wait_for(lambda: checkpointed(house, task), "no checkpoint")
            house.wait_for(lambda: hosts.came_home("one.txt"), "no session")
            first = str(house.seen(task)["attempts"][0]["host"])
            hosts.servers[first].stop()
            house.wait_for(lambda: len(house.seen(task)["attempts"]) == 2, "it did not go on elsewhere")
            # Both workers go on now; the one that was given up finishes what it was doing, too.
            (house.root / "gate" / task).touch()
            landed = house.wait_for_state(task, "landed")
            before, after = landed["attempts"]
            assert (before["reason"], after["host"] != first) == ("host lost", True)
            assert before["session_id"] == after["session_id"]
            assert house.git("show", "main:one.txt", "main:two.txt") == "one\ntwo\n"
            main = house.git("rev-parse", "main")
            given_up = hosts.servers[first].home / "fleet" / "runs" / before["id"] / "spool"
            house.wait_for(lambda: b'"text":"Done."' in given_up.read_bytes(), "the zombie never went on")
            hosts.servers[first].start()
            house.wait_for(lambda: hosts.host(first)["state"] == "ready", "it never came back")
            (kept,) = [ref for ref in house.git("for-each-ref").split() if "given-up-on" in ref]
            assert "two.txt" in house.git("ls-tree", "--name-only", kept)
            assert house.git("rev-parse", "main") == main
        assert house.leftovers() == []
    story = [line["text"] for line in house.seen(task)["history"]]
    assert any(kept in text and "was not landed" in text for text in story), story
