"""What a host is asked, and what not, when it cannot answer."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from fleet.core.model import Attempt, Fleet, Host, Task, TaskSpec, Worktree
from fleet.home import Home
from fleet.shell.hosts.all import Hosts
from fleet.shell.hosts.driver import Client
from fleet.shell.hosts.local import LocalDriver
from fleet.shell.hosts.monitor import is_silence
from fleet.shell.hosts.ssh import SshDriver
from workers.host import LocalHost
from workers.remote.address import Reach
from workers.remote.away import HostAway
from workers.remote.link import CONNECTING, Link, LinkState
from workers.remote.wire import Wire

TASK = Task("t1", 1, TaskSpec("Do it.", "/nowhere", "It", ("sonnet",), "main"), created_ms=0, state="running")
ATTEMPT = Attempt(
    id="t1.1",
    task="t1",
    number=1,
    account="work",
    tier="sonnet",
    model="sonnet",
    host="box",
    session_id="s1",
    started_ms=0,
)
WORKTREE = Worktree(task="t1", repo="/nowhere", slot=0, host="box", path="/there")


@pytest.fixture
def driver(tmp_path: Path) -> SshDriver:
    """Its link is not open."""
    link = Link(
        Reach("box", "127.0.0.1", 1, "nobody"), home_id="h", runs=tmp_path, known_hosts=tmp_path / "known"
    )
    return SshDriver(Host("box", 1, address="ssh://nobody@127.0.0.1:1"), Home(tmp_path), "h", link)


def test_a_checkpoint_that_comes_after_its_workers_turn_touches_nothing(driver: SshDriver) -> None:
    """By then somebody commits, moves or lands the branch: it must not be moved back."""
    checkpoint = driver.checkpoint(TASK, ATTEMPT, WORKTREE, lambda: False)
    assert (checkpoint.ref, checkpoint.changed) == (None, False)


def test_nobody_waits_for_a_link_that_is_closed(driver: SshDriver) -> None:
    """Else a coordinator that stops would wait for each errand that waits for a connection."""
    assert not driver.link.wait(3_600.0)
    with pytest.raises(HostAway, match="host box cannot be reached"):
        driver.config_dir("work")


def test_by_how_much_a_hosts_clock_is_ahead_is_what_its_wire_last_measured(
    driver: SshDriver, tmp_path: Path
) -> None:
    """Also while it is away: what its workers said before is still to be dated. Of this machine it is nothing."""
    client = Client(Path("/bin/false"), "0", frozenset())
    here = LocalDriver(Home(tmp_path), "h", LocalHost(tmp_path / "runs", "h"), client, {})
    hosts = Hosts(here, lambda host: driver)
    hosts.sync(Fleet(hosts={"box": Host("box", 1, address="ssh://nobody@127.0.0.1:1")}))
    assert hosts.ahead_ms("box") == 0

    async def measured() -> Wire:
        wire = Wire(driver.link.reach, lambda push, blob: None)
        wire.skew_ms = 600_000
        return wire

    driver.link.connected(asyncio.run(measured()), {})
    assert (hosts.ahead_ms("box"), hosts.ahead_ms(here.name), hosts.ahead_ms("none")) == (600_000, 0, 0)
    driver.link.away("the wire broke", False)
    assert hosts.ahead_ms("box") == 600_000


def test_a_first_connection_that_takes_long_is_not_told_as_silence() -> None:
    assert not is_silence(LinkState(why=CONNECTING, tried_s=30.0))
    assert is_silence(LinkState(why="it refuses connections", tried_s=30.0))
    assert is_silence(LinkState(why="its key is not known", lasting=True))
    assert not is_silence(LinkState(why="the connection was lost", tried_s=1.0))
