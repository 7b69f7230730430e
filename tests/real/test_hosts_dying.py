"""Hosts that are rebooted or gone for good: tasks keep their place, their session and their work, and none is landed
unverified."""

from __future__ import annotations

import contextlib
import os
import signal
from pathlib import Path

import pytest

from fleet.double import Script
from tests.patience import PATIENCE_S
from tests.real.conftest import MakeHousehold
from tests.real.farm import Farm, farm
from tests.real.gates import Gates, halfway, waits
from tests.real.scripting import MERGE, job, played, prompt, says, subscription, writes
from tests.real.staging import started
from tests.workers import nodes

pytestmark = pytest.mark.client


def power_off(hosts: Farm, name: str, *attempts: str) -> None:
    """The server, what serves its connections, and all that its workers ran: each ends by its number."""
    server = hosts.servers[name]
    supervisors = [int(started(hosts.house, attempt)["supervisor_pid"]) for attempt in attempts]
    sessions = server.sessions()
    server.stop()
    for pid in (*supervisors, *sessions, *hosts.house.leftovers()):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def begun_on(hosts: Farm, machine: Path) -> None:
    """The server, on a machine that has its boots."""
    server = hosts.servers["one"]
    server.stop()
    server.machine = nodes.node(machine, "one")
    server.start()


@pytest.mark.large
def test_a_host_that_was_rebooted_resumes_its_sessions_on_the_work_that_lies_there(
    household: MakeHousehold,
) -> None:
    house = household(Script(accounts=(subscription("first"),), tasks=(halfway("boot"),)))
    house.make_repo()
    gates = Gates(house)
    house.add_account("first", *gates.for_account)
    with farm(house, "one") as hosts:
        machine = house.root / "machine"
        begun_on(hosts, machine)
        hosts.add("one")
        house.fleet("host", "drain", "local")
        task = house.add_task(prompt("alpha"), *MERGE)
        with house.coordinator("--checkpoint-every", "1h"):
            worktree = gates.await_at(task, "boot")
            # A client writes its transcript a moment after it has begun a tool.
            house.wait_for(lambda: hosts.transcripts_tell("one", "boot.reached"), "nothing was written down")
            power_off(hosts, "one", "t1.1")
            # What no checkpoint has, the disk has.
            (worktree / "late.txt").write_text("late\n")
            nodes.reboot(machine)
            begun_on(hosts, machine)
            assert gates.await_at(task, "boot", times=2) == worktree
            gates.open(task, "boot")
            shown = house.wait_for_state(task, "landed")
        assert [attempt["reason"] for attempt in shown["attempts"]] == ["lost", "finished"]
        assert len({attempt["session_id"] for attempt in shown["attempts"]}) == 1
        assert [step for _, step in played(house.double.requests, "alpha")] == [0, 1, 1, 2, 3]
        assert house.git("show", *(f"main:{name}.txt" for name in ("one", "late", "two"))).split() == [
            *("one", "late", "two")
        ]
        assert house.leftovers() == []


SETUP = """
case "$HOME/$FLEET_TASK" in
    */servers/one/*/t2) touch {gates}/setup.reached; until test -e {gates}/never; do sleep 0.05; done;;
esac
"""
VERIFY = """
pwd >> {gates}/verifying
case "$HOME" in
    */servers/one/*) until test -e {gates}/never; do sleep 0.05; done;;
esac
test -f {name}.txt && pwd >> {gates}/verified
"""


@pytest.mark.large
def test_a_host_that_is_lost_while_it_verifies_and_sets_up_leaves_nothing_undone(
    household: MakeHousehold,
) -> None:
    """One task had done its work, one had not begun: both go on here, and what lands was verified here."""
    house = household(
        Script(
            accounts=(subscription("first"),),
            tasks=tuple(
                job(name, writes(f"{name}.txt", f"{name}\n"), says("Done.")) for name in ("alpha", "beta")
            ),
        )
    )
    gates = Gates(house)
    house.make_repo(
        {
            ".fleet.toml": '[worktree]\nsetup = ["sh setup.sh"]\n',
            "setup.sh": SETUP.format(gates=gates.folder),
            **{
                f"verify-{name}.sh": VERIFY.format(gates=gates.folder, name=name)
                for name in ("alpha", "beta")
            },
        }
    )
    house.add_account("first", "--concurrency", "4")
    with farm(house, "one") as hosts:
        hosts.add("one", "--workers", "4")
        house.fleet("host", "drain", "local")
        alpha, beta = (
            house.add_task(prompt(name), *MERGE, "--verify", f"sh verify-{name}.sh")
            for name in ("alpha", "beta")
        )
        with house.coordinator("--host-lost-after", "3s"):
            house.wait_for((gates.folder / "verifying").exists, "nothing was ever verified there")
            house.wait_for((gates.folder / "setup.reached").exists, "nothing was ever set up there")
            assert (house.seen(alpha)["state"], house.seen(beta)["state"]) == ("checking", "running")
            power_off(hosts, "one", "t1.1")
            house.wait_for(lambda: hosts.shows("one")["state"] == "suspected", "nobody noticed")
            assert "does not answer" in house.fleet("why", alpha)
            house.fleet("host", "drain", "local", "--off")
            shown = [house.wait_for_state(task, "landed") for task in (alpha, beta)]
            assert "is given up" in (house.root / "up.log").read_text()
            # A host that is lost may be removed at once, whatever still lies on it.
            house.fleet("host", "remove", "one")
        assert [attempt["host"] for attempt in shown[0]["attempts"]] == ["one", "local"]
        assert [attempt["reason"] for attempt in shown[1]["attempts"]] == ["host lost", "finished"]
        places = [Path(line) for line in (gates.folder / "verified").read_text().splitlines()]
        assert places and all(place.is_relative_to(house.home) for place in places)
        assert house.git("show", "main:alpha.txt", "main:beta.txt") == "alpha\nbeta\n"
        assert house.leftovers() == []


@pytest.mark.large
def test_a_host_that_only_one_task_can_use_is_waited_for_until_it_is_lost(household: MakeHousehold) -> None:
    """`fleet up --until-idle` goes on as long as there is hope, says for whom, and then ends with the cure."""
    house = household(
        Script(
            accounts=(subscription("first"),),
            tasks=(job("alpha", writes("one.txt", "one\n"), waits("gone"), says("Done.")),),
        )
    )
    house.make_repo()
    gates = Gates(house)
    house.add_account("first", *gates.for_account)
    with farm(house, "one") as hosts:
        hosts.add("one", "--label", "gpu")
        task = house.add_task(prompt("alpha"), *MERGE, "--label", "gpu")
        with (house.root / "up.log").open("ab") as log:
            process = house.start_coordinator(
                log, "--until-idle", "--host-lost-after", "4s", "--checkpoint-every", "1s"
            )
            try:
                gates.await_at(task, "gone")
                house.wait_for(lambda: hosts.came_home("gone.reached"), "no checkpoint")
                power_off(hosts, "one", "t1.1")
                house.wait_for(lambda: hosts.shows("one")["state"] == "suspected", "nobody noticed")
                assert process.poll() is None
                house.wait_for(lambda: process.poll() is not None, "it never ended")
            finally:
                process.kill()
                process.wait(PATIENCE_S)
        assert process.returncode == 1
        said = (house.root / "up.log").read_text()
        assert "does not answer" in said and "is given up" in said
        assert (
            f"{task} queued: host local: it has not the label gpu; host one: it has not answered for" in said
        )
        assert "bring host one back" in said and "fleet host verify one" in said
        # Still away, it counts as given up at the first look; once it is back, the task goes on where it was.
        assert "bring host one back" in house.run("up", "--until-idle").stdout
        hosts.servers["one"].start()
        gates.open(task, "gone")
        house.up_until_idle()
        shown = house.seen(task)
        assert (
            shown["state"] == "landed" and len({attempt["session_id"] for attempt in shown["attempts"]}) == 1
        )
        assert house.git("show", "main:one.txt") == "one\n"
        assert house.leftovers() == []
