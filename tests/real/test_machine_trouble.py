"""A machine's trouble is nobody's failure: with the real client, tasks wait with the reason and land by themselves."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
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
    step,
    write,
    writes,
)
from tests.small_disks import fill, mounted
from workers.host import LocalHost
from workers.orders import RunSpec

pytestmark = pytest.mark.client

MERGE = ("--land", "merge", "--target", "main")
JOBS = ("one", "two")


def jobs() -> list[Task]:
    return [writes(name, f"{name}.txt") for name in JOBS]


def said(house: Household) -> str:
    return (house.root / "up.log").read_text()


def test_a_full_disk_of_the_repository_fails_no_task(tmp_path: Path) -> None:
    with mounted(tmp_path / "repo"), living(tmp_path, *jobs()) as house:
        make_repo_on(house)
        house.add_account("work", "--concurrency", "2")
        ids = [house.add_task(prompt(name), *MERGE) for name in JOBS]
        filler = fill(house.repo)
        with house.coordinator():
            house.wait_for(
                lambda: all(any("could not be started" in line for line in journal(house, t)) for t in ids),
                "nobody says it",
            )
            for task in ids:
                assert house.seen(task)["state"] in ("queued", "running")
                assert "look whether the disk is full" in house.fleet("why", task)
            filler.unlink()
            for task in ids:
                house.wait_for_state(task, "landed", "failed")
        assert_landed(house, *ids)


def make_repo_on(house: Household) -> None:
    """As `make_repo`, in the directory that is there."""
    house.git("init", "--quiet", "--initial-branch=main")
    house.git("config", "user.name", "Test")
    house.git("config", "user.email", "test@localhost")
    house.git("commit", "--quiet", "--allow-empty", "-m", "Begin")
    house.git("switch", "--quiet", "--create", "elsewhere")


def assert_landed(house: Household, *ids: str) -> None:
    assert [house.task(task)["state"] for task in ids] == ["landed"] * len(ids), said(house)
    assert house.leftovers() == []


def test_a_stale_lock_on_the_target_is_named_and_waited_for(tmp_path: Path) -> None:
    """Nobody of ours removes it. `up --until-idle` waits with the tasks, tells where it is and since when, and once it
    is gone all lands by itself."""
    with living(tmp_path, *jobs()) as house:
        house.make_repo()
        house.add_account("work", "--concurrency", "2")
        ids = [house.add_task(prompt(name), *MERGE) for name in JOBS]
        lock = house.repo / ".git/refs/heads/main.lock"
        lock.touch()
        with house.coordinator("--until-idle") as up:
            told = f"{lock} is there since {time.strftime('%Y-%m-%d')}"
            house.wait_for(lambda: told in said(house), "nobody says it")
            house.wait_for(
                lambda: any(told in house.fleet("why", task) for task in ids), "`why` does not say it"
            )
            assert {house.seen(task)["state"] for task in ids} <= {"queued", "running", "checking", "landing"}
            assert lock.exists() and up.poll() is None, said(house)
            lock.unlink()
            assert up.wait(PATIENCE_S) == 0, said(house)
        assert_landed(house, *ids)
        assert all(len(house.task(task)["attempts"]) == 1 for task in ids), "nothing was tried anew"


def test_a_git_that_is_killed_again_and_again_fails_no_task(tmp_path: Path) -> None:
    """Every fifth git dies, whatever it does, as where memory is short."""
    folder = tmp_path / "bin"
    folder.mkdir()
    (folder / "git").write_text(
        f"#!/bin/sh\necho >> {folder}/calls\n"
        f"[ -e {folder}/on ] && [ $(( $(wc -l < {folder}/calls) % 5 )) = 0 ] && kill -KILL $$\n"
        'exec /usr/bin/git "$@"\n'
    )
    (folder / "git").chmod(0o755)
    with living(tmp_path, *jobs()) as house:
        house.make_repo()
        house.add_account("work", "--concurrency", "2")
        ids = [house.add_task(prompt(name), *MERGE) for name in JOBS]
        house.extra_env["PATH"] = f"{folder}:{house.env['PATH']}"
        (folder / "on").touch()
        with house.coordinator():
            house.wait_for(lambda: "git was ended by a signal" in said(house), "nobody says it")
            (folder / "on").unlink()
            for task in ids:
                house.wait_for_state(task, "landed", "failed")
        assert_landed(house, *ids)


LATE_ERROR = """
import subprocess, sys
run, left = subprocess.run, [1]
def late(command, *more, **named):
    done = run(command, *more, **named)
    if "-S" in command and left:
        left.pop()
        raise OSError(22, "injected after the supervisor took the run")
    return done
subprocess.run = late
from fleet.cli import main
sys.exit(main())
"""


def test_an_error_after_the_supervisor_took_the_run_starts_no_second_worker(tmp_path: Path) -> None:
    with living(tmp_path, *jobs()) as house:
        house.make_repo()
        house.add_account("work")
        task = house.add_task(prompt("one"), *MERGE)
        words = [sys.executable, "-c", LATE_ERROR, "up", "--until-idle", "--log-format", "json"]
        ended = subprocess.run(
            words, env=house.env, cwd=tmp_path, capture_output=True, text=True, check=False
        )
        assert ended.returncode == 0, ended.stderr
        assert [a["id"] for a in house.task(task)["attempts"]] == ["t1.1"]
        assert_nothing_lost_or_doubled(house, task)


def test_up_ends_workers_that_are_nobodys(tmp_path: Path) -> None:
    """Left by an earlier release, or by a database that was put back from a backup."""
    with living(tmp_path, *jobs()) as house:
        house.make_repo()
        house.add_account("work")
        runs = LocalHost(house.home / "runs", house.home_id())
        (house.home / "runs").mkdir(exist_ok=True)
        runs.launch(
            "t7.3", RunSpec(("/bin/sh", "-c", "sleep 600 & read x"), str(tmp_path), dict(os.environ)), None
        )
        house.wait_for(house.leftovers, "its client was not started")
        assert runs.living() == {"t7.3"}
        log = house.up_until_idle()
        assert any("t7.3 was still running" in json.dumps(line) for line in log)
        assert runs.living() == set() and house.leftovers() == []


def test_the_setup_that_a_killed_coordinator_left_does_not_keep_the_next_one_waiting(tmp_path: Path) -> None:
    with living(tmp_path, *jobs()) as house:
        house.make_repo(
            {
                ".fleet.toml": '[worktree]\nsetup = ["test -e ../../../go || { touch ../../../began; sleep 600; }"]\n'
            }
        )
        house.add_account("work")
        task = house.add_task(prompt("one"), *MERGE)
        with (tmp_path / "up.log").open("ab") as out:
            process = house.start_coordinator(out)
            house.wait_for((house.home / "began").exists, "the setup did not begin")
            process.send_signal(signal.SIGKILL)
            process.wait()
        assert house.leftovers(), "it is still there"
        (house.home / "go").touch()
        house.up_until_idle()
        assert_landed(house, task)
        assert not answered(house, "two")


def test_a_home_that_is_full_at_the_start_is_told_with_advice(tmp_path: Path) -> None:
    with mounted(tmp_path / "home", 4096), living(tmp_path, *jobs()) as house:
        house.make_repo()
        house.add_account("work")
        task = house.add_task(prompt("one"), *MERGE)
        filler = fill(house.home)
        ended = house.run("up", "--until-idle")
        assert ended.returncode == 1
        assert "the disk is full: free some space" in ended.stderr and "Traceback" not in ended.stderr
        assert "[Errno" not in ended.stderr and str(house.home) in ended.stderr
        filler.unlink()
        house.up_until_idle()
        assert_landed(house, task)


def test_a_worker_on_a_full_disk_of_worktrees_is_not_blamed(tmp_path: Path) -> None:
    """Its gate runs while there is no room: nothing is decided until there is some."""
    gate = "cp README.md copied.log && rm copied.log"
    job = Task("one", (step("I write.", write("one.txt"), bash("true")), step("Done.")))
    with mounted(tmp_path / "trees", 8192), living(tmp_path, job) as house:
        house.make_repo({"README.md": "A sample.\n" * 1000, ".gitignore": "*.log\n"})
        house.add_account("work")
        (house.home / "worktrees").symlink_to(tmp_path / "trees")
        ready = tmp_path / "ready"
        verify = f"touch {ready}; until [ -e {tmp_path}/go ]; do sleep 0.05; done; {gate}"
        task = house.add_task(prompt("one"), *MERGE, "--allow-tool", "Bash", "--verify", verify)
        with house.coordinator():
            house.wait_for(ready.exists, "it was never verified")
            filler = fill(tmp_path / "trees")
            (tmp_path / "go").touch()
            house.wait_for(lambda: "the disk is full" in said(house), "nobody says it")
            assert house.seen(task)["state"] == "checking"
            filler.unlink()
            house.wait_for_state(task, "landed", "failed")
        assert_landed(house, task)
        assert not any("verification failed" in line for line in journal(house, task))
