"""A token reaches the client on another host, and touches nothing on the way."""

from __future__ import annotations

import time
from pathlib import Path
from uuid import uuid4

import pytest

from fleet.double import Script
from tests.real.conftest import MakeHousehold
from tests.real.farm import farm
from tests.real.gates import Gates, waits
from tests.real.scripting import job, prompt, runs, says, subscription, writes
from tests.real.token_watch import Watch, traces

pytestmark = pytest.mark.client


def of_tests(root: Path) -> list[Path]:
    """What lies in /tmp of tests, others of which may run now."""
    return [path for path in Path("/tmp").iterdir() if path in root.parents or "pytest" in path.name]


def test_a_token_is_in_no_file_environment_or_argument_of_a_host(household: MakeHousehold) -> None:
    token = f"sk-ant-oat01-PLANTED-{uuid4().hex}"
    watch = Watch(traces([token]))
    house = household(
        Script(
            accounts=(subscription("first", token=token),),
            tasks=(
                job(
                    "alpha",
                    runs("env; cat /proc/$PPID/environ; ls -l /proc/$PPID/fd"),
                    *(writes("one.txt", "one\n"), waits("search"), says("Done.")),
                ),
            ),
        )
    )
    house.make_repo({".fleet.toml": '[worktree]\nsetup = ["env"]\n'})
    gates = Gates(house)
    began_s = time.time()
    with farm(house, "one") as hosts, watch.on():
        house.add_account("first", *gates.for_account, token=token)
        hosts.add("one")
        house.fleet("host", "drain", "local")
        task = house.add_task(
            prompt("alpha"),
            *("--target", "main", "--land", "merge", "--allow-tool", "Bash", "--verify", "env"),
        )
        with house.coordinator("--checkpoint-every", "1s"):
            gates.await_at(task, "search")
            house.wait_for(lambda: house.seen(task)["worktree"]["checkpoint_at"], "no checkpoint")
            run = hosts.directory("one") / "runs" / "t1.1"
            assert (run / "spec.json").exists() and (run / "spool").exists()
            # The keyring of these tests is a file: it alone has the token.
            keyring = house.root / "data"
            assert watch.files_below(house.root, keyring) == []
            assert watch.files_below(Path("/tmp"), *of_tests(house.root), since_s=began_s) == []
            gates.open(task, "search")
            house.wait_for_state(task, "landed")
        assert watch.files_below(house.root, keyring) == []
    assert watch.looks > 20 and watch.found == set()
    assert {request.account for request in house.double.turns} == {"first"}
    assert house.leftovers() == []
