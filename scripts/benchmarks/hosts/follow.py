"""What it costs to follow 100 workers on one host, each of which says 20 lines a second, with 50 ms for a round trip.

As `following`, but the runs lie on a host: its far end reads them, one connection brings them here, and the same
coordinator follows the copies. CPU is the coordinator's, ssh and all; the far end's, sshd's, the proxy's and the
writers' are not its. A line's lag is from its stamp on the host to the return of the commit that is past it here.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from benchmarks.figure import Figure, Options
from benchmarks.following import house, lags
from benchmarks.following.processes import Measured, Writers
from benchmarks.hosts.copies import differing
from benchmarks.hosts.place import DELAY_S, Place, place
from tests.workers.proxy import proxy_to

WORKERS = 100
LINES_PER_S = 20
WRITERS = 2
SECONDS = 60.0
SECONDS_QUICK = 15.0
WARM_UP_S = 5.0
CORE_SHARE_MAX = 0.4
LAG_S_MAX = 1.0


def measure(options: Options) -> list[Figure]:
    seconds = SECONDS_QUICK if options.quick else SECONDS
    with tempfile.TemporaryDirectory(prefix="fleet-bench-") as scratch, place(Path(scratch)) as made:
        return _measured(made, seconds)


def _measured(made: Place, seconds: float) -> list[Figure]:
    with proxy_to(made.server.port, DELAY_S) as wire:
        host = made.host("box", wire.port)
        attempts = house.lay_out(made.home.root, WORKERS, host)
        writers = Writers(house.runs_of(made.home, host), attempts, WRITERS, LINES_PER_S, seconds)
        coordinator = Measured(made.home.root, WARM_UP_S, seconds, made.environ)
        writers.begin()
        measured = coordinator.result()
        writers.end()
    wrong = differing(house.runs_of(made.home, host), made.home.runs, attempts)
    assert not wrong, f"not here as they are there: {wrong}"
    return _figures(measured, lags.of(made.home.root, attempts, seconds), seconds)


def _figures(measured: dict[str, float], lag: lags.Lags, seconds: float) -> list[Figure]:
    cost = {
        "workers": WORKERS,
        "seconds": seconds,
        "lines_per_s": round(lag.lines / seconds),
        "mb_per_s": round(lag.bytes / seconds / 1e6, 1),
        "ssh_alone": round(measured["ssh_cpu_s"] / measured["wall_s"], 3),
        "rss_mb": round(measured["rss_bytes"] / 1e6, 1),
    }
    times = {"p50_s": lag.p50_s, "p99_s": lag.p99_s, "never_durable": lag.never}
    share = round(measured["cpu_s"] / measured["wall_s"], 3)
    return [
        Figure("100 remote workers: share of one core", share, CORE_SHARE_MAX, "", cost),
        Figure("100 remote workers: slowest line durable", lag.max_s, LAG_S_MAX, "s", times),
    ]
