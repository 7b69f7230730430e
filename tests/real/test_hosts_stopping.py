"""A coordinator ends within seconds whatever it waits for on hosts, and the next one goes on where it was."""

from __future__ import annotations

import shutil

import pytest

from fleet.double import Script
from tests.patience import PATIENCE_S
from tests.real.conftest import MakeHousehold
from tests.real.farm import farm
from tests.real.gates import Gates, halfway
from tests.real.scripting import job, played, prompt, says, subscription, writes
from tests.workers.proxy import proxy_to

pytestmark = pytest.mark.client

MERGE = ("--target", "main", "--land", "merge", "--allow-tool", "Bash")
END_S = 15.0
"""Less than a call to a host is waited for."""
GATE = """
case "$FLEET_TASK" in
    {task}) touch {gates}/{name}.reached; until test -e {gates}/{name}; do sleep 0.05; done;;
esac
"""


def test_fleet_down_waits_for_no_call_to_a_host(household: MakeHousehold) -> None:
    """One task is being verified there, one set up; the second time the wire is stalled as well."""
    names = ("alpha", "beta")
    house = household(
        Script(
            accounts=(subscription("first"),),
            tasks=tuple(job(name, writes(f"{name}.txt", f"{name}\n"), says("Done.")) for name in names),
        )
    )
    gates = Gates(house)
    house.make_repo(
        {
            ".fleet.toml": '[worktree]\nsetup = ["sh setup.sh"]\n',
            "setup.sh": GATE.format(task="t2", name="setup", gates=gates.folder),
            "verify.sh": GATE.format(task="t1", name="verify", gates=gates.folder),
        }
    )
    house.add_account("first", "--concurrency", "4")

    def reached() -> bool:
        return all((gates.folder / f"{name}.reached").exists() for name in ("setup", "verify"))

    with farm(house, "one") as hosts, proxy_to(hosts.servers["one"].port) as wire:
        hosts.add("one", "--workers", "4", port=wire.port)
        house.fleet("host", "drain", "local")
        tasks = [house.add_task(prompt(name), *MERGE, "--verify", "sh verify.sh") for name in names]
        for stalled in (False, True):
            with (house.root / "up.log").open("ab") as log:
                process = house.start_coordinator(log)
                try:
                    house.wait_for(reached, "it never came to both gates")
                    if stalled:
                        wire.stall()
                    house.fleet("down")
                    process.wait(END_S)
                finally:
                    process.kill()
                    process.wait(PATIENCE_S)
            for name in ("setup", "verify"):
                (gates.folder / f"{name}.reached").unlink()
            wire.flow()
        with house.coordinator():
            house.wait_for(reached, "what was cut short was not done again")
            for name in ("setup", "verify"):
                (gates.folder / name).touch()
            shown = [house.wait_for_state(task, "landed") for task in tasks]
        assert [[attempt["reason"] for attempt in task["attempts"]] for task in shown] == [["finished"]] * 2
        assert house.git("show", "main:alpha.txt", "main:beta.txt") == "alpha\nbeta\n"
        assert house.leftovers() == []


@pytest.mark.sensitive
def test_a_directory_that_is_deleted_under_a_worker_ends_no_coordinator(household: MakeHousehold) -> None:
    """Somebody tidies up there: what was last brought home goes on, in a directory made anew."""
    house = household(Script(accounts=(subscription("first"),), tasks=(halfway("tidy"),)))
    house.make_repo()
    gates = Gates(house)
    house.add_account("first", *gates.for_account)
    with farm(house, "one") as hosts:
        hosts.add("one")
        house.fleet("host", "drain", "local")
        task = house.add_task(prompt("alpha"), *MERGE)
        with house.coordinator("--checkpoint-every", "1s") as process:
            gates.await_at(task, "tidy")
            # An earlier checkpoint is one, too, but then all after it is done anew.
            house.wait_for(lambda: hosts.came_home("tidy.reached"), "no checkpoint that knows of the gate")
            shutil.rmtree(hosts.directory("one"))
            gates.await_at(task, "tidy", times=2)
            gates.open(task, "tidy")
            shown = house.wait_for_state(task, "landed")
            assert process.poll() is None
        assert len({attempt["session_id"] for attempt in shown["attempts"]}) == 1
        assert [step for _, step in played(house.double.requests, "alpha")] == [0, 1, 1, 2, 3]
        assert house.git("show", "main:one.txt", "main:two.txt") == "one\ntwo\n"
