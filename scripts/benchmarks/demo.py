"""What a first-time viewer of `fleet up --demo` waits for and reads: seconds after set-up, lines at 100 columns."""

from __future__ import annotations

import os
import subprocess
import sysconfig
import tempfile
import time
from pathlib import Path

from benchmarks.figure import Figure, Options
from benchmarks.machine import beside

COLUMNS = 100
TARGET_S = 60.0
TARGET_LINES = 45
STORY = ("went on on", "its own session mended that", "6 landed", "had landed")
"""What its report says when the story was the one it is to tell."""


def measure(options: Options) -> list[Figure]:
    """Raises RuntimeError when the demo told another story than its own."""
    before = beside()
    with tempfile.TemporaryDirectory(prefix="fleet-bench-") as scratch:
        took_s, out, log = _run(Path(scratch))
    missing = [part for part in STORY if part not in out]
    if missing:
        raise RuntimeError(f"the demo did not tell {missing}:\n{log}\n{out}")
    lines = rows(log)
    detail = {**before, "loop_after_ms": beside()["loop_ms"]}
    return [
        Figure("fleet up --demo, after set-up", round(took_s, 1), TARGET_S, "s", detail=detail),
        Figure("its log at 100 columns", lines, TARGET_LINES, "lines", detail={"report": rows(out)}),
    ]


def _run(scratch: Path) -> tuple[float, str, str]:
    """Seconds, standard output, log. The client is found as by the person who runs the benchmark."""
    command = [str(Path(sysconfig.get_path("scripts")) / "fleet"), "up", "--demo", "--log-format", "console"]
    env = {"PATH": os.environ["PATH"], "HOME": str(scratch), "TMPDIR": str(scratch)}
    began = time.monotonic()
    ended = subprocess.run(command, env=env, cwd=scratch, capture_output=True, text=True, check=False)
    took_s = time.monotonic() - began
    if ended.returncode:
        raise RuntimeError(f"fleet up --demo ended with {ended.returncode}:\n{ended.stderr}\n{ended.stdout}")
    return took_s, ended.stdout, ended.stderr


def rows(text: str) -> int:
    """Lines as a terminal shows them: one that does not fit takes more."""
    return sum(max(1, -(-len(line) // COLUMNS)) for line in text.splitlines())
