"""Plans for so many tasks in this process and prints what that took, as JSON: `planned.py TASKS ROUNDS`."""

from __future__ import annotations

import json
import resource
import sys
from dataclasses import replace
from time import process_time

from fleet.core.model import Fleet
from fleet.core.prices import Prices
from fleet.planning import plan, solve
from fleet.simulate.cases import Case, draw
from fleet.simulate.generate import Family, Shape, generate
from fleet.simulate.policies import POLICIES
from fleet.simulate.run import run_case
from fleet.simulate.spans import MINUTE_MS

SEEDS = 3
LIMIT_S = 300.0
FAMILIES: tuple[Family, ...] = ("known", "arriving")


def _here(tasks: int, rounds: int) -> dict[str, object]:
    fleets = [fleet_of(family, seed, tasks) for family in FAMILIES for seed in range(SEEDS)]
    plan(fleet_of("known", 0, 1), time_limit_s=LIMIT_S)  # imports the solver
    before_mb = _peak_mb()
    seconds = []
    for fleet in fleets * rounds:
        began = process_time()
        plan(fleet, time_limit_s=LIMIT_S)
        seconds.append(process_time() - began)
    peak_mb = _peak_mb()
    columns = max(solve(fleet, time_limit_s=LIMIT_S).columns for fleet in fleets)
    return {
        "tasks": tasks,
        "seconds": seconds,
        "before_mb": before_mb,
        "peak_mb": peak_mb,
        "columns": columns,
    }


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


def _peak_mb() -> float:
    """Linux has it in KB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3


if __name__ == "__main__":
    sys.stdout.write(json.dumps(_here(int(sys.argv[1]), int(sys.argv[2]))))
