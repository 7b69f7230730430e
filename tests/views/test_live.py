"""A face that follows shows what the database has, whatever happens to it on the way."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Iterator
from random import Random
from typing import Any

import anyio
import pytest
from _pytest.mark import ParameterSet

from fleet.core import events
from fleet.engine import Applied, Engine
from fleet.ports import Change, Committed, Loaded
from fleet.shell.feed import Box, Feed
from fleet.store.sqlite import SqliteStore
from fleet.views.changes import Changes, event
from fleet.views.live import Live, State, events_after, read_state, snapshot
from fleet.virtual.memory_reader import MemoryReader
from fleet.virtual.memory_store import Memory, MemoryStore
from tests.core.story import START_MS, account, spec
from tests.faults import simulate
from tests.patience import PATIENCE_S

SEEDS, SEEDS_LARGE = 2, 200
FACES_MAX = 3
THINGS_MAX = 25
"""So small that faces that read slowly are left behind."""


class Face:
    """Reads the database once it follows, and after it was left behind; else takes what it is sent."""

    def __init__(self, feed: Feed, since: int) -> None:
        opened = feed.open({})
        assert isinstance(opened, Box)
        self.box, self.since, self.seq = opened, since, since
        self.state: State | None = None
        self.seen: list[int] = []
        self.resyncs = 0

    def read(self, memory: Memory) -> None:
        with MemoryReader(memory) as reader:
            self.state = read_state(reader, memory.fleet.now_ms)
            for one in events_after(reader, self.seq):
                self._take(one["seq"])

    def hear(self, feed: Feed) -> None:
        for line in map(json.loads, feed.taken(self.box)):
            if line["t"] == "resync":
                self.state, self.resyncs = None, self.resyncs + 1
            elif line["t"] == "event" and line["seq"] > self.seq:
                self._take(line["seq"])
            elif line["t"] == "change" and self.state is not None:
                self.state.apply(line)

    def _take(self, seq: int) -> None:
        self.seq = seq
        self.seen.append(seq)


class Followed(MemoryStore):
    """A store whose coordinator tells faces of its commits. They come, go and read as a seed draws it."""

    def __init__(self, memory: Memory, rng: Random, counts: dict[str, int]) -> None:
        super().__init__(memory)
        self.memory, self.rng, self.counts = memory, rng, counts
        self.faces: list[Face] = []

    def load(self) -> Loaded:
        """A new coordinator: those who followed the one before come again."""
        loaded = super().load()
        self.faces = []
        self.feed = Feed(
            loaded.fleet,
            loaded.revision,
            Changes(),
            event,
            self,
            THINGS_MAX,
        )
        return loaded

    def now_ms(self) -> int:
        return self.memory.fleet.now_ms

    def commit(self, change: Change) -> Committed:
        committed = super().commit(change)
        self.feed.publish(Applied((), (), change, committed))
        self._go_on()
        return committed

    def _go_on(self) -> None:
        rng = self.rng
        if len(self.faces) < FACES_MAX and rng.random() < 0.2:
            self.faces.append(Face(self.feed, self.memory.told))
        if rng.random() < 0.3:
            deque(self.feed.hand_on(), maxlen=0)
        for face in list(self.faces):
            if rng.random() < 0.02:
                self.feed.close(face.box)
                self.faces.remove(face)
                self.counts["left"] += 1
            elif rng.random() < 0.2:
                self._look(face)
        if rng.random() < 0.05:
            self.compare()

    def _look(self, face: Face) -> None:
        if face.state is None:
            face.read(self.memory)
        else:
            face.hear(self.feed)

    def compare(self) -> None:
        """Everything handed on and read: each face has what the database has, and has had each event once."""
        deque(self.feed.hand_on(), maxlen=0)
        self.feed.look_at_time()
        with MemoryReader(self.memory) as reader:
            there = read_state(reader, self.memory.fleet.now_ms)
        kept = [seq for seq, _, _ in self.memory.notes]
        for face in self.faces:
            self._look(face)  # what it is sent, or a reading, and what it was sent before that
            self._look(face)
            self._look(face)
            assert face.state is not None
            assert face.state.sections == there.sections
            assert face.seen == sorted(set(face.seen))
            assert {seq for seq in kept if seq > face.since} <= {*face.seen}
            self.counts["resyncs"] += face.resyncs
            self.counts["compared"] += 1


def seeds() -> Iterator[ParameterSet]:
    for first in range(0, SEEDS_LARGE, SEEDS):
        yield pytest.param(first, marks=[] if first < SEEDS else pytest.mark.large)


@pytest.mark.parametrize("first", tuple(seeds()))
def test_a_snapshot_and_what_came_since_is_the_next_snapshot_whoever_leaves_or_reads_slowly(
    first: int,
) -> None:
    counts = {"left": 0, "resyncs": 0, "compared": 0}
    for seed in range(first, first + SEEDS):
        memory, rng = Memory(), Random(seed)
        opened: list[Followed] = []

        def open_store(
            memory: Memory = memory, rng: Random = rng, opened: list[Followed] = opened
        ) -> Followed:
            opened.append(Followed(memory, rng, counts))
            return opened[-1]

        simulate(seed, open_store=open_store)
    assert counts["left"] > 1 and counts["resyncs"] > 1 and counts["compared"] > 10, counts


def test_without_a_coordinator_a_face_sees_what_others_write(tmp_path: Any) -> None:
    async def run() -> None:
        store = SqliteStore(tmp_path / "fleet.db")
        engine = Engine(store)
        async with Live(tmp_path) as live:
            assert await live.next() == () and not live.told
            asked = events.TasksAdded(at_ms=START_MS, id="e1", specs=(spec(title="Count"),))
            engine.apply((events.AccountAdded(at_ms=START_MS, id="e0", account=account("a")), asked))
            with anyio.fail_after(PATIENCE_S):
                told = await live.next()
            assert [one["type"] for one in told] == ["account.added", "task.added"]
            assert live.state.sections == snapshot(tmp_path).sections
            assert live.state.sections["tasks"]["t1"]["title"] == "Count"
        store.close()

    anyio.run(run)
