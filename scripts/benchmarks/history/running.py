"""Whole processes: how long they take, and what memory they and their children hold at most."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

SAMPLE_S = 0.02
PAGE = os.sysconf("SC_PAGE_SIZE")


@dataclass(frozen=True, slots=True)
class Ran:
    took_s: float
    output: str


def run(command: Sequence[str], environment: Mapping[str, str]) -> Ran:
    """Raises CalledProcessError, with what it said, when it fails."""
    began = time.perf_counter()
    ended = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    return Ran(time.perf_counter() - began, ended.stdout)


def peak_mb(command: Sequence[str], environment: Mapping[str, str]) -> float:
    """The highest sum of the resident memory of the process and all below it, looked at every 20 ms."""
    process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    peak = 0
    while process.poll() is None:
        peak = max(peak, sum(map(_resident, _family(process.pid))))
        time.sleep(SAMPLE_S)
    return peak / 1e6


def _family(pid: int) -> list[int]:
    try:
        tasks = Path(f"/proc/{pid}/task").iterdir()
        children = [int(child) for task in tasks for child in (task / "children").read_text().split()]
    except OSError:
        return []  # It has just ended.
    return [pid, *(member for child in children for member in _family(child))]


def _resident(pid: int) -> int:
    """In bytes; 0 for a process that has just ended."""
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * PAGE
    except OSError:
        return 0
