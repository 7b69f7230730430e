"""What the engine's decisions come to, over all scenarios, in a pool of processes.

What a run comes to does not depend on how busy the machine is.
"""

from __future__ import annotations

from benchmarks.dispatch import parts, persons, value
from benchmarks.dispatch.runs import run_all, wanted_of
from benchmarks.dispatch.scenarios import settings
from benchmarks.figure import Figure, Options


def measure(options: Options) -> list[Figure]:
    outcomes = run_all(wanted_of(settings(options)))
    return [*value.figures(outcomes), *persons.figures(outcomes), *parts.figures(outcomes)]
