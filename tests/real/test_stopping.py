"""Workers that hang or leave something behind, and coordinators that are told to stop while workers run."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from fleet.double import Fault, Task
from tests.patience import PATIENCE_S
from tests.real.household import Household
from tests.real.scripting import MERGE
from tests.real.staging import (
    answered,
    assert_nothing_lost_or_doubled,
    bash,
    journal,
    living,
    prompt,
    started,
    step,
    write,
    writes,
)
from tests.sizes import large

pytestmark = pytest.mark.client

GREET = writes("greet", "hello.txt")


def waits(go: Path) -> Task:
    """Works until `go` is there."""
    wait = bash(f"until [ -e {go} ]; do sleep 0.05; done")
    return Task("waits", (step("First.", write("a.txt")), step("I wait.", wait), step("Done.")))


def test_an_answer_that_never_comes_is_given_up_and_the_session_goes_on(tmp_path: Path) -> None:
    with living(tmp_path, GREET, faults=(Fault("hang", task="greet", step=1),)) as house:
        house.make_repo()
        house.add_account("work")
        task = house.add_task(prompt("greet"), *MERGE)
        house.up_until_idle("--stall-timeout", "15s")
        shown = house.task(task)
        assert shown["state"] == "landed" and len(shown["attempts"]) == 2
        assert len({a["session_id"] for a in shown["attempts"]}) == 1
        assert shown["attempts"][0]["reason"] == "stalled"
        assert any(re.search(r"stalled: no output for \d+ s", line) for line in journal(house, task))
        assert answered(house).count(("greet", "greet", 0)) == 1


@pytest.mark.parametrize(
    "left",
    [
        *large(bash("sleep 300", run_in_background=True)),
        bash("nohup setsid sleep 300 > /dev/null 2>&1 & echo begun"),
    ],
    ids=["in the background", "detached"],
)
def test_what_a_worker_leaves_running_ends_with_it(tmp_path: Path, left: object) -> None:
    serve = Task("serve", (step("I start it.", left), step("I write.", write("a.txt")), step("Done.")))  # type: ignore[arg-type]
    with living(tmp_path, serve) as house:
        house.make_repo()
        house.add_account("work")
        task = house.add_task(prompt("serve"), *MERGE)
        house.up_until_idle("--stall-timeout", "10s")
        assert house.task(task)["state"] == "landed"
        assert house.leftovers() == []


def test_down_leaves_the_workers_at_work_and_up_adopts_them(tmp_path: Path) -> None:
    with living(tmp_path, waits(tmp_path / "go")) as house:
        house.make_repo()
        house.add_account("work")
        task = house.add_task(prompt("waits"), *MERGE)
        with house.coordinator() as process:
            house.wait_for(lambda: len(answered(house)) >= 2, "it never ran")
            said = house.run("down")
            assert "1 worker goes on" in said.stderr
            assert process.wait(PATIENCE_S) == 0
        assert started(house, "t1.1")["pid"] in house.leftovers()
        (tmp_path / "go").touch()
        house.up_until_idle()
        assert len(house.task(task)["attempts"]) == 1
        assert_nothing_lost_or_doubled(house, task)


@pytest.mark.large
def test_down_with_its_workers_puts_the_tasks_back(tmp_path: Path) -> None:
    with living(tmp_path, waits(tmp_path / "go")) as house:
        house.make_repo()
        house.add_account("work")
        task = house.add_task(prompt("waits"), *MERGE)
        with house.coordinator() as process:
            house.wait_for(lambda: len(answered(house)) >= 2, "it never ran")
            house.fleet("down", "--stop-workers")
            assert process.wait(PATIENCE_S) == 0
        assert house.leftovers() == []
        assert house.task(task)["state"] == "queued"
        assert "fleet up" in house.fleet("why", task)
        (tmp_path / "go").touch()
        house.up_until_idle()
        shown = house.task(task)
        assert shown["state"] == "landed"
        assert len({a["session_id"] for a in shown["attempts"]}) == 1
        assert answered(house).count(("waits", "waits", 0)) == 1


def test_a_second_coordinator_is_refused_and_told_who_is_first(tmp_path: Path) -> None:
    with living(tmp_path, GREET) as house, house.coordinator() as process:
        ended = house.run("up")
        assert ended.returncode == 1
        assert f"process {process.pid}" in ended.stderr and "fleet down" in ended.stderr


def test_stopping_what_does_not_run_says_so(tmp_path: Path) -> None:
    with living(tmp_path, GREET) as house:
        ended = house.run("down")
        assert ended.returncode == 5 and "no coordinator runs" in ended.stderr


def test_an_attempt_that_runs_too_long_ends_its_task_with_that_reason(tmp_path: Path) -> None:
    with living(tmp_path, waits(tmp_path / "go")) as house:
        house.make_repo()
        house.add_account("work")
        task = house.add_task(prompt("waits"), *MERGE)
        house.up_until_idle("--attempt-timeout", "4s", code=1)
        shown = house.task(task)
        assert shown["state"] == "failed" and "it ran longer than one attempt may" in shown["reason"]
        assert shown["attempts"][0]["reason"] == "deadline"
        assert house.leftovers() == []


def test_stopping_does_not_wait_for_a_verification_and_leaves_nothing_of_it(tmp_path: Path) -> None:
    """The next coordinator verifies again."""
    with living(tmp_path, GREET) as house:
        house.make_repo()
        house.add_account("work")
        gate = f"[ -e {tmp_path}/go ] || {{ touch {tmp_path}/checking; sleep 300; }}"
        task = house.add_task(prompt("greet"), *MERGE, "--verify", gate)
        with house.coordinator() as process:
            house.wait_for((tmp_path / "checking").exists, "it never verifies")
            house.fleet("down", "--stop-workers")
            assert process.wait(PATIENCE_S) == 0
        assert house.leftovers() == []
        (tmp_path / "go").touch()
        house.up_until_idle()
        assert house.task(task)["state"] == "landed"


def hanging(house: Household, hook: str) -> Path:
    """A hook of the repository that does not end, until `go` is there; gives the file that says that it runs."""
    flag, file = house.root / f"{hook}.flag", house.repo / ".git" / "hooks" / hook
    file.parent.mkdir(exist_ok=True)
    file.write_text(f"#!/bin/sh\n[ -e {house.root}/go ] || {{ touch {flag}; exec sleep 300; }}\n")
    file.chmod(0o755)
    return flag


def test_a_hook_that_does_not_end_is_ended_with_its_task_its_coordinator_and_its_killed_coordinator(
    tmp_path: Path,
) -> None:
    with living(tmp_path, GREET) as house:
        house.make_repo()
        house.add_account("work")
        making = hanging(house, "post-checkout")
        given_up = house.add_task(prompt("greet"), *MERGE)
        with house.coordinator() as process:
            house.wait_for(making.exists, "it never makes the worktree")
            house.fleet("task", "cancel", given_up)
            house.wait_for(lambda: house.leftovers() == [], "the hook goes on")
            making.unlink()
            task = house.add_task(prompt("greet"), *MERGE)
            house.wait_for(making.exists, "it never makes the worktree")
            house.fleet("down")
            assert process.poll() == 0, "stopped is said when it has stopped"
        assert house.leftovers() == []
        making.unlink()
        with (tmp_path / "up.log").open("ab") as log:
            process = house.start_coordinator(log)
            house.wait_for(making.exists, "it never makes the worktree")
            process.kill()
            process.wait(PATIENCE_S)
        assert house.leftovers() != []
        (tmp_path / "go").touch()
        house.up_until_idle(code=None)
        assert house.task(task)["state"] == "landed" and house.leftovers() == []
