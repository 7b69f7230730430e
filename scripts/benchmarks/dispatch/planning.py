"""How long planning a week anew takes, and how much memory: 12 accounts, 4 tiers, 10 to 10,000 tasks.

Each number of tasks has a process of its own, so that its peak of memory is its own. The fleets are those the planner
finds at the start of generated scenarios, half of them with a forecast of as many tasks beside those there are.
Times are the processor's, so they hold for one core whatever else runs.
"""

from __future__ import annotations

import json
import pickle
import subprocess
import sys
from dataclasses import dataclass, replace
from statistics import median

from benchmarks.dispatch.growth import exponent
from benchmarks.figure import Figure, Options
from fleet.core.model import Fleet
from fleet.core.model.prices import Prices
from fleet.simulate.cases import Case, draw
from fleet.simulate.generate import Family, Shape, generate
from fleet.simulate.policies import POLICIES
from fleet.simulate.run import run_case
from fleet.spoken.spans import MINUTE_MS

LENGTHS = (10, 100, 1_000, 10_000)
DEMANDED = 1_000
SEEDS = 3
ROUNDS = 5
FAMILIES: tuple[Family, ...] = ("known", "arriving")
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
    fleets = [fleet_of(family, seed, tasks) for family in FAMILIES for seed in range(SEEDS)]
    command = [sys.executable, "-m", "benchmarks.dispatch.planned", str(rounds)]
    said = subprocess.run(command, check=True, input=pickle.dumps(fleets), stdout=subprocess.PIPE).stdout
    return Took(tasks, **json.loads(said))


def fleet_of(family: Family, seed: int, tasks: int) -> Fleet:
    """All tasks are there; besides, an arriving family's fleet expects what came in the week before."""
    shape = Shape(load=1.25, accounts=12, tiers=4, tasks=tasks, chained=0.2, due=0.2, persons=True)
    case = draw(generate(family, seed, shape), seed)
    return _found(replace(case, jobs=tuple(replace(job, at_ms=0) for job in case.jobs)))


def _found(case: Case) -> Fleet:
    """The fleet as the planner is given it first."""
    fleets: list[Fleet] = []

    def keeps(fleet: Fleet) -> Prices:
        fleets.append(fleet)
        return Prices(fleet.now_ms, "greedy")

    minute = case.scenario.model_copy(update={"horizon": MINUTE_MS})
    run_case(replace(case, scenario=minute, requests=()), POLICIES["fleet"](), policy="fleet", planner=keeps)
    return fleets[0]
