"""What faces show, and how it goes on: a snapshot from the database, and each change of it as it comes.

A running coordinator tells of changes (`fleet.shell.feed`). Where none runs, or it has no place for one more who
follows, the database itself is looked at four times a second, which costs a microsecond each time, and read again when
somebody has written to it. Either way nothing that was told is missed: events are counted by their numbers.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from math import inf
from pathlib import Path
from typing import Any

import anyio
from anyio.abc import SocketStream
from anyio.streams.buffered import BufferedByteReceiveStream

from fleet.ports import Reader
from fleet.store.read_connection import DatabaseWatch
from fleet.store.sqlite_reader import SqliteReader
from fleet.store.statements import DATABASE
from fleet.threads import in_thread
from fleet.views.light import records
from fleet.views.light.running import socket_of

Record = dict[str, Any]
Sections = dict[str, dict[str, Any]]

LOOK_S = 0.25
"""How often the database is looked at where no coordinator tells of changes."""

READ_AGAIN_S = 30.0
"""Without a change it is read again after so long: time alone changes how full a bucket is known to be."""

SILENCE_S = 15.0
"""A coordinator says something every five seconds; one that says nothing for so long is taken to be gone."""

ASK_AGAIN_S = 5.0
"""How long a coordinator that gave no place is not asked for one again."""

EVENTS_AT_ONCE = 1_000
LINE_BYTES_MAX = 64_000_000

_GONE = (
    anyio.BrokenResourceError,
    anyio.ClosedResourceError,
    anyio.EndOfStream,
    anyio.IncompleteRead,
    anyio.DelimiterNotFound,
    TimeoutError,
    ValueError,
)
"""The coordinator has ended, or what came is no line of a feed."""

ENDED = ("landed", "cancelled")
"""Tasks in these states are not part of what is shown all the time: there may be many thousands."""


@dataclass(slots=True)
class State:
    """`sections` as in `fleet.views.changes`, `tasks` without those that have landed or were cancelled."""

    revision: int = 0
    sections: Sections = field(default_factory=dict)

    def apply(self, line: Record) -> None:
        """Takes over a `change` of the feed, unless it is of before."""
        if line["revision"] < self.revision:
            return
        self.revision = line["revision"]
        for name, things in line["put"].items():
            self.sections.setdefault(name, {}).update(things)
        for name, keys in line["gone"].items():
            for key in keys:
                self.sections.setdefault(name, {}).pop(key, None)
        tasks = self.sections.get("tasks", {})
        for key in line["put"].get("tasks", ()):
            if tasks[key]["state"] in ENDED:
                del tasks[key]


def read_state(reader: Reader, now_ms: int) -> State:
    """The snapshot, all of one moment."""
    buckets = records.buckets_by_pool(reader.buckets(), now_ms)
    workers = [records.worker(body) for body in reader.workers()]
    accounts = reader.accounts()
    return State(
        reader.revision(),
        {
            "tasks": {body["id"]: records.task_brief(body) for body in reader.open_tasks()},
            "accounts": {
                body["name"]: records.account_brief(body, buckets.get(body["pool"], []), now_ms)
                for body in accounts
            },
            "workers": {worker["attempt"]: worker for worker in workers},
            "hosts": {body["name"]: records.host(body, workers) for body in reader.hosts()},
            "counts": dict(reader.task_states()),
            "fleet": records.breaker(reader.policy() or {}),
        },
    )


def snapshot(home: Path) -> State:
    """The state as last committed. Raises StoreUnreadable."""
    with SqliteReader(home) as reader:
        return read_state(reader, time.time_ns() // 1_000_000)


class Live:
    """For one face, within an `async with`. `state` is as of the last update, and `seq` the number of the last event
    that was given. `told` says whether a coordinator tells of changes; `why_not` why one that runs does not."""

    def __init__(self, home: Path, since: int | None = None) -> None:
        """Events after `since` are given; without it those from now on."""
        self._home = home
        self._stream: SocketStream | None = None
        self._lines: BufferedByteReceiveStream | None = None
        self._watch: DatabaseWatch | None = None
        self._asked_s = self._read_s = -inf
        self._resync = False
        self.state = State()
        self.seq = since
        self.why_not = ""

    async def __aenter__(self) -> Live:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._hang_up()
        if self._watch is not None:
            self._watch.close()

    @property
    def told(self) -> bool:
        return self._stream is not None

    async def next(self) -> tuple[Record, ...]:
        """Waits until something has changed, the first time for nothing, and gives the events since. Raises
        StoreUnreadable."""
        while True:
            if self._resync:
                return await self._read()
            if self._stream is None and await self._connect():
                continue
            events = await (self._looked_at() if self._stream is None else self._heard())
            if events is not None:
                return events

    # --- from the coordinator ---

    async def _connect(self) -> bool:
        """Follows the coordinator, if one runs, and lets us. One that refused is asked again only after a while."""
        path = socket_of(self._home)
        if path is None:
            self._asked_s, self.why_not = -inf, ""
        if path is None or time.monotonic() - self._asked_s < ASK_AGAIN_S:
            return False
        self._asked_s = time.monotonic()
        try:
            self._stream = await anyio.connect_unix(path)
            self._lines, self._resync = BufferedByteReceiveStream(self._stream), True
            await self._stream.send(b'{"kind":"follow","v":1}\n')
            answer = await self._line()
        except (*_GONE, OSError):
            self.why_not = "it does not answer"
        else:
            self.why_not = "" if answer.get("ok") else str(answer.get("error"))
        if self.why_not:
            await self._hang_up()
        return self._stream is not None

    async def _heard(self) -> tuple[Record, ...] | None:
        """One line more; None where it brings nothing new, or there is none more."""
        try:
            line = await self._line()
        except _GONE:
            self._asked_s = -inf
            await self._hang_up()
            return None
        if line.get("t") == "resync":
            return await self._read()
        if line.get("t") == "change":
            self.state.apply(line)
            return ()
        if line.get("t") != "event" or line["seq"] <= (self.seq or 0):
            return None
        self.seq = line["seq"]
        return ({key: value for key, value in line.items() if key not in ("t", "v")},)

    async def _line(self) -> Record:
        assert self._lines is not None
        with anyio.fail_after(SILENCE_S):
            line: Record = json.loads(await self._lines.receive_until(b"\n", LINE_BYTES_MAX))
        return line

    async def _hang_up(self) -> None:
        if self._stream is not None:
            await self._stream.aclose()
        self._stream = self._lines = None

    # --- from the database ---

    async def _looked_at(self) -> tuple[Record, ...] | None:
        """None while nobody has written."""
        if self._watch is None:
            self._watch = DatabaseWatch(str(self._home / DATABASE))
        elif not self._watch.has_changed() and time.monotonic() - self._read_s < READ_AGAIN_S:
            await anyio.sleep(LOOK_S)
            return None
        return await self._read()

    async def _read(self) -> tuple[Record, ...]:
        """Whoever is cancelled meanwhile has missed nothing: it is read again."""
        self._resync = True
        state, seq, events = await in_thread(self._read_now)
        self.state, self.seq, self._resync = state, seq, False
        return events

    def _read_now(self) -> tuple[State, int, tuple[Record, ...]]:
        with SqliteReader(self._home) as reader:
            self._read_s = time.monotonic()
            seq = reader.last_event() if self.seq is None else self.seq
            events = tuple(events_after(reader, seq))
            state = read_state(reader, time.time_ns() // 1_000_000)
        return state, events[-1]["seq"] if events else seq, events


def events_after(reader: Reader, seq: int, task: str | None = None) -> Iterator[Record]:
    """All lines of the journal since that number, of one task where it is named, as faces show them."""
    while lines := reader.events(seq, EVENTS_AT_ONCE, task):
        yield from map(records.event, lines)
        seq = lines[-1][0]
