"""How long the engine takes to decide and to plan; for a machine that does nothing else meanwhile."""

from __future__ import annotations

from benchmarks.dispatch import decision, placing, planning, week
from benchmarks.figure import Figure, Options


def measure(options: Options) -> list[Figure]:
    return [
        *decision.measure(options),
        *placing.measure(options),
        *planning.measure(options),
        *week.measure(options),
    ]
