"""A command begun warm is the command that a person starts."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.patience import PATIENCE_S
from tests.processes_started import processes_started
from tests.warm import ROOT, run_fleet


def environment(home: Path, **more: str) -> dict[str, str]:
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(home),
        "FLEET_HOME": str(home / "home"),
        "LANG": "C.UTF-8",
        **more,
    }


def both(words: list[str], env: dict[str, str], cwd: Path, stdin: str = "") -> list[tuple[int, str, str]]:
    """What a Python started anew and a warm one end with, print and remark."""
    anew = subprocess.run(
        [sys.executable, "-m", "fleet.cli", *words],
        env=env, cwd=cwd, input=stdin, capture_output=True, text=True, check=False, timeout=PATIENCE_S,
    )  # fmt: skip
    begun = run_fleet(words, env, cwd, stdin, PATIENCE_S)
    return [(ended.returncode, ended.stdout, ended.stderr) for ended in (anew, begun)]


@pytest.mark.parametrize(
    "words",
    [
        ["status"],
        ["task", "show", "t9"],
        ["task", "add", "-", "--repo", "."],
        ["nonsense"],
        ["--help"],
        ["host", "list", "--json"],
        ["simulate", "--scenario", str(ROOT / "docs" / "examples" / "two-accounts.toml"), "--policy", "fifo"],
        ["task", "show", "\udcff☠"],
    ],
    ids=lambda words: words[0],
)
def test_it_ends_prints_and_remarks_as_one_started_anew(words: list[str], tmp_path: Path) -> None:
    """Well, not, with words that are off, with standard input, in its directory, and with bytes that are no text."""
    anew, begun = both(words, environment(tmp_path), tmp_path, "Do it.\n")
    assert begun == anew


def test_hours_are_those_of_the_commands_own_zone(tmp_path: Path) -> None:
    words = ["reserve", "add", "--account", "box", "--at", "2027-01-02 18:00-20:00", "--amount", "40%"]
    add = [
        "account",
        "add",
        "box",
        "--kind",
        "local",
        "--base-url",
        "http://127.0.0.1:9",
        "--tier-map",
        "a=b",
    ]
    begins = {}
    for zone in ("UTC", "Asia/Tokyo"):
        env = environment(tmp_path, TZ=zone, FLEET_HOME=str(tmp_path / zone.replace("/", "-")))
        assert run_fleet(add, env, tmp_path, "", PATIENCE_S).returncode == 0
        added = run_fleet([*words, "--json"], env, tmp_path, "", PATIENCE_S)
        assert added.returncode == 0, added.stderr
        listed = [
            run_fleet(["reserve", "list", "--json"], env, tmp_path, "", PATIENCE_S).stdout for _ in range(2)
        ]
        assert listed[0] == listed[1]
        begins[zone] = json.loads(listed[0])
    assert begins["UTC"] != begins["Asia/Tokyo"]


def test_one_that_takes_too_long_is_killed_and_the_next_one_begins_all_the_same(tmp_path: Path) -> None:
    env = environment(tmp_path)
    with processes_started() as started, pytest.raises(subprocess.TimeoutExpired):
        run_fleet(["up"], env, tmp_path, "", timeout_s=0.01)
    assert [command[1:] for command in started] == [("-m", "fleet.cli", "up")]
    told = run_fleet(["status", "--json"], env, tmp_path, "", PATIENCE_S)
    assert json.loads(told.stdout)["coordinator"] is None
