"""What this machine does in the same minute, to judge absolute times by: a Python start, an fsync, a fixed loop."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

TRIES = 5
LOOP_STEPS = 1_000_000
"""About 50 ms on a quiet core of 2026."""


def beside() -> dict[str, object]:
    """Medians in milliseconds and the load; for a figure's `detail`."""
    with tempfile.TemporaryDirectory(prefix="fleet-bench-") as scratch:
        file = Path(scratch) / "synced"
        return {
            "python_start_ms": _median_ms(_start_python),
            "fsync_ms": _median_ms(lambda: _write_durably(file)),
            "loop_ms": _median_ms(_loop),
            "load": round(os.getloadavg()[0], 1),
        }


def _median_ms(work: Callable[[], None]) -> float:
    took = []
    for _ in range(TRIES):
        began = time.perf_counter()
        work()
        took.append(time.perf_counter() - began)
    return round(statistics.median(took) * 1000, 1)


def _start_python() -> None:
    subprocess.run([sys.executable, "-I", "-c", "pass"], check=True)


def _write_durably(path: Path) -> None:
    with path.open("wb") as file:
        file.write(b"x" * 4096)
        file.flush()
        os.fsync(file.fileno())


def _loop() -> None:
    total = 0
    for step in range(LOOP_STEPS):
        total += step
