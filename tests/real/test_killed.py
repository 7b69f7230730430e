"""Coordinator, supervisor and client are killed with -9 at many instants: nothing is lost and nothing doubled."""

from __future__ import annotations

import os
import random
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from fleet.double import Task
from tests.patience import PATIENCE_S
from tests.real.household import Household
from tests.real.staging import (
    answered,
    assert_nothing_lost_or_doubled,
    bash,
    journal,
    living,
    prompt,
    records,
    started,
    step,
    write,
    writes,
)
from tests.sizes import large

pytestmark = pytest.mark.client

THREE_STEPS = writes("build", "one.txt", "two.txt", delay_s=0.4)


def kill_coordinator_when(house: Household, holds: Callable[[], object], pause_s: float = 0.0) -> None:
    """Runs a coordinator until `holds`, and `pause_s` longer, then kills it."""
    with (house.root / "up.log").open("ab") as log:
        process = house.start_coordinator(log)
        try:
            house.wait_for(holds, "the instant to kill at never came")
            time.sleep(pause_s)
        finally:
            process.kill()
            process.wait(PATIENCE_S)


def flagging_repo(house: Household) -> None:
    """A repository whose setup and verification say where they are, and take their time."""
    house.make_repo(
        {
            "README.md": "A sample.\n",
            ".fleet.toml": f'[worktree]\nsetup = ["touch {house.root}/setup; sleep 0.7"]\n',
        }
    )


def verification(house: Household) -> str:
    return (
        f'case "$PWD" in */landing-*) touch {house.root}/landing;; *) touch {house.root}/checking;; esac; '
        "sleep 0.7; test -f two.txt"
    )


@pytest.mark.parametrize(
    "instant",
    ["landing", *large("setup", "working", "checking")],
)
def test_a_coordinator_killed_at_any_stage_of_a_task_is_taken_up_where_it_was(
    tmp_path: Path, instant: str
) -> None:
    with living(tmp_path, THREE_STEPS) as house:
        flagging_repo(house)
        house.add_account("work")
        task = house.add_task(
            prompt("build"), "--land", "merge", "--target", "main", "--verify", verification(house)
        )
        reached: dict[str, Callable[[], object]] = {
            "working": lambda: len(answered(house)) >= 1,
        }
        kill_coordinator_when(house, reached.get(instant, (tmp_path / instant).exists))
        house.up_until_idle()
        assert len(house.task(task)["attempts"]) == 1
        assert_nothing_lost_or_doubled(house, task)
        assert house.git("show", "main:two.txt") == "two.txt of build\n"


@pytest.mark.parametrize("seed", [0, *large(*range(1, 10))])
def test_a_coordinator_killed_again_and_again_loses_and_doubles_nothing(tmp_path: Path, seed: int) -> None:
    """The instants are drawn from the seed; each life of the coordinator is short."""
    draw = random.Random(seed)
    tasks = [writes(name, f"{name}1.txt", f"{name}2.txt", delay_s=0.2) for name in ("red", "blue")]
    with living(tmp_path, *tasks) as house:
        house.make_repo()
        house.add_account("work", "--concurrency", "2")
        ids = [
            house.add_task(prompt(t.name), "--land", "merge", "--target", "main", "--verify", "ls *.txt")
            for t in tasks
        ]
        for _ in range(4):
            kill_coordinator_when(house, lambda: True, draw.uniform(0.0, 0.9))
        house.up_until_idle()
        assert_nothing_lost_or_doubled(house, *ids)


def test_a_running_worker_is_adopted_with_its_process(tmp_path: Path) -> None:
    slow = Task(
        "slow",
        (step("First.", write("a.txt")), step("Slow.", bash("sleep 2; echo b > b.txt")), step("Done.")),
    )
    with living(tmp_path, slow) as house:
        house.make_repo()
        house.add_account("work")
        task = house.add_task(prompt("slow"), "--land", "merge", "--target", "main", "--allow-tool", "Bash")
        kill_coordinator_when(house, lambda: in_second_step(house))
        pid = started(house, "t1.1")["pid"]
        os.kill(pid, 0)
        with house.coordinator():
            house.wait_for_state(task, "landed")
            house.wait_for(lambda: house.seen(task)["worktree"]["state"] == "removed", "it stays")
            attempt = house.task(task)["attempts"][0]
        assert [r["pid"] for r in records(house, "t1.1") if r["event"] == "started"] == [pid]
        assert attempt["id"] == "t1.1" and attempt["reason"] == "finished"
        assert_nothing_lost_or_doubled(house, task)


def in_second_step(house: Household) -> bool:
    """The second step's command runs, and the client has written down that it does."""
    projects = house.home / "accounts" / "work" / "projects"
    return any("Slow." in t.read_text() for t in projects.rglob("*.jsonl"))


def _pids(house: Household) -> dict[str, int]:
    record = started(house, "t1.1")
    return {"client": record["pid"], "supervisor": record["supervisor_pid"]}


@pytest.mark.parametrize("victims", ["client supervisor", *large("client", "supervisor")])
def test_a_killed_worker_goes_on_in_its_session_with_its_work(tmp_path: Path, victims: str) -> None:
    """The file that was not committed yet is still there, and the session knows what it had done."""
    slow = Task(
        "slow",
        (step("First.", write("a.txt")), step("Slow.", bash("sleep 1.5; echo b > b.txt")), step("Done.")),
    )
    with living(tmp_path, slow) as house:
        house.make_repo()
        house.add_account("work")
        task = house.add_task(prompt("slow"), "--land", "merge", "--target", "main", "--allow-tool", "Bash")
        with house.coordinator():
            house.wait_for(lambda: in_second_step(house), "it never got to its second step")
            pids = _pids(house)
            for victim in victims.split():
                os.kill(pids[victim], signal.SIGKILL)
            shown = house.wait_for_state(task, "landed")
        assert {a["session_id"] for a in shown["attempts"]} == {shown["attempts"][0]["session_id"]}
        assert len(shown["attempts"]) == 2
        assert answered(house).count(("slow", "slow", 0)) == 1, "what was done is not done again"
        assert house.git("show", "main:a.txt") == "text\n" and house.git("show", "main:b.txt") == "b\n"
        assert house.leftovers() == []


@pytest.mark.large
def test_everything_killed_at_once_goes_on_in_its_session_with_its_work(tmp_path: Path) -> None:
    slow = Task(
        "slow",
        (step("First.", write("a.txt")), step("Slow.", bash("sleep 1.5; echo b > b.txt")), step("Done.")),
    )
    with living(tmp_path, slow) as house:
        house.make_repo()
        house.add_account("work")
        task = house.add_task(prompt("slow"), "--land", "merge", "--target", "main", "--allow-tool", "Bash")
        with (tmp_path / "up.log").open("ab") as log:
            process = house.start_coordinator(log)
            house.wait_for(lambda: in_second_step(house), "it never got to its second step")
            for pid in (process.pid, *_pids(house).values()):
                os.kill(pid, signal.SIGKILL)
            process.wait(PATIENCE_S)
        house.up_until_idle()
        shown = house.task(task)
        assert shown["state"] == "landed" and len(shown["attempts"]) == 2
        assert len({a["session_id"] for a in shown["attempts"]}) == 1
        assert house.git("show", "main:a.txt") == "text\n" and house.git("show", "main:b.txt") == "b\n"
        assert house.leftovers() == []


def test_a_vanished_transcript_begins_anew_on_the_work_so_far_and_says_so(tmp_path: Path) -> None:
    slow = Task(
        "slow",
        (step("First.", write("a.txt")), step("Slow.", bash("sleep 1; echo b > b.txt")), step("Done.")),
    )
    with living(tmp_path, slow) as house:
        house.make_repo()
        house.add_account("work")
        task = house.add_task(prompt("slow"), "--land", "merge", "--target", "main", "--allow-tool", "Bash")
        with house.coordinator():
            house.wait_for(lambda: in_second_step(house), "it never got to its second step")
            pids = _pids(house)
            for transcript in (house.home / "accounts" / "work" / "projects").rglob("*.jsonl"):
                transcript.unlink()
            os.kill(pids["client"], signal.SIGKILL)
            shown = house.wait_for_state(task, "landed")
        assert len({a["session_id"] for a in shown["attempts"]}) == 2
        assert any("begins anew on its work so far" in line for line in journal(house, task))
        assert house.git("show", "main:b.txt") == "b\n"
