"""A full disk, of whatever it is: told once with the reason, nobody's failure, and all goes on by itself once there is
room. With the real client."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from fleet.double import Task
from tests.patience import PATIENCE_S
from tests.real.household import Household
from tests.real.scripting import MERGE
from tests.real.staging import (
    JOBS,
    answered,
    assert_landed,
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
from tests.small_disks import fill, mounted

pytestmark = pytest.mark.client


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


@pytest.mark.large
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
        task = house.add_task(prompt("one"), *MERGE, "--verify", verify)
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


def add_until_refused(house: Household) -> subprocess.CompletedProcess[str]:
    """The database has some room of its own in its log: a few requests may still fit."""
    for _ in range(60):
        ended = house.run("task", "add", prompt("greet") + "x" * 100_000, "--repo", str(house.repo), *MERGE)
        if ended.returncode:
            return ended
    raise AssertionError("a full disk took sixty tasks")


@pytest.mark.large
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


@pytest.mark.large
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
