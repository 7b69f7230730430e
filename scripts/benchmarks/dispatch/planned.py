"""Plans for the pickled fleets at its input, so many rounds, and prints what that took, as JSON: `planned.py ROUNDS`.

A process of its own that made nothing but plans: its peak of memory is theirs.
"""

from __future__ import annotations

import json
import pickle
import sys
from pathlib import Path
from time import process_time

from fleet import streams
from fleet.core.model import Fleet
from fleet.planning import plan, solve

LIMIT_S = 300.0


def main(rounds: int) -> dict[str, object]:
    fleets: list[Fleet] = pickle.load(sys.stdin.buffer)
    plan(Fleet())  # imports the solver
    before_mb = _peak_mb()
    seconds = []
    for fleet in fleets * rounds:
        began = process_time()
        plan(fleet, time_limit_s=LIMIT_S)
        seconds.append(process_time() - began)
    peak_mb = _peak_mb()
    columns = max(solve(fleet, time_limit_s=LIMIT_S).columns for fleet in fleets)
    return {"seconds": seconds, "before_mb": before_mb, "peak_mb": peak_mb, "columns": columns}


def _peak_mb() -> float:
    """Of this program: `ru_maxrss` would count that of the process that started it in (getrusage(2))."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return next(int(line.split()[1]) / 1e3 for line in status.splitlines() if line.startswith("VmHWM"))


if __name__ == "__main__":
    streams.claim()
    streams.out().write(json.dumps(main(int(sys.argv[1]))))
    streams.flush()
