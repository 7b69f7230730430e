"""What a host is asked, and what not, when it cannot answer."""

from __future__ import annotations

from pathlib import Path

import pytest

from fleet.core.model import Attempt, Host, Task, TaskSpec, Worktree
from fleet.home import Home
from fleet.shell.remote_ground import RemoteGround
from workers.remote.address import Reach
from workers.remote.away import HostAway
from workers.remote.link import Link

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
def ground(tmp_path: Path) -> RemoteGround:
    """Its link is not open."""
    link = Link(
        Reach("box", "127.0.0.1", 1, "nobody"), home_id="h", runs=tmp_path, known_hosts=tmp_path / "known"
    )
    return RemoteGround(Host("box", 1, address="ssh://nobody@127.0.0.1:1"), Home(tmp_path), "h", link)


def test_a_checkpoint_that_comes_after_its_workers_turn_touches_nothing(ground: RemoteGround) -> None:
    """By then somebody commits, moves or lands the branch: it must not be moved back."""
    checkpoint = ground.checkpoint(TASK, ATTEMPT, WORKTREE, lambda: False)
    assert (checkpoint.ref, checkpoint.changed) == (None, False)


def test_nobody_waits_for_a_link_that_is_closed(ground: RemoteGround) -> None:
    """Else a coordinator that stops would wait for each errand that waits for a connection."""
    assert not ground.link.wait(3_600.0)
    with pytest.raises(HostAway, match="host box cannot be reached"):
        ground.config_dir("work")
