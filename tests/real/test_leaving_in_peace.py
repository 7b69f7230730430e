"""Stopping, hanging up and being offline: nothing waits that need not, and nothing is given up that still works."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from tests.patience import PATIENCE_S
from tests.real.staging import living, prompt, writes

pytestmark = pytest.mark.client

MERGE = ("--land", "merge", "--target", "main")


def setup(flags: Path) -> dict[str, str]:
    """Commands that take their time, unless `flags` says that they are quick."""
    command = f"test -e {flags}/quick || {{ touch {flags}/setting-up; sleep 300; }}"
    return {".fleet.toml": f"[worktree]\nsetup = ['{command}']\n"}


def test_a_stop_does_not_wait_for_a_setup_command(tmp_path: Path) -> None:
    """Its worktree is made ready by the next coordinator."""
    with living(tmp_path, writes("greet", "hello.txt")) as house:
        house.make_repo(setup(tmp_path))
        house.add_account("work")
        task = house.add_task(prompt("greet"), *MERGE)
        with (tmp_path / "up.log").open("ab") as log:
            process = house.start_coordinator(log)
            try:
                house.wait_for((tmp_path / "setting-up").exists, "no setup")
                process.send_signal(signal.SIGINT)
                assert process.wait(PATIENCE_S) == 0
            finally:
                process.kill()
                process.wait(PATIENCE_S)
        assert house.leftovers() == []
        assert "goes on" not in (tmp_path / "up.log").read_text()
        (tmp_path / "quick").touch()
        house.up_until_idle()
        assert [a["id"] for a in house.task(task)["attempts"]] == [f"{task}.1"]


def test_a_task_that_is_cancelled_during_a_setup_command_ends_at_once(tmp_path: Path) -> None:
    with living(tmp_path, writes("greet", "hello.txt")) as house:
        house.make_repo(setup(tmp_path))
        house.add_account("work")
        task = house.add_task(prompt("greet"), *MERGE)
        with house.coordinator():
            house.wait_for((tmp_path / "setting-up").exists, "no setup")
            house.fleet("task", "cancel", task)
            house.wait_for(
                lambda: house.task(task)["worktree"]["state"] == "removed", "it waits for the setup"
            )
        assert house.leftovers() == []


def test_under_nohup_a_coordinator_survives_its_terminal(tmp_path: Path) -> None:
    with living(tmp_path, writes("greet", "hello.txt")) as house:
        house.make_repo()
        house.add_account("work")
        before = signal.signal(signal.SIGHUP, signal.SIG_IGN)  # inherited, as from nohup
        try:
            with house.coordinator() as process:
                os.kill(process.pid, signal.SIGHUP)
                house.wait_for_state(house.add_task(prompt("greet"), *MERGE), "landed")
                assert process.poll() is None
        finally:
            signal.signal(signal.SIGHUP, before)


def test_verifying_an_account_without_a_network_does_not_take_it_out_of_use(tmp_path: Path) -> None:
    with living(tmp_path) as house:
        nobody = ("--base-url", "http://127.0.0.1:1")
        house.fleet("account", "add", "far", "--kind", "api-key", "--token-stdin", *nobody, stdin="tok-far")
        ended = house.run("account", "verify", "far")
        assert ended.returncode == 1 and "used as before" in ended.stderr, ended.stderr
        assert house.json("account", "show", "far")["state"] == "ready"
