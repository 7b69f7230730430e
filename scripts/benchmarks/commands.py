"""How long commands about many tasks take on a home of ten thousand, in whole processes: listing them, what a TAB of
the shell asks for, and changing a thousand at once. What a list of all of them needs in memory.
"""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
import sysconfig
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from benchmarks.figure import Figure, Options
from benchmarks.machine import beside
from benchmarks.status import TASKS, fill, seconds

ROUNDS = 7
MANY = 1_000

PEAK = """
import resource, subprocess, sys
subprocess.run(sys.argv[1:], check=True, stdout=subprocess.DEVNULL)
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
"""


def measure(options: Options) -> list[Figure]:
    rounds = 2 if options.quick else ROUNDS
    fleet = str(Path(sysconfig.get_path("scripts")) / "fleet")
    with tempfile.TemporaryDirectory(prefix="fleet-bench-") as scratch:
        home = Path(scratch)
        fill(home)
        environment = {"PATH": os.environ["PATH"], "HOME": scratch, "FLEET_HOME": scratch}

        def best(*words: str) -> float:
            return round(min(seconds([fleet, *words], environment, home) for _ in range(rounds)), 3)

        page_s = round(min(_on_terminal([fleet, "task", "list"], environment) for _ in range(rounds)), 3)
        all_s = best("task", "list", "--json", "--all")
        peak_mb = _peak_mb([fleet, "task", "list", "--json", "--all"], environment)
        told = {"rounds": rounds, **beside()}
        return [
            Figure(f"task list of {TASKS:,} on a terminal", page_s, 0.15, "s", told),
            Figure(
                "… --json --all",
                all_s,
                0.4,
                "s",
                {"peak_mb": peak_mb},
            ),
            Figure("a TAB that asks for tasks", best("_names", "tasks", "t9"), 0.06, "s"),
            Figure(f"cancelling {MANY:,} tasks", _cancelled_s(fleet, environment, home), 2.0, "s"),
        ]


def _on_terminal(command: Sequence[str], environment: Mapping[str, str]) -> float:
    """As a person has it: whoever prints more than a terminal takes waits for it."""
    person, terminal = pty.openpty()
    began = time.perf_counter()
    with subprocess.Popen(command, stdout=terminal, stderr=terminal, env=environment) as process:
        os.close(terminal)
        try:
            while os.read(person, 65_536):
                pass
        except OSError:  # its end
            pass
        process.wait()
    took = time.perf_counter() - began
    os.close(person)
    return took


def _peak_mb(command: Sequence[str], environment: Mapping[str, str]) -> float:
    said = subprocess.run(
        [sys.executable, "-c", PEAK, *command], env=environment, capture_output=True, text=True, check=True
    )
    return round(int(said.stdout) / 1000, 1)


def _cancelled_s(fleet: str, environment: Mapping[str, str], home: Path) -> float:
    """Of those that are queued, so that none is refused."""
    listed = [fleet, "task", "list", "--state", "queued", "--limit", str(MANY), "--json"]
    said = subprocess.run(listed, env=environment, capture_output=True, text=True, check=True)
    ids = [task["id"] for task in json.loads(said.stdout)]
    return round(seconds([fleet, "task", "cancel", *ids], environment, home), 2)
