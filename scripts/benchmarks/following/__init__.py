"""What it costs to follow 200 spools that each write 20 lines a second.

The real coordinator (following, engine, SQLite store, log to /dev/null) in a process of its own, on a home of 200
running attempts. The supervisors are stand-ins: four processes, each of which holds the locks of fifty runs and appends
to their spools what a client would say, in lines of one to three thousand bytes. Its CPU time is its own
(`RUSAGE_SELF`) over the wall time; the writers' is not counted. A line's lag is from the stamp in its spool to the
return of the commit whose offset is past it; every line counts.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from benchmarks.figure import Figure, Options
from benchmarks.following import house, lags
from benchmarks.following.processes import Measured, Writers

SPOOLS = 200
LINES_PER_S = 20
WRITERS = 4
SECONDS = {"quick": 15.0, "usual": 60.0, "long": 600.0}
WARM_UP_S = 5.0
"""Left out of the CPU share and of the memory's slope: start, first reading of the code, growth of the allocator."""
CORE_SHARE_MAX = 0.25
LAG_S_MAX = 0.5
MEMORY_BYTES_PER_HOUR_MAX = 20_000_000
"""What counts as flat: less than the size of one idle client in ten hours."""


def measure(options: Options) -> list[Figure]:
    seconds = SECONDS["long" if options.long else "quick" if options.quick else "usual"]
    with tempfile.TemporaryDirectory(prefix="fleet-bench-") as scratch:
        home = Path(scratch) / "home"
        attempts = house.lay_out(home, SPOOLS)
        measured = _run(home, attempts, seconds)
        lag = lags.of(home, attempts, seconds)
    return _figures(measured, lag, seconds)


def _run(home: Path, attempts: list[str], seconds: float) -> dict[str, float]:
    writers = Writers(home / "runs", attempts, WRITERS, LINES_PER_S, seconds)
    coordinator = Measured(home, WARM_UP_S, seconds)
    writers.begin()
    measured = coordinator.result()
    writers.end()
    return measured


def _figures(measured: dict[str, float], lag: lags.Lags, seconds: float) -> list[Figure]:
    detail = {
        "spools": SPOOLS,
        "seconds": seconds,
        "lines": lag.lines,
        "lines_per_s": round(lag.lines / seconds),
        "mb_per_s": round(lag.bytes / seconds / 1e6, 1),
        "cpu_us_per_line": round(measured["cpu_s"] / measured["wall_s"] * seconds / lag.lines * 1e6, 1),
        "commits_per_s": round(lag.commits / seconds, 1),
    }
    times = {"p50_s": lag.p50_s, "p99_s": lag.p99_s, "never_durable": lag.never}
    slope = measured["rss_bytes_per_hour"]
    memory = {"rss_mb": round(measured["rss_bytes"] / 1e6, 1), "seconds": seconds}
    flat = MEMORY_BYTES_PER_HOUR_MAX / 1e6 if seconds >= SECONDS["long"] else None
    return [
        Figure(
            "following: share of one core",
            round(measured["cpu_s"] / measured["wall_s"], 3),
            CORE_SHARE_MAX,
            "",
            detail,
        ),
        Figure("following: slowest line durable", lag.max_s, LAG_S_MAX, "s", times),
        Figure("following: memory growth", round(slope / 1e6, 2), flat, "MB/h", memory),
    ]
