"""A machine's trouble is nobody's failure: with the real client, tasks wait with the reason and land by themselves.
Full disks have `test_full_disks.py`."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from fleet.double import Fault, Task
from tests.patience import PATIENCE_S
from tests.real.scripting import MERGE
from tests.real.staging import (
    JOBS,
    answered,
    assert_landed,
    assert_nothing_lost_or_doubled,
    bash,
    jobs,
    journal,
    living,
    prompt,
    said,
    step,
    write,
    writes,
)
from workers.host import LocalHost
from workers.orders import RunSpec

pytestmark = pytest.mark.client


@pytest.mark.large
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


@pytest.mark.large
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


def test_a_worktree_whose_work_cannot_be_preserved_stays(tmp_path: Path) -> None:
    """The reference it would be kept under is blocked: nothing is removed, the log says why, and nothing hangs."""
    slow = Task(
        "slow",
        (
            step("First.", write("half.txt")),
            step("Slow.", bash("until false; do sleep 0.2; done")),
            step("Done."),
        ),
    )
    with living(tmp_path, slow) as house:
        house.make_repo()
        house.git("update-ref", "refs/fleet/preserved", "HEAD")
        house.add_account("work")
        task = house.add_task(prompt("slow"), *MERGE)
        with house.coordinator():
            house.wait_for(lambda: len(answered(house)) >= 2, "it never wrote anything")
            house.fleet("task", "cancel", task)
            house.wait_for(
                lambda: "could not be preserved" in (tmp_path / "up.log").read_text(),
                "the log does not say why",
            )
        worktree = Path(house.task(task)["worktree"]["path"])
        assert (worktree / "half.txt").exists()
        assert "could not be preserved" in str(house.up_until_idle()), "the next one says it again, and ends"
        assert (worktree / "half.txt").exists()
        house.git("update-ref", "-d", "refs/fleet/preserved")
        house.up_until_idle()
        assert not worktree.exists()
        kept = next(w for w in house.json("worktree", "list") if w["task"] == task)["preserved"]
        assert house.git("show", f"{kept}:half.txt") == "text\n"


DAY_MS = 86_400_000


@pytest.mark.sensitive
# Ahead, the refusal is guessed to last five minutes, and they are waited for.
@pytest.mark.parametrize("days", [pytest.param(400, marks=pytest.mark.large), -400])
def test_a_clock_that_jumps_and_comes_back_freezes_nothing(tmp_path: Path, days: int) -> None:
    """While it is off a worker fails, a limit is hit and a server is overloaded: none of it holds for a year."""
    faults = (
        Fault("overload", task="greet", step=1, times=2),
        Fault("limit", account="work", seconds=2, after=3),
    )
    with living(
        tmp_path, writes("greet", "a.txt", "b.txt", "c.txt"), writes("plain", "p.txt"), faults=faults
    ) as house:
        house.extra_env["CLAUDE_CODE_MAX_RETRIES"] = "1"
        house.make_repo()
        house.add_account("work", "--env", "CLAUDE_CODE_MAX_RETRIES=1")
        ids = [house.add_task(prompt(name), *MERGE) for name in ("greet", "plain")]
        house.set_clock(0)
        with house.coordinator():
            house.wait_for(lambda: answered(house), "it never ran")
            house.set_clock(days * DAY_MS)
            house.wait_for(lambda: any("overloaded" in line for line in journal(house)), "nothing went wrong")
            house.set_clock(0)
            house.double.account("work").reset("five_hour")
            for task in ids:
                # A refusal whose reset cannot be (it was said while the clock was off) is guessed to last five minutes.
                house.wait_for_state(task, "landed", patience_s=2 * PATIENCE_S)
        assert house.leftovers() == []
