"""A first scan, the ones after it, and reports, on a made-up history of 1.2 GB; ccusage on the same files. Then the
forecast and what is kept by it (`benchmarks.forecast`).

The scans are whole `fleet history scan` commands. Ours and the peer's take turns, the page cache is warm for both, and
the best of three counts.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
import statistics
import sysconfig
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from benchmarks import forecast
from benchmarks.figure import Figure, Options, spread
from benchmarks.history.generate import CONFIG_DIRS, FULL, SMALL, generate
from benchmarks.history.peer import NoPeer, Peer, by_day, find_peer
from benchmarks.history.running import peak_mb, run
from benchmarks.history.truth import KINDS, Sums, Truth, wrong

FLEET = str(Path(sysconfig.get_path("scripts")) / "fleet")
DATABASE = "fleet.history.db"
ROUNDS = 3
REPORT_ROUNDS = 15
AGAIN_ROUNDS = 9
GROWN_BYTES = 1_000_000
PEAK_MB = 300.0
AGAIN_MS, GROWN_MS, REPORT_MS = 150.0, 200.0, 100.0
REPORTS = ("day", "week", "month", "project", "model", "account", "session")


def measure(options: Options) -> list[Figure]:
    with tempfile.TemporaryDirectory(prefix="fleet-bench-history-") as scratch:
        truth = generate(Path(scratch), SMALL if options.quick else FULL)
        bench = _Bench(Path(scratch), truth)
        return [
            *bench.first_scans(1 if options.quick else ROUNDS),
            bench.memory(),
            bench.nothing_new(3 if options.quick else AGAIN_ROUNDS),
            *bench.reports(3 if options.quick else REPORT_ROUNDS),
            bench.one_grown(3 if options.quick else AGAIN_ROUNDS),
            *forecast.measure(options),
        ]


class _Bench:
    def __init__(self, scratch: Path, truth: Truth) -> None:
        self.scratch, self.truth = scratch, truth
        self.dirs = [scratch / name for name in CONFIG_DIRS]
        self.home = scratch / "home"
        self.peer = find_peer()

    @property
    def environment(self) -> Mapping[str, str]:
        return {"PATH": os.environ["PATH"], "HOME": str(self.scratch), "FLEET_HOME": str(self.home)}

    def scan(self) -> list[str]:
        return [FLEET, "history", "scan", "--json", *(f"--config-dir={folder}" for folder in self.dirs)]

    def first_scans(self, rounds: int) -> list[Figure]:
        ours: list[float] = []
        theirs: list[float] = []
        counted: Sums | None = None
        for _ in range(rounds):
            shutil.rmtree(self.home, ignore_errors=True)
            ours.append(run(self.scan(), self.environment).took_s)
            if isinstance(self.peer, Peer):
                ran = run(self.peer.command, self.peer.environment(self.scratch, self.dirs))
                theirs.append(ran.took_s)
                counted = by_day(ran.output)
        told = {
            "files": self.truth.files,
            "lines": self.truth.lines,
            "mb": round(self.truth.bytes / 1e6),
            "answers": self.truth.answers,
            **spread("ours", ours),
        }
        return [self._ratio(ours, theirs, told), self._exact(), *self._peers_error(counted)]

    def _ratio(self, ours: Sequence[float], theirs: Sequence[float], told: dict[str, object]) -> Figure:
        if isinstance(self.peer, NoPeer):
            told["peer"] = self.peer.why
            return Figure("first scan (peer not available)", round(min(ours), 2), None, "s", told)
        detail = told | {"peer": f"ccusage {self.peer.version}"} | spread("peer", theirs)
        # Of a small history it is the start of processes that counts.
        target = 1.0 if self.truth.files >= FULL.files else None
        return Figure("first scan / ccusage", round(min(ours) / min(theirs), 3), target, detail=detail)

    def _exact(self) -> Figure:
        off = {
            f"{name}_{kind}": count
            for name, true in (("model", self.truth.by_model), ("project", self.truth.by_project))
            for kind, count in wrong(self._counted(name), true).items()
        }
        return Figure("tokens and answers that the ledger has wrong", sum(off.values()), 0.0, "", off)

    def _counted(self, by: str) -> Sums:
        kinds = ", ".join(f"sum({kind})" for kind in ("answers", *KINDS))
        sql = f"SELECT text, {kinds} FROM quarters JOIN texts ON id = {by} GROUP BY text"
        connection = sqlite3.connect(self.home / DATABASE)
        rows = connection.execute(sql).fetchall()
        connection.close()
        return {key: list(row) for key, *row in rows}

    def _peers_error(self, counted: Sums | None) -> list[Figure]:
        """By UTC day, with cache writes of both lifetimes together, for it tells no more."""
        if counted is None:
            return []
        true = {
            day: [0, plain, output, minutes + hour, 0, read]
            for day, (_, plain, output, minutes, hour, read) in self.truth.by_day.items()
        }
        off = wrong(counted, true)
        shares = {
            kind: f"{off[kind]:,} of {count:,}" for kind, count in self.truth.total().items() if off.get(kind)
        }
        return [Figure("tokens that ccusage has wrong", sum(off.values()), None, "", shares)]

    def memory(self) -> Figure:
        shutil.rmtree(self.home, ignore_errors=True)
        ours = peak_mb(self.scan(), self.environment)
        detail: dict[str, object] = {}
        if isinstance(self.peer, Peer):
            theirs = peak_mb(self.peer.command, self.peer.environment(self.scratch, self.dirs))
            detail["peer_mb"] = round(theirs)
        return Figure("peak memory of a first scan, all processes", round(ours), PEAK_MB, "MB", detail)

    def nothing_new(self, rounds: int) -> Figure:
        took = [run(self.scan(), self.environment).took_s for _ in range(rounds)]
        return _milliseconds("second scan, nothing new", took, AGAIN_MS)

    def one_grown(self, rounds: int) -> Figure:
        """Lines of one file come to another's end, with new ids, so that each is a new answer."""
        files = sorted(self.dirs[0].rglob("*.jsonl"), key=lambda path: path.stat().st_size)
        target, source = files[len(files) // 2], files[-1].read_bytes()[: 2 * GROWN_BYTES]
        took = []
        for number in range(rounds):
            more = source.replace(b'"id":"msg_01', b'"id":"msg_%02d' % (number + 10))[:GROWN_BYTES]
            with target.open("ab") as file:
                file.write(b"\n" + more[: more.rindex(b"\n") + 1])
            took.append(run(self.scan(), self.environment).took_s)
        return _milliseconds("scan with one file grown by 1 MB", took, GROWN_MS)

    def reports(self, rounds: int) -> list[Figure]:
        """Beyond start-up: less what `fleet --help` takes, in turns."""
        commands = {by: [FLEET, "history", "--by", by, "--json", "--tz", "Europe/Berlin"] for by in REPORTS}
        commands["heatmap"] = [FLEET, "history", "heatmap", "--json", "--tz", "Europe/Berlin"]
        beyond: dict[str, list[float]] = {name: [] for name in commands}
        for _ in range(rounds):
            for name, command in commands.items():
                start = run([FLEET, "--help"], self.environment).took_s
                beyond[name].append(run(command, self.environment).took_s - start)
        medians = {name: round(statistics.median(took) * 1000, 1) for name, took in beyond.items()}
        slowest = max(medians, key=lambda name: medians[name])
        detail = {f"{name}_ms": took for name, took in medians.items()} | {"answers": self.truth.answers}
        return [
            Figure(f"slowest report ({slowest}) beyond start-up", medians[slowest], REPORT_MS, "ms", detail)
        ]


def _milliseconds(name: str, took: Sequence[float], target: float) -> Figure:
    return Figure(name, round(statistics.median(took) * 1000, 1), target, "ms", spread("took", took))
