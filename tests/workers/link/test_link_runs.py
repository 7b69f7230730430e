"""Runs of another host: the same as on this machine."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.own_home import HOME_ID
from tests.patience import until
from tests.workers.link.conftest import Connect, Serve
from tests.workers.link.waiting import connected
from workers.host import LocalHost, RunHeld
from workers.orders import Close, Grace, RunSpec, Say, Stop
from workers.remote.away import HostAway
from workers.remote.link import Link
from workers.remote.runs import RemoteRuns
from workers.runs import Runs
from workers.spool import Follower

ECHO = """
import os, sys
print(os.read(3, 99), flush=True)
for line in sys.stdin:
    print("heard", line, end="", flush=True)
"""


class Place:
    """A host's runs, and how to follow them here."""

    def __init__(self, runs: Runs, copies: Path, follow: Callable[[str], None]) -> None:
        self.runs, self.copies, self.follow = runs, copies, follow


@pytest.fixture(params=["local", "remote"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    if request.param == "local":
        yield Place(LocalHost(tmp_path / "runs", HOME_ID), tmp_path / "runs", lambda _: None)
        return
    serve: Serve = request.getfixturevalue("serve")
    connect: Connect = request.getfixturevalue("connect")
    link: Link = connect(serve().reach())
    connected(link)
    yield Place(RemoteRuns(link, HOME_ID), tmp_path / "runs", lambda attempt: link.follow([attempt]))


def spec(tmp_path: Path, program: str = ECHO) -> RunSpec:
    env = {"PATH": os.environ["PATH"]}
    return RunSpec((sys.executable, "-c", program), str(tmp_path), env, secret_fd=3, grace=Grace(0.2, 0.2))


def test_a_run_is_launched_ordered_followed_and_gone(place: Place, tmp_path: Path) -> None:
    runs = place.runs
    assert not runs.has_started("t1.1") and not runs.alive("t1.1") and runs.living() == set()
    place.follow("t1.1")
    runs.launch("t1.1", spec(tmp_path), b"the secret")
    runs.launch("t1.1", spec(tmp_path), b"the secret")
    assert runs.alive("t1.1") and runs.living() == {"t1.1"}
    until("it has started", lambda: runs.has_started("t1.1"))
    assert runs.gone(["t1.1"]) == set()
    with pytest.raises(RunHeld):
        runs.sweep("t1.1")
    runs.order("t1.1", Say("o1", "hello"))
    runs.order("t1.1", Close("o2"))
    until("it is gone", lambda: runs.gone(["t1.1"]) == {"t1.1"})
    with Follower(place.copies) as follower:
        follower.watch("t1.1")
        records = [record for batch in follower.poll() for record in batch.records]
    said = [record.payload for record in records if record.kind == "o"]
    assert said == [b"b'the secret'", b"heard hello"]
    assert b'"exit"' in records[-1].payload
    assert runs.sweep("t1.1") == () and runs.living() == set()
    assert runs.spec("t1.1")["argv"] == list(spec(tmp_path).argv)
    assert runs.spec("t1.1")["env"]["FLEET_RUN"] == runs.marker("t1.1") == f"t1.1@{HOME_ID}"


def test_a_run_that_is_not_there_takes_no_orders(place: Place) -> None:
    with pytest.raises(FileNotFoundError):
        place.runs.order("t9.1", Stop("o1", "asked"))
    with pytest.raises(FileNotFoundError):
        place.runs.spec("t9.1")


def test_a_secret_and_its_descriptor_go_together(place: Place, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="go together"):
        place.runs.launch("t1.1", spec(tmp_path), None)


def test_a_worker_outlives_the_connection_and_the_server(
    serve: Serve, connect: Connect, tmp_path: Path
) -> None:
    server = serve()
    link = connect(server.reach())
    connected(link)
    runs = RemoteRuns(link, HOME_ID)
    link.follow(["t1.1"])
    runs.launch("t1.1", spec(tmp_path), b"s")
    server.stop()
    until("it is away", lambda: not link.state().connected)
    with pytest.raises(HostAway):
        runs.alive("t1.1")
    server.start()
    connected(link)
    assert runs.alive("t1.1")
    runs.order("t1.1", Stop("o1", "the test is over", quick=True))
    until("it is gone", lambda: runs.gone(["t1.1"]) == {"t1.1"})
