"""A full disk and a clock that jumps: the coordinator says so once, waits, and goes on; no task is lost or frozen."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from fleet.double import Fault, Task
from tests.patience import PATIENCE_S
from tests.real.household import Household
from tests.real.staging import (
    answered,
    bash,
    journal,
    living,
    prompt,
    step,
    write,
    writes,
)
from tests.small_disks import fill, mounted

pytestmark = pytest.mark.client

MERGE = ("--land", "merge", "--target", "main", "--allow-tool", "Bash")


def wait_file(path: Path) -> str:
    return f"until [ -e {path} ]; do sleep 0.05; done"


def test_a_full_disk_stops_nothing_for_longer_than_it_is_full(tmp_path: Path) -> None:
    """Requests are refused with the reason, the log says it once, and the work goes on where it was."""
    go, further = tmp_path / "go", tmp_path / "further"
    patient = Task(
        "patient",
        (
            step("I wait.", bash(wait_file(go))),
            step("I wait further.", bash(wait_file(further))),
            step("I write.", write("a.txt")),
            step("Done."),
        ),
    )
    with (
        mounted(tmp_path / "home", 24 * 1024),
        living(tmp_path, patient, writes("greet", "hello.txt")) as house,
    ):
        house.make_repo()
        house.add_account("work", "--concurrency", "2")
        task = house.add_task(prompt("patient"), *MERGE)
        with house.coordinator():
            house.wait_for(lambda: answered(house), "it never ran")
            filler = fill(house.home)
            refused = add_until_refused(house)
            assert "the disk is full: free some space" in refused.stderr and "Traceback" not in refused.stderr
            go.touch()
            house.wait_for(lambda: len(answered(house, "patient")) >= 2, "the client did not go on")
            log = (tmp_path / "up.log").read_text()
            assert "Traceback" not in log
            filler.unlink()
            further.touch()
            ids = [t["id"] for t in house.json("task", "list")]
            for added in ids:
                house.wait_for_state(added, "landed")
        log = (tmp_path / "up.log").read_text()
        assert log.count("the disk is full") <= 2, "the same trouble is said once"
        assert house.task(task)["state"] == "landed"
        assert len(house.task(task)["attempts"]) == 1
        assert house.git("show", "main:a.txt") == "text\n"
        assert house.leftovers() == []


def test_a_worktree_that_finds_no_room_is_made_once_there_is_some(tmp_path: Path) -> None:
    """A full disk is the host's fault: the task keeps its place, and its history says what git said."""
    with mounted(tmp_path / "home", 16 * 1024), living(tmp_path, writes("greet", "hello.txt")) as house:
        house.make_repo({"README.md": "A sample.\n", "large.bin": "0" * 6_000_000})
        house.add_account("work")
        task = house.add_task(prompt("greet"), *MERGE)
        filler = house.home / "filler"
        filler.write_bytes(b"\0" * 11_000_000)
        with house.coordinator():
            house.wait_for(
                lambda: any("git could not write" in line for line in journal(house, task)), "nobody says it"
            )
            assert "look whether the disk is full" in house.fleet("why", task)
            filler.unlink()
            house.wait_for_state(task, "landed", "failed")
        assert house.task(task)["state"] == "landed", house.task(task)["reason"]


def add_until_refused(house: Household) -> subprocess.CompletedProcess[str]:
    """The database has some room of its own in its log: a few requests may still fit."""
    for _ in range(60):
        ended = house.run("task", "add", prompt("greet") + "x" * 100_000, "--repo", str(house.repo), *MERGE)
        if ended.returncode:
            return ended
    raise AssertionError("a full disk took sixty tasks")


def test_a_log_on_the_full_disk_does_not_end_the_coordinator(tmp_path: Path) -> None:
    go = tmp_path / "go"
    patient = Task(
        "patient", (step("I wait.", bash(wait_file(go))), step("I write.", write("a.txt")), step("Done."))
    )
    with mounted(tmp_path / "logs", 1024), living(tmp_path, patient) as house:
        house.make_repo()
        house.add_account("work")
        task = house.add_task(prompt("patient"), *MERGE)
        with (tmp_path / "logs" / "up.log").open("ab") as log:
            process = house.start_coordinator(log)
            try:
                house.wait_for(lambda: answered(house), "it never ran")
                fill(tmp_path / "logs")
                go.touch()
                house.wait_for(
                    lambda: house.task(task)["state"] == "landed" or process.poll() is not None,
                    "it never landed",
                )
                assert process.poll() is None, "the coordinator ended"
                assert house.task(task)["state"] == "landed"
            finally:
                house.run("down", "--stop-workers")
                process.wait(PATIENCE_S)


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
@pytest.mark.parametrize("days", [400, -400])
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
                house.wait_for_state(task, "landed")
        assert house.leftovers() == []
