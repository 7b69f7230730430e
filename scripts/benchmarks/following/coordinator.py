"""The measured process: a coordinator that only follows. Its store also notes when each offset became durable.

    python -m benchmarks.following.coordinator HOME WARM_UP_S SECONDS

Says a line when it follows (and its hosts are reached), then one JSON document: `cpu_s` and `wall_s` after the warm-up,
`ssh_cpu_s` of the thread that speaks ssh, and its memory.
"""

from __future__ import annotations

import json
import os
import resource
import sys
import threading
import time
from pathlib import Path

import anyio

from benchmarks.following import notes
from fleet.engine import Engine
from fleet.home import Home
from fleet.ports import Change, Committed
from fleet.shell.agreed import Agreed
from fleet.shell.coordinator import Coordinator
from fleet.shell.finishing import Finisher
from fleet.shell.hosts.all import Hosts
from fleet.shell.hosts.connecting import Connecting
from fleet.shell.hosts.driver import Client
from fleet.shell.hosts.local import LocalDriver
from fleet.shell.hosts.monitor import HostLimits
from fleet.shell.logs import open_log
from fleet.shell.performing import Performer
from fleet.shell.stamp import WallClock
from fleet.shell.starting import Starter
from fleet.shell.veil import Veil
from fleet.store.sqlite import SqliteStore
from profiles.secrets import MemorySecrets
from workers.host import LocalHost

START_S = 3.0
"""Until it follows every spool."""
AFTER_S = 2.0
"""Time for the last lines to become durable."""
NEVER_S = 1e9


class NotingStore(SqliteStore):
    """The real store; the notes are written after the commit has returned, and count as the coordinator's time."""

    def note_in(self, path: Path) -> None:
        self._notes = path.open("ab", buffering=1 << 20)

    def commit(self, change: Change) -> Committed:
        committed = super().commit(change)
        now, before = time.time_ns(), change.before.attempts
        for key, attempt in change.after.attempts.items():
            if before[key] is not attempt:
                self._notes.write(notes.ROW.pack(now, int(key.partition(".")[0][1:]), attempt.offset))
        return committed

    def close(self) -> None:
        self._notes.close()
        super().close()


def main(root: Path, warm_up_s: float, seconds: float) -> None:
    home = Home(root)
    store = NotingStore(home.database)
    store.note_in(home.root / notes.FILE)
    engine = Engine(store)
    coordinator = _coordinator(home, engine)
    measured: dict[str, float] = {}

    async def life() -> None:
        async with anyio.create_task_group() as group:
            group.start_soon(coordinator.run)
            await anyio.sleep(START_S)
            assert len(list(coordinator._following.followed)) == len(engine.fleet.attempts)
            while not all(host.takes_work for host in engine.fleet.hosts.values()):  # noqa: ASYNC110 (the outcome counts)
                await anyio.sleep(0.1)
            sys.stdout.write("following\n")
            sys.stdout.flush()
            await anyio.sleep(warm_up_s)
            measured.update(await _watch(seconds - warm_up_s))
            await anyio.sleep(AFTER_S)
            coordinator._stop.set()

    anyio.run(life)
    store.close()
    json.dump(measured, sys.stdout)


async def _watch(seconds: float) -> dict[str, float]:
    began, cpu, ssh, memory = time.monotonic(), _cpu_s(), _ssh_cpu_s(), []
    while (passed := time.monotonic() - began) < seconds:
        memory.append((passed, _rss_bytes()))
        await anyio.sleep(min(1.0, seconds - passed))
    return {
        "wall_s": time.monotonic() - began,
        "cpu_s": _cpu_s() - cpu,
        "ssh_cpu_s": _ssh_cpu_s() - ssh,
        "rss_bytes": memory[-1][1],
        "rss_bytes_per_hour": _slope(memory) * 3600,
    }


def _cpu_s() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def _ssh_cpu_s() -> float:
    clocks = [
        time.pthread_getcpuclockid(t.ident) for t in threading.enumerate() if t.name == "ssh" and t.ident
    ]
    return sum(time.clock_gettime(clock) for clock in clocks)


def _rss_bytes() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def _slope(points: list[tuple[float, int]]) -> float:
    """Least squares, over the second half: bytes a second."""
    points = points[len(points) // 2 :]
    mean_x = sum(x for x, _ in points) / len(points)
    mean_y = sum(y for _, y in points) / len(points)
    spread = sum((x - mean_x) ** 2 for x, _ in points)
    return sum((x - mean_x) * (y - mean_y) for x, y in points) / spread if spread else 0.0


def _coordinator(home: Home, engine: Engine) -> Coordinator:
    home_id = engine.fleet.home_id
    client = Client(Path("/bin/false"), "0", frozenset())
    here = LocalDriver(home, home_id, LocalHost(home.runs, home_id), client, {})
    hosts = Hosts(here, Connecting(home, home_id, lambda: engine.fleet).driver)
    starter = Starter(hosts, home_id, MemorySecrets(), home.runs)
    out = os.fdopen(os.open(os.devnull, os.O_WRONLY), "w")
    return Coordinator(
        engine=engine,
        performer=Performer(starter, Finisher(home, home_id, hosts, list, str), WallClock()),
        hosts=hosts,
        agreed=Agreed(home.agreed),
        runs=home.runs,
        socket=home.root / "control.sock",
        clock=WallClock(),
        log=open_log("json", Veil(), out),
        workers_max=400,
        host_limits=HostLimits(checkpoint_s=NEVER_S),  # there are no worktrees
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]), float(sys.argv[2]), float(sys.argv[3]))
