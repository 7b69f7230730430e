"""A store whose process is killed at any instant has each commit as a whole or not at all."""

from __future__ import annotations

import random
import subprocess
import sys
from pathlib import Path

import pytest

from fleet.core.decisions import LookAtHeld
from fleet.ports import Loaded
from fleet.store.sqlite import SqliteStore
from fleet.views.light import state

KILLS = 8


def commit_until_killed(home: Path, commits: int, further_s: float) -> int:
    """Kills the committing process some time after it has acknowledged so many commits; returns the last one that
    it acknowledged."""
    command = [sys.executable, "-m", "tests.contract.committing", str(home)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        lines = [process.stdout.readline() for _ in range(commits)]
        with pytest.raises(subprocess.TimeoutExpired):  # which instant is hit is the subject
            process.wait(further_s)
        process.kill()
        lines += process.stdout.readlines()
    return int([line for line in lines if line.endswith("\n")][-1])


def load(home: Path) -> Loaded:
    store = SqliteStore(home / "fleet.db")
    try:
        return store.load()
    finally:
        store.close()


def test_after_kill_9_at_any_instant_state_outbox_and_journal_agree(tmp_path: Path) -> None:
    """Nothing acknowledged is lost, and nothing is there in part: every table says the same number."""
    draw = random.Random(7)
    for _ in range(KILLS):
        acknowledged = commit_until_killed(tmp_path, draw.randint(1, 20), draw.uniform(0, 0.004))
        loaded = load(tmp_path)
        number = loaded.fleet.decisions_made
        assert acknowledged <= number <= acknowledged + 1
        assert loaded.fleet.tasks["t2"].reason == str(number)
        assert loaded.fleet.hosts["local"].observed_ms == number
        assert [a.offset for a in loaded.fleet.attempts.values()] == [number]
        assert loaded.outstanding == (LookAtHeld(id=f"d{number}", cause="e", task="t2"),)
        shown = state.task(tmp_path, "t2")
        assert [line["text"] for line in shown["history"]] == [str(n) for n in range(1, number + 1)]
        assert [a["state"] for a in shown["attempts"]] == ["ended"] * (number - 1) + ["stopping"]
