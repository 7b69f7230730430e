"""scripts/test --under-load finds the test that passes by luck, and says how often it failed."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tests.patience import PATIENCE_S

ROOT = Path(__file__).parents[2]
BY_LUCK = """\
import subprocess
import sys
from pathlib import Path

COUNTED = Path(__file__).with_name("counted")


def test_by_luck():
    subprocess.run([sys.executable, "-c", ""], check=True)
    with COUNTED.open("a") as counted:
        counted.write(".")
    assert COUNTED.stat().st_size % 4 != 3, "every fourth time"


def test_alone():
    assert True
"""


def test_a_test_that_fails_one_time_in_four_is_found_and_told(tmp_path: Path) -> None:
    (tmp_path / "test_luck.py").write_text(BY_LUCK)
    command = [sys.executable, "scripts/under_load.py", "--rounds", "4", "--minutes", "3", "--load", "1"]
    # Luck is found without any load, too, and other tests run beside this one.
    command += [
        "--whole-load",
        "1",
        "--busy",
        "0",
        "--logs",
        str(tmp_path / "logs"),
        str(tmp_path / "test_luck.py"),
    ]
    # Else its pytest first removes what earlier runs have left in the directory that all share.
    env = {**os.environ, "PYTEST_DEBUG_TEMPROOT": str(tmp_path)}
    ended = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, timeout=PATIENCE_S)
    assert (ended.returncode, ended.stderr) == (1, ""), ended.stdout
    assert "2 tests: 1 start processes" in ended.stdout
    assert "chosen (tests × runs): 1 × 4" in ended.stdout
    (told,) = [line.split() for line in ended.stdout.splitlines() if "runs  again" in line]
    failed, runs = int(told[0]), int(told[2])
    assert runs == 4
    assert failed == 1, "the third of five: one run came before"
    assert "every fourth time" in (tmp_path / "logs" / "failure-1.txt").read_text()
