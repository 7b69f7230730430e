"""The allocation engine, measured: how long it takes to decide and to plan, and what its decisions come to.

What is timed runs first and alone. Then every run of a scenario goes into a pool of processes: what a run comes to does
not depend on how busy the machine is.
"""

from __future__ import annotations

from benchmarks.dispatch import decision, parts, persons, placing, planning, value, week
from benchmarks.dispatch.runs import run_all, wanted_of
from benchmarks.dispatch.scenarios import settings
from benchmarks.figure import Figure, Options


def measure(options: Options) -> list[Figure]:
    timed = [
        *decision.measure(options),
        *placing.measure(options),
        *planning.measure(options),
        *week.measure(options),
    ]
    outcomes = run_all(wanted_of(settings(options)))
    return [*timed, *value.figures(outcomes), *persons.figures(outcomes), *parts.figures(outcomes)]
