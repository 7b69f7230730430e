"""How long a simulated week takes: 1,000 tasks, 12 accounts, planned anew each hour. Time of the processor, of which
the planner's own is told."""

from __future__ import annotations

from time import process_time

from benchmarks.figure import Figure, Options
from fleet.core.model import Fleet
from fleet.core.model.prices import Prices
from fleet.service.own_week.run import planner_of
from fleet.simulate.cases import draw
from fleet.simulate.generate import Family, Shape, generate
from fleet.simulate.policies import POLICIES
from fleet.simulate.run import Planner, run_case

TARGET_S = 20.0
FAMILIES: tuple[Family, ...] = ("known", "arriving")
SHAPE = Shape(load=1.0, accounts=12, tiers=4, tasks=1_000, chained=0.2, due=0.2, persons=True)
QUICK = Shape(load=1.0, accounts=2, tiers=4, tasks=100, chained=0.2, due=0.2, persons=True)


def measure(options: Options) -> list[Figure]:
    return [_week(family, QUICK if options.quick else SHAPE) for family in FAMILIES]


class Timed:
    """A planner that counts its own time."""

    def __init__(self, planner: Planner) -> None:
        self._planner = planner
        self.took_s = 0.0

    def __call__(self, fleet: Fleet) -> Prices:
        began = process_time()
        prices = self._planner(fleet)
        self.took_s += process_time() - began
        return prices


def _week(family: Family, shape: Shape) -> Figure:
    case = draw(generate(family, 0, shape), 0)
    planner = Timed(planner_of(case))
    began = process_time()
    record = run_case(case, POLICIES["fleet"](), policy="fleet", planner=planner)
    took_s = process_time() - began
    detail = {
        "tasks": len(record.courses),
        "events": record.events,
        "plans": record.plans,
        "planning_s": round(planner.took_s, 1),
    }
    return Figure(f"a simulated week, {family}", round(took_s, 1), TARGET_S, "s", detail)
