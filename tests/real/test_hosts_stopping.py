"""A coordinator ends within seconds whatever it waits for on hosts, and the next one goes on where it was."""

from __future__ import annotations

import os
import shutil

import pytest

from fleet.double import Script
from tests.patience import PATIENCE_S
from tests.real.conftest import MakeHousehold
from tests.real.farm import farm
from tests.real.gates import Gates, halfway
from tests.real.scripting import MERGE, job, played, prompt, says, subscription, writes
from tests.real.staging import journal
from tests.workers.proxy import proxy_to
from workers.host import LocalHost
from workers.orders import RunSpec

pytestmark = pytest.mark.client

END_S = 15.0
"""Less than a call to a host is waited for."""
GATE = """
case "$FLEET_TASK" in
    {task}) touch {gates}/{name}.reached; until test -e {gates}/{name}; do sleep 0.05; done;;
esac
"""


@pytest.mark.large
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


@pytest.mark.large
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


def test_a_run_on_a_host_whose_attempt_has_ended_is_stopped_and_swept_by_the_next_up(
    household: MakeHousehold,
) -> None:
    """Left by an earlier release, or by a database that was put back: of a task that has landed, and of none. What has
    a spec there and was never begun will not begin either."""
    house = household(
        Script(
            accounts=(subscription("first"),),
            tasks=(job("alpha", writes("one.txt", "one\n"), says("Done.")),),
        )
    )
    house.make_repo()
    house.add_account("first")
    with farm(house, "one") as hosts:
        hosts.add("one")
        house.fleet("host", "drain", "local")
        task = house.add_task(prompt("alpha"), *MERGE)
        house.up_until_idle()
        ended = house.task(task)["attempts"][-1]
        assert (ended["host"], house.task(task)["state"]) == ("one", "landed")
        runs = LocalHost(hosts.directory("one") / "runs", house.home_id())
        spec = RunSpec(("/bin/sh", "-c", "sleep 600 & sleep 600"), str(house.root), dict(os.environ))
        for attempt in (ended["id"], "t7.3"):
            runs.launch(attempt, spec, None)
        late = runs.run_dir("t8.1")
        late.mkdir()
        (late / "spec.json").write_text(spec.to_json("t8.1", runs.marker("t8.1")))
        house.wait_for(lambda: len(house.leftovers()) >= 4, "they were not started")
        assert runs.living() == {ended["id"], "t7.3"}
        with house.coordinator():
            house.wait_for(lambda: not runs.living() and not house.leftovers(), "they live on")
            log = house.root / "up.log"
            house.wait_for(lambda: "t7.3 was stopped: it is of no task" in log.read_text(), "nobody says it")
            assert not (late / "spec.json").exists()
        assert house.task(task)["state"] == "landed" and len(house.task(task)["attempts"]) == 1
        told = f"{ended['id']} had gone on on host one, which came back: it left nothing more"
        assert any(told in line for line in journal(house, task)), journal(house, task)
