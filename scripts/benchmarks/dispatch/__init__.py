"""The allocation engine, measured: how long it takes to decide and to plan, and what its decisions come to.

What is timed runs first and alone.
"""

from __future__ import annotations

from benchmarks.dispatch import scored, timed
from benchmarks.figure import Figure, Options


def measure(options: Options) -> list[Figure]:
    return [*timed.measure(options), *scored.measure(options)]
