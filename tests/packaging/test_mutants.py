"""scripts/test --mutants lists what no test notices, and leaves nothing behind. Tried on a small checkout."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.patience import PATIENCE_S

ROOT = Path(__file__).resolve().parents[2]

CORE = """def may(used: int) -> bool:
    return used < 10
"""
NEAR = """from fleet.core.limits import may

def test_well_below_it_may_and_above_it_may_not():
    assert may(9) and not may(11)
"""
SEEDS = """import pytest

@pytest.mark.parametrize("first", [0])
def test_no_fault_breaks_an_invariant_and_every_task_that_can_end_ends(first):
    pass
"""


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    made = tmp_path / "checkout"
    for name, text in (
        ("fleet/__init__.py", ""),
        ("fleet/core/__init__.py", ""),
        ("fleet/core/limits.py", CORE),
        ("tests/core/test_core_limits.py", NEAR),
        ("tests/faults/test_seeds.py", SEEDS),
    ):
        (made / name).parent.mkdir(parents=True, exist_ok=True)
        (made / name).write_text(text)
    (made / "scripts").mkdir()
    shutil.copy2(ROOT / "scripts" / "mutants.py", made / "scripts")
    (tmp_path / "tmp").mkdir()
    return made


def begin(checkout: Path, *words: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, str(checkout / "scripts" / "mutants.py"), *words],
        env={**os.environ, "TMPDIR": str(checkout.parent / "tmp"), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
        stdout=subprocess.PIPE,
        text=True,
    )


def test_what_no_test_notices_is_listed_with_its_place_and_nothing_is_left(checkout: Path) -> None:
    with begin(checkout, "99") as process:
        said, _ = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 0, said
    assert "5 of 5 mutants" in said and "3 noticed, 2 survived, 0 timed out" in said
    survived = sorted(line for line in said.splitlines() if line.startswith("survived: "))
    assert survived == [
        "survived: fleet/core/limits.py:2  10  →  11",
        "survived: fleet/core/limits.py:2  used < 10  →  (used <= 10)",
    ]
    assert (checkout / "fleet/core/limits.py").read_text() == CORE
    assert not list((checkout.parent / "tmp").iterdir())


def test_a_run_that_is_interrupted_leaves_nothing_either(checkout: Path) -> None:
    (checkout / "tests/core/test_core_limits.py").write_text(f"{NEAR}    while may(10):\n        pass\n")
    with begin(checkout, "99") as process:
        assert process.stdout is not None
        while "passes its nearest tests" not in (line := process.stdout.readline()):
            assert line, "it ended before"
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 130
    assert not list((checkout.parent / "tmp").iterdir())
