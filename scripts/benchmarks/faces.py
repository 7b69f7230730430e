"""What it costs a coordinator that faces follow it, and whether they are told everything.

A coordinator's engine, store, socket and feed, with 10,000 tasks, make 500 changes a second, ten in a commit: first
with nobody who follows, then with twenty who read, in a process of their own, and one who never does. What that costs
is the difference of the processor's time between the two. At the end each of the twenty must have had every event, and
must show what the database has.

What else a person waits for is in `verbs`.
"""

from __future__ import annotations

import json
import resource
import socket
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import anyio
from anyio import to_thread
from anyio.lowlevel import checkpoint
from anyio.streams.buffered import BufferedByteReceiveStream

from benchmarks.figure import Figure, Options
from benchmarks.status import fill
from benchmarks.verbs import differences, many_at_once
from fleet.core import events
from fleet.engine import Applied, Engine
from fleet.home import Home
from fleet.shell import control, homelock
from fleet.shell.asker import Doorkeeper
from fleet.shell.feed import Feed
from fleet.shell.stamp import WALL, stamp
from fleet.store.sqlite import SqliteStore
from fleet.views.changes import Changes, event
from fleet.views.live import Live, snapshot

FOLLOWERS = 20
CHANGES_PER_S = 500
AT_ONCE = 10
SECONDS, SECONDS_LONG, SECONDS_QUICK = 10, 60, 1
"""Worth of changes, on a machine that has the time to make them."""
PUBLISH_S_MAX = 0.002
CPU_MAX = 0.05
LINE_BYTES_MAX = 10_000
LOOK_S = 0.5


class Coordinator:
    """As much of one as changes the state and tells of it."""

    def __init__(self, home: Home) -> None:
        self.home = home
        self.store = SqliteStore(home.database)
        self.engine = Engine(self.store)
        self.feed = Feed(self.engine.fleet, self.engine.revision, Changes(), event, WALL)
        self.publish_s: list[float] = []
        self._queued = [task.id for task in self.engine.fleet.tasks.values() if task.state == "queued"]
        self._next = 0

    def change(self) -> int:
        """Ten tasks get another priority, in one commit; gives the number of its last event."""
        applied = self.engine.apply([self._revised() for _ in range(AT_ONCE)])
        self._publish(applied)
        return 0 if applied.committed is None else applied.committed.told[-1]

    def _revised(self) -> events.Event:
        self._next += 1
        task = self.engine.fleet.tasks[self._queued[self._next % len(self._queued)]]
        spec = replace(task.spec, priority=self._next // len(self._queued) + 1)
        return events.TaskRevised(**stamp(), task=task.id, fields=("priority",), spec=spec, by="bench")

    def _publish(self, applied: Applied) -> None:
        began = time.perf_counter()
        self.feed.publish(applied)
        self.publish_s.append(time.perf_counter() - began)

    async def work(self, changes: int) -> float:
        """So many changes, no more than 500 a second: the processor's time that they take (s)."""
        used, began = _cpu_s(), time.monotonic()
        for done in range(0, changes, AT_ONCE):
            self.change()
            await anyio.sleep(max(0.0, began + done / CHANGES_PER_S - time.monotonic()))
        return _cpu_s() - used


def measure(options: Options) -> list[Figure]:
    seconds = SECONDS_QUICK if options.quick else SECONDS_LONG if options.long else SECONDS
    with tempfile.TemporaryDirectory(prefix="fleet-bench-") as root:
        home = Home(Path(root))
        home.make()
        fill(home.root)
        path = control.socket_path(home)
        with homelock.hold(home, str(path)):
            coordinator = Coordinator(home)
            found: dict[str, Any] = anyio.run(_measured, coordinator, path, seconds * CHANGES_PER_S)
            coordinator.store.close()
    added = (found["followed_cpu_s"] - found["alone_cpu_s"]) / seconds
    detail = {**found, "seconds": seconds, "followers": FOLLOWERS, "changes_per_s": CHANGES_PER_S}
    return [
        Figure("events lost, of all followers", found["lost"], 0, "", detail),
        Figure("followers that do not show what the database has", found["different"], 0, ""),
        Figure("longest publish", round(max(coordinator.publish_s) * 1000, 3), PUBLISH_S_MAX * 1000, "ms"),
        Figure("of a core that being followed takes", round(added, 4), CPU_MAX, ""),
        *many_at_once(options),
        *differences(options),
    ]


async def _measured(coordinator: Coordinator, path: Path, changes: int) -> dict[str, Any]:
    home = coordinator.home
    async with anyio.create_task_group() as group:
        doorkeeper = Doorkeeper(coordinator.engine.fleet.home_id, home.runs)
        group.start_soon(control.serve, path, _refuse, doorkeeper, coordinator.feed)
        group.start_soon(coordinator.feed.run, _complain)
        await checkpoint()
        alone_cpu_s = await coordinator.work(changes)
        command = [sys.executable, "-m", "benchmarks.faces", str(home.root)]
        async with await anyio.open_process(command, stderr=None) as readers:
            assert readers.stdin is not None and readers.stdout is not None
            told = BufferedByteReceiveStream(readers.stdout)
            await told.receive_until(b"\n", LINE_BYTES_MAX)  # all of them follow
            with socket.socket(socket.AF_UNIX) as never_reads:
                never_reads.connect(str(path))
                never_reads.sendall(b'{"kind":"follow","v":1}\n')
                coordinator.publish_s.clear()
                followed_cpu_s = await coordinator.work(changes)
                await readers.stdin.send(f"{coordinator.change()}\n".encode())
                found: dict[str, Any] = json.loads(await told.receive_until(b"\n", LINE_BYTES_MAX))
            await readers.stdin.aclose()
        group.cancel_scope.cancel()
    return {"alone_cpu_s": alone_cpu_s, "followed_cpu_s": followed_cpu_s, **found}


async def _refuse(request: dict[str, Any]) -> control.Reply:
    return {"ok": False, "error": "this is a benchmark"}


def _complain(what: str, story: str) -> None:
    raise AssertionError(story)


def _cpu_s() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


# --- the followers' process ---


class Follower:
    def __init__(self, home: Path) -> None:
        self.home = home
        self.seen: list[int] = []

    async def run(self, following: anyio.Semaphore, last: list[int], ended: anyio.Semaphore) -> None:
        async with Live(self.home) as live:
            await live.next()
            self.since = live.seq or 0
            following.release()
            while not last or self.since + len(self.seen) < last[0]:
                with anyio.move_on_after(LOOK_S):
                    self.seen += [one["seq"] for one in await live.next()]
            # Each change is told before its events.
            self.same = live.state.sections == snapshot(self.home).sections
            ended.release()

    def lost(self, last: int) -> int:
        return len({*range(self.since + 1, last + 1)} - {*self.seen})


async def follow(home: Path) -> None:
    followers = [Follower(home) for _ in range(FOLLOWERS)]
    following, ended = (anyio.Semaphore(0, max_value=FOLLOWERS) for _ in range(2))
    last: list[int] = []
    async with anyio.create_task_group() as group:
        for follower in followers:
            group.start_soon(follower.run, following, last, ended)
        for _ in followers:
            await following.acquire()
        sys.stdout.write("following\n")
        sys.stdout.flush()
        last.append(int(await to_thread.run_sync(sys.stdin.readline)))
    told = {
        "lost": sum(follower.lost(last[0]) for follower in followers),
        "different": sum(not follower.same for follower in followers),
        "events": last[0] - followers[0].since,
        "readers_cpu_s": _cpu_s(),
    }
    sys.stdout.write(f"{json.dumps(told)}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    anyio.run(follow, Path(sys.argv[1]))
