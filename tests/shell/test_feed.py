"""What a coordinator tells those who follow it, over its socket."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import deque
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import anyio
import pytest
from anyio import to_thread

from fleet import ports
from fleet.core import events
from fleet.core.decisions import Note
from fleet.core.model import Fleet
from fleet.engine import Applied, Engine
from fleet.home import Home
from fleet.ports import Change, Committed
from fleet.shell import control
from fleet.shell.asker import Doorkeeper
from fleet.shell.feed import FOLLOWERS_MAX, Box, Feed
from fleet.shell.stamp import WALL
from fleet.views.changes import Changes, event
from fleet.virtual.memory_store import MemoryStore
from tests.core.story import START_MS, account, spec
from tests.patience import until
from tests.shell.test_control import connected, listens
from workers.supervisor import MARKER

HOME_ID = "of-the-feed"


class Clock:
    now = START_MS

    def now_ms(self) -> int:
        return self.now


class Told:
    """An engine whose commits a feed tells of."""

    def __init__(self, things_max: int = 100, clock: ports.Clock = WALL) -> None:
        self.engine = Engine(MemoryStore())
        self.feed = Feed(self.engine.fleet, 0, Changes(), event, clock, things_max)
        self._asked = 0

    def do(self, kind: type[events.Event], **what: Any) -> Applied:
        self._asked += 1
        applied = self.engine.apply((kind(at_ms=START_MS, id=f"e{self._asked}", **what),))
        self.feed.publish(applied)
        return applied

    def box(self, *topics: str) -> Box:
        opened = self.feed.open({"topics": list(topics)} if topics else {})
        assert isinstance(opened, Box)
        return opened

    def lines(self, box: Box) -> list[dict[str, Any]]:
        deque(self.feed.hand_on(), maxlen=0)
        return [json.loads(line) for line in self.feed.taken(box)]


@pytest.fixture
def told() -> Told:
    told = Told()
    told.do(events.AccountAdded, account=account("a"))
    return told


def test_what_has_changed_twice_before_it_is_read_is_told_once_and_each_event_of_it(told: Told) -> None:
    box = told.box()
    told.do(events.TasksAdded, specs=(spec(title="Count"),))
    told.do(events.TaskRevised, task="t1", fields=("title",), spec=spec(title="Count all"), by="a person")
    change, *told_of = told.lines(box)
    assert (change["t"], change["revision"]) == ("change", told.engine.revision)
    assert [task["title"] for task in change["put"]["tasks"].values()] == ["Count all"]
    assert change["put"]["counts"] == {"queued": 1}
    assert [line["type"] for line in told_of] == ["task.added", "task.edited"]
    assert told_of[1]["data"] == {"by": "a person", "fields": ["title"]}
    assert told.lines(box) == []


def test_who_asks_for_one_topic_is_told_of_no_other(told: Told) -> None:
    states, only_events = told.box("state"), told.box("events")
    told.do(events.TasksAdded, specs=(spec(),))
    assert {line["t"] for line in told.lines(states)} == {"change"}
    assert {line["t"] for line in told.lines(only_events)} == {"event"}


def test_who_does_not_read_keeps_a_bounded_box_and_is_told_to_read_again() -> None:
    """And whoever reads is not left behind with it."""
    told = Told(things_max=30)
    idle, reads = told.box(), told.box()
    for n in range(30):
        told.do(events.TasksAdded, specs=(spec(title=str(n)),))
        assert {line["t"] for line in told.lines(reads)} == {"change", "event"}
        assert len(idle) <= 30
    (line,) = told.lines(idle)
    assert line == {"t": "resync", "revision": told.engine.revision}
    told.do(events.TasksAdded, specs=(spec(title="after"),))
    assert [line["t"] for line in told.lines(idle)] == ["change", "event"]


def test_a_commit_of_very_much_is_not_told_thing_by_thing() -> None:
    told = Told(things_max=10)
    box = told.box()
    told.do(events.TasksAdded, specs=tuple(spec(title=str(n)) for n in range(50)))
    assert [line["t"] for line in told.lines(box)] == ["resync"]


def test_what_only_time_has_changed_is_told_too() -> None:
    """A reading past its reset is unknown, though nobody has written anything."""
    clock = Clock()
    told = Told(clock=clock)
    told.do(events.AccountAdded, account=account("a"))
    reading = events.WindowReading("five_hour", None, 0.5, START_MS + 1_000, "allowed", False)
    told.do(events.AccountRead, name="a", readings=(reading,), seen_ms=START_MS)
    box = told.box("state")
    told.lines(box)
    told.feed.look_at_time()
    told.lines(box)
    told.feed.look_at_time()
    assert told.lines(box) == []
    clock.now += 2_000
    told.feed.look_at_time()
    (change,) = told.lines(box)
    (bucket,) = change["put"]["accounts"]["a"]["buckets"]
    assert bucket["utilization"] is None


@pytest.mark.parametrize(
    "asked",
    [{"v": 2}, {"topics": "state"}, {"topics": []}, {"topics": ["gossip"]}, {"topics": [["state"]]}],
)
def test_what_the_feed_does_not_have_is_refused_with_what_it_has(told: Told, asked: dict[str, Any]) -> None:
    refused = told.feed.open(asked)
    assert isinstance(refused, str) and ("version 1" in refused or "state, events" in refused)


# --- over the socket ---


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return control.socket_path(Home(tmp_path))


async def nothing(request: dict[str, Any]) -> control.Reply:
    return {"ok": True}


def served(path: Path, told: Told, use: Callable[[Callable[..., Any]], None]) -> None:
    """Runs `use` in a thread while the feed is served; what it is given runs a call where the coordinator runs."""

    def once_there() -> None:
        until("the socket is served", lambda: listens(path), 0.001)
        use(lambda call: anyio.from_thread.run_sync(call))

    async def run() -> None:
        async with anyio.create_task_group() as group:
            doorkeeper = Doorkeeper(HOME_ID, path.parent / "runs", os.getpid())
            group.start_soon(control.serve, path, nothing, doorkeeper, told.feed)
            group.start_soon(told.feed.run, lambda what, story: pytest.fail(story))
            await to_thread.run_sync(once_there)
            group.cancel_scope.cancel()

    anyio.run(run)


def following(client: Any) -> Iterator[dict[str, Any]]:
    client.sendall(b'{"kind":"follow","v":1}\n')
    return map(json.loads, client.makefile("rb"))


def test_a_follower_is_told_at_which_revision_it_begins_and_then_what_changes(path: Path, told: Told) -> None:
    def use(there: Callable[..., Any]) -> None:
        with connected(path) as client:
            lines = following(client)
            assert next(lines) == {"ok": True, "v": 1, "revision": 1}
            there(lambda: told.do(events.TasksAdded, specs=(spec(),)))
            change, of_it = next(lines), next(lines)
            assert (change["t"], change["revision"], [*change["put"]["tasks"]]) == ("change", 2, ["t1"])
            assert (of_it["t"], of_it["type"], of_it["task"]) == ("event", "task.added", "t1")

    served(path, told, use)


def test_no_more_than_so_many_follow_and_a_place_is_free_when_one_goes(
    path: Path, told: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fleet.shell.feed.BEAT_S", 0.01)
    for _ in range(FOLLOWERS_MAX - 1):
        told.box()

    def use(there: Callable[..., Any]) -> None:
        def hello() -> dict[str, Any]:
            with connected(path) as client:
                return next(following(client))

        with connected(path) as last:
            assert next(following(last))["ok"]
            refused = hello()
            assert not refused["ok"] and f"{FOLLOWERS_MAX} programs follow" in refused["error"]
        until("the place is free", lambda: hello()["ok"], 0.01)

    served(path, told, use)


def test_what_the_fleet_runs_itself_may_not_follow(path: Path, told: Told) -> None:
    """As it may command nothing: a worker reads no other task's words here."""
    script = (
        "import socket,sys\nc=socket.socket(socket.AF_UNIX)\nc.connect(sys.argv[1])\n"
        'c.sendall(b\'{"kind":"follow"}\\n\')\nprint(c.makefile().readline())'
    )

    def use(there: Callable[..., Any]) -> None:
        asked = subprocess.run(
            [sys.executable, "-c", script, str(path)],
            env={MARKER: f"t1.1@{HOME_ID}"},
            capture_output=True,
            text=True,
            check=True,
        )
        answer = json.loads(asked.stdout)
        assert not answer["ok"] and "part of t1.1" in answer["error"]

    served(path, told, use)


def test_what_cannot_be_shown_ends_nothing_and_is_read_again(path: Path) -> None:
    """A fault in how something is shown is told of, and costs the followers a reading."""
    complaints: list[str] = []
    told = Told()

    def broken(*_: Any) -> Iterator[Any]:
        raise ZeroDivisionError("of a shape")

    told.feed = Feed(Fleet(), 0, broken, event, WALL)

    async def run() -> None:
        async with anyio.create_task_group() as group:
            box = told.box()
            group.start_soon(told.feed.run, lambda what, story: complaints.append(story))
            note = Note(id="", cause="e", level="info", type="host.well", text="well")
            change = Change(Fleet(), Fleet(), notes=((1, note),))
            told.feed.publish(Applied((), (), change, Committed(1, (1,))))
            await box.filled.wait()
            assert [json.loads(line)["t"] for line in told.feed.taken(box)] == ["resync"]
            group.cancel_scope.cancel()

    anyio.run(run)
    assert "ZeroDivisionError" in complaints[0]
