"""What the fleet runs may look at it, and command nothing: a worker, what it leaves behind, a setup, a verification."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import pytest

from fleet.double import Step
from tests.real.household import Household
from tests.real.staging import bash, living, prompt, step, writes
from tests.real_client import result_of, run_client
from tests.sizes import large

pytestmark = pytest.mark.client

TOLD = "the fleet takes no commands from what it runs itself"
FLEET = f'FLEET_HOME="${{CLAUDE_CONFIG_DIR:-}}/../.." {sys.executable} -m fleet.cli'


def asks(house_root: Path, name: str, command: str) -> str:
    """A shell command whose output and exit code are in a file of the test's when it has ended."""
    at = house_root / name
    return f"({command}) > {at}.draft 2>&1; echo code $? >> {at}.draft; mv {at}.draft {at}"


def told(house: Household, name: str) -> str:
    return (house.root / name).read_text()


def only(house: Household, task: str) -> bool:
    return [one["id"] for one in house.json("task", "list")] == [task]


def does(*commands: str) -> tuple[Step, ...]:
    return (*(step("I ask.", bash(command)) for command in commands), step("I am done."))


def test_a_worker_may_look_but_its_commands_are_refused(tmp_path: Path) -> None:
    """Also those of a process that detached itself with a clean environment: its supervisor takes it in."""
    task = writes("greet")
    home = tmp_path / "home"
    add = f"{FLEET} task add sneaky --repo {tmp_path}/repo"
    clean = f"env -i FLEET_HOME={home} PATH=$PATH HOME=$HOME LANG=C.UTF-8 {sys.executable} -m fleet.cli"
    late = asks(tmp_path, "orphan", f"sleep 0.3; {clean} task add sneaky --repo {tmp_path}/repo")
    commands = (
        asks(tmp_path, "add", add),
        asks(tmp_path, "list", f"{FLEET} task list"),
        asks(tmp_path, "status", f"{FLEET} status"),
        asks(tmp_path, "down", f"{FLEET} down --stop-workers"),
        asks(tmp_path, "allow", f"{FLEET} project allow {tmp_path}/repo"),
        f"setsid sh -c '{late}' >/dev/null 2>&1 & disown; until test -e {tmp_path}/orphan; do sleep 0.05; done",
    )
    task = type(task)("greet", does(*commands))
    with living(tmp_path, task) as house:
        house.make_repo()
        house.add_account("work")
        added = house.add_task(prompt("greet"), "--allow-tool", "Bash", "--allow-empty")
        house.up_until_idle()
        for refused in ("add", "down", "allow", "orphan"):
            assert TOLD in told(house, refused) and "code 1" in told(house, refused), told(house, refused)
        assert f"part of {added}.1" in told(house, "add")
        assert added in told(house, "list") and "code 0" in told(house, "list")
        assert "code 0" in told(house, "status")
        assert only(house, added)


@pytest.mark.large
def test_a_worker_is_refused_also_while_no_coordinator_runs(tmp_path: Path) -> None:
    """The command would change the state itself, and so it looks at itself."""
    task = type(writes("greet"))(
        "greet",
        does(
            f"touch {tmp_path}/ready; until test -e {tmp_path}/go; do sleep 0.05; done",
            asks(tmp_path, "add", f"{FLEET} task add sneaky --repo {tmp_path}/repo"),
            asks(tmp_path, "up", f"{FLEET} up --until-idle"),
        ),
    )
    with living(tmp_path, task) as house:
        house.make_repo()
        house.add_account("work")
        added = house.add_task(prompt("greet"), "--allow-tool", "Bash", "--allow-empty")
        with house.coordinator() as coordinator:
            house.wait_for((tmp_path / "ready").exists, "the worker did not begin")
            coordinator.kill()
            coordinator.wait()
            (tmp_path / "go").touch()
            house.wait_for((tmp_path / "up").exists, "the worker did not ask")
            assert TOLD in told(house, "add") and TOLD in told(house, "up")
            assert only(house, added)
        house.up_until_idle()
        assert only(house, added)


def test_a_setup_and_a_verification_are_refused(tmp_path: Path) -> None:
    """They are run by the coordinator itself; a clean environment does not hide the shell that they began in."""
    home = tmp_path / "home"
    ask = f"FLEET_HOME={home} {sys.executable} -m fleet.cli task add sneaky --repo {tmp_path}/repo"
    clean = (
        f"env -i FLEET_HOME={home} PATH=$PATH HOME=$HOME {sys.executable} -m fleet.cli task add s --repo ."
    )
    with living(tmp_path, writes("greet", "hello.txt")) as house:
        setup, verify = asks(tmp_path, "setup", ask), asks(tmp_path, "verify", clean)
        house.make_repo({".fleet.toml": f"[worktree]\nsetup = [{json.dumps(setup)}]\n"})
        house.add_account("work")
        added = house.add_task(prompt("greet"), "--verify", verify)
        house.up_until_idle()
        assert TOLD in told(house, "setup") and f"part of {added}.1" in told(house, "setup")
        assert TOLD in told(house, "verify") and f"part of check-{added}" in told(house, "verify")
        assert only(house, added)


@pytest.mark.parametrize("running", [True, *large(False)])
def test_a_person_is_obeyed_also_from_a_client_of_their_own_and_from_another_homes_worker(
    tmp_path: Path, running: bool
) -> None:
    ask = f"FLEET_HOME={tmp_path}/home {sys.executable} -m fleet.cli task add mine --repo {tmp_path}/repo"
    task = type(writes("own"))("own", does(asks(tmp_path, "own", f"cd /; {ask}")))
    with living(tmp_path, task) as house:
        house.make_repo()
        house.fleet("task", "add", "Look", "--repo", str(house.repo))

        def from_a_client() -> None:
            said = run_client(
                prompt("own"),
                base_url=house.double.base_url,
                token="tok-work",
                cwd=house.repo,
                home=tmp_path / "person",
                environment={
                    "FLEET_RUN": "t1.1@another-home",
                    "PYTHON_KEYRING_BACKEND": "keyring.backends.null.Keyring",
                },
            )
            assert not result_of(said)["is_error"]
            assert "code 0" in told(house, "own"), told(house, "own")

        if running:
            with house.coordinator():
                from_a_client()
        else:
            from_a_client()
        assert len(house.json("task", "list")) == 2


def test_this_test_is_no_worker() -> None:
    """Else the others would say nothing."""
    assert "FLEET_RUN" not in os.environ
