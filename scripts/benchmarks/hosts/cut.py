"""A connection that is cut for a minute while 20 workers write: is every line here once, and how fast is it caught up?

The same coordinator as in `follow`, over a proxy on loopback that ends every connection and refuses new ones for a
minute. The workers write far more than real ones do, so that more than 400 MB wait when it is let through again, and
go on writing meanwhile. Catching up is from the first new byte until all that had been written by then is here; and
until the commit that is past it. The yardstick is OpenSSH with `cat` of the same spools on the same server.
"""

from __future__ import annotations

import statistics
import subprocess
import tempfile
import time
from collections import defaultdict
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from benchmarks.figure import Figure, Options
from benchmarks.following import house, notes
from benchmarks.following.processes import Measured, Writers
from benchmarks.hosts.copies import differing, sizes
from benchmarks.hosts.place import Place, place
from fleet.core.model import Host
from fleet.store.sqlite import SqliteStore
from tests.workers.proxy import Proxy, proxy_to
from workers.remote.address import parse

WORKERS = 20
WRITERS = 2
LINES_PER_S = 230
"""Each: 8 MB a second together."""
BEFORE_S = 3.0
CUT_S = 60.0
CUT_S_QUICK = 10.0
AFTER_S = 5.0
"""For so long they go on writing."""
PATIENCE_S = 50.0
"""To catch up with everything."""
MB_PER_S_MIN = 20.0
CATS = 3


@dataclass(frozen=True)
class Caught:
    """Seconds (epoch) and bytes. `began`: of the first byte after the cut. `here`: when what was then on the host was
    all here; `moved`: the bytes that had come by then. `wanted`: how far each spool was at `began`."""

    began_s: float
    here_s: float
    moved: int
    backlog: int
    wanted: Mapping[str, int]


def measure(options: Options) -> list[Figure]:
    cut_s = CUT_S_QUICK if options.quick else CUT_S
    with tempfile.TemporaryDirectory(prefix="fleet-bench-") as scratch, place(Path(scratch)) as made:
        return _measured(made, cut_s)


def _measured(made: Place, cut_s: float) -> list[Figure]:
    with proxy_to(made.server.port) as wire:
        host = made.host("box", wire.port)
        attempts = house.lay_out(made.home.root, WORKERS, host)
        there = house.runs_of(made.home, host)
        writers = Writers(there, attempts, WRITERS, LINES_PER_S, BEFORE_S + cut_s + AFTER_S)
        coordinator = Measured(made.home.root, 1.0, BEFORE_S + cut_s + PATIENCE_S, made.environ)
        writers.begin()
        caught = _cut(wire, cut_s, there, made.home.runs, attempts)
        writers.wait()
        measured = coordinator.result()
        writers.end()
    cats = [_cat_s(made, host, there) for _ in range(CATS)]
    cat = sum(sizes(there, attempts).values()) / statistics.median(cats)
    wrong = differing(there, made.home.runs, attempts)
    unread = _not_applied(made, there, attempts)
    return _figures(caught, _applied_s(made.home.root, caught), cat, [*wrong, *unread], measured)


def _cut(wire: Proxy, cut_s: float, there: Path, here: Path, attempts: list[str]) -> Caught:
    time.sleep(BEFORE_S)
    wire.refuse()
    time.sleep(cut_s)
    held = sum(sizes(here, attempts).values())
    wire.flow()
    while (now := sum(sizes(here, attempts).values())) == held:
        time.sleep(0.005)
    began, wanted = time.time(), sizes(there, attempts)
    backlog = sum(wanted.values()) - now
    give_up_at = began + PATIENCE_S
    while any(size < wanted[attempt] for attempt, size in sizes(here, attempts).items()):
        assert time.time() < give_up_at, "it was never caught up with"
        time.sleep(0.02)
    return Caught(began, time.time(), sum(sizes(here, attempts).values()) - now, backlog, wanted)


def _applied_s(home: Path, caught: Caught) -> float:
    """When (epoch) the commits were past all that had been on the host as the connection came back."""
    offsets: dict[int, int] = defaultdict(int)
    behind = {int(attempt.partition(".")[0][1:]): size for attempt, size in caught.wanted.items()}
    for at_ns, task, offset in notes.ROW.iter_unpack((home / notes.FILE).read_bytes()):
        offsets[task] = offset
        if offset >= behind.get(task, 0):
            behind.pop(task, None)
        if not behind:
            return float(at_ns) / 1e9
    return float("inf")


def _not_applied(made: Place, there: Path, attempts: list[str]) -> list[str]:
    """Those whose committed offset is not the end of their spool."""
    with closing(SqliteStore(made.home.database)) as store:
        fleet = store.load().fleet
    ends = sizes(there, attempts)
    return [attempt for attempt in attempts if fleet.attempts[attempt].offset != ends[attempt]]


def _cat_s(made: Place, host: Host, there: Path) -> float:
    reach = parse(host.address)
    ssh = [
        *("ssh", "-p", str(made.server.port), "-i", str(host.identity), "-o", "StrictHostKeyChecking=no"),
        *(
            "-o",
            f"UserKnownHostsFile={made.root / 'known'}",
            "-o",
            "LogLevel=ERROR",
            f"{reach.user}@{reach.host}",
        ),
    ]
    began = time.perf_counter()
    subprocess.run([*ssh, f"cat {there}/*/spool"], check=True, stdout=subprocess.DEVNULL, env=made.environ)
    return time.perf_counter() - began


def _figures(
    caught: Caught, applied_s: float, cat: float, wrong: list[str], measured: dict[str, float]
) -> list[Figure]:
    here_s = caught.here_s - caught.began_s
    rate = caught.moved / here_s
    detail = {
        "backlog_mb": round(caught.backlog / 1e6, 1),
        "here_after_s": round(here_s, 2),
        "applied_after_s": round(applied_s - caught.began_s, 2),
        "ssh_cat_mb_per_s": round(cat / 1e6, 1),
        "rss_mb": round(measured["rss_bytes"] / 1e6, 1),
    }
    applied = caught.backlog / (applied_s - caught.began_s)
    return [
        Figure(
            "cut: spools not here whole, once, applied",
            len(wrong),
            0,
            "",
            {"workers": WORKERS, "wrong": wrong},
        ),
        Figure(
            "cut: caught up, here", round(rate / 1e6, 1), MB_PER_S_MIN, "MB/s", detail, more_is_better=True
        ),
        Figure("cut: caught up, applied", round(applied / 1e6, 1), MB_PER_S_MIN, "MB/s", more_is_better=True),
        Figure("cut: caught up, here / ssh cat", round(rate / cat, 3), None),
    ]
