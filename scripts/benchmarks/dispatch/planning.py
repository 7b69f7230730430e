"""How long planning a week anew takes, and how much memory: 12 accounts, 4 tiers, 10 to 10,000 tasks.

Each number of tasks has a process of its own, so that its peak of memory is its own. The fleets are those the planner
finds at the start of generated scenarios, half of them with a forecast of a thousand tasks beside the tasks there are.
Times are the processor's, so they hold for one core whatever else runs.
"""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass
from statistics import median

from benchmarks.dispatch.growth import exponent
from benchmarks.figure import Figure, Options

LENGTHS = (10, 100, 1_000, 10_000)
DEMANDED = 1_000
ROUNDS = 5
TARGET_S = 1.0
PAGES_MB = 0.1
"""Less than this is taken for this: a few pages more or less."""


@dataclass(frozen=True, slots=True)
class Took:
    """`seconds` of each plan; `peak_mb` resident, of which `before_mb` were there before the first plan; `columns` of
    the largest programme."""

    tasks: int
    seconds: list[float]
    before_mb: float
    peak_mb: float
    columns: int

    def told(self) -> str:
        return (
            f"{median(self.seconds):.3f} s (at most {max(self.seconds):.3f}), peak {self.peak_mb:.0f} MB "
            f"of which {self.before_mb:.0f} before planning, {self.columns} columns"
        )


def measure(options: Options) -> list[Figure]:
    """The median at a thousand tasks, and how time and memory grow."""
    lengths = LENGTHS[:2] if options.quick else LENGTHS
    took = [_alone(length, 1 if options.quick else ROUNDS) for length in lengths]
    shown = next((one for one in took if one.tasks == DEMANDED), took[-1])
    times = [median(one.seconds) for one in took]
    return [
        Figure(
            f"planning {shown.tasks} tasks, median",
            round(median(shown.seconds), 3),
            TARGET_S,
            "s",
            {f"{one.tasks} tasks": one.told() for one in took},
        ),
        Figure("planning, growth of time", round(exponent(lengths, times), 2), None, "exp"),
        Figure(
            "planning, growth of memory taken",
            round(exponent(lengths, [max(one.peak_mb - one.before_mb, PAGES_MB) for one in took]), 2),
            None,
            "exp",
        ),
    ]


def _alone(tasks: int, rounds: int) -> Took:
    command = [sys.executable, "-m", "benchmarks.dispatch.planned", str(tasks), str(rounds)]
    said = subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout
    return Took(**json.loads(said))
