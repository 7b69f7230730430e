"""Workers on hosts reached over ssh: starting them, following them, wires that break, hosts that die."""

from __future__ import annotations

from benchmarks.figure import Figure, Options
from benchmarks.hosts import cut, eight, follow, start


def measure(options: Options) -> list[Figure]:
    return [figure for part in (start, follow, cut, eight) for figure in part.measure(options)]
