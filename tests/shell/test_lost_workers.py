"""Workers whose supervisor is gone, over real supervisors: which of them may have done that themselves."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import anyio
import pytest

from fleet.core import events
from fleet.shell.following import Following
from fleet.shell.hosts.driver import Driver
from fleet.shell.hosts.lost_workers import LostWorkers
from fleet.shell.stamp import WALL
from tests.core.story import Story, account
from tests.patience import until
from tests.workers.supervision.yard import Yard, opened

KILLS_ITS_SUPERVISOR = "until [ -e go ]; do sleep 0.02; done; kill -9 $PPID"


@pytest.fixture
def yard(tmp_path: Path) -> Iterator[Yard]:
    with opened(tmp_path) as made:
        yield made


class Watch:
    """Looks at the workers of the yard; `lost` is what it reported."""

    def __init__(self, yard: Yard, workers: int) -> None:
        story = Story(*(account(f"a{n}") for n in range(workers)))
        for n in range(1, workers + 1):
            story.add()
            story.opened(f"t{n}.1")
        self.lost: list[events.WorkerLost] = []
        following = Following(yard.runs, lambda attempt, line: None, lambda attempt, error: None)
        following.sync(story.fleet)

        async def apply(event: events.Event) -> None:
            assert isinstance(event, events.WorkerLost)
            self.lost.append(event)

        self._looking = LostWorkers(following, lambda: story.fleet, apply, lambda *told: None, WALL)
        of_story = story.attempt("t1.1").host
        found: Any = SimpleNamespace(name=of_story, runs=yard.host, abandon=yard.host.abandon)
        self._driver = cast(Driver, found)

    def look(self) -> None:
        anyio.run(self._looking.look, self._driver)


def test_a_worker_that_kills_its_supervisor_is_seen_to_have_gone_alone(yard: Yard) -> None:
    yard.launch(yard.shell(KILLS_ITS_SUPERVISOR))
    yard.started()
    watch = Watch(yard, 1)
    watch.look()
    (yard.folder / "go").touch()
    until("the supervisor is gone", lambda: not yard.host.alive("t1.1"))
    watch.look()
    assert watch.lost == []
    watch.look()
    assert [(lost.attempt, lost.alone) for lost in watch.lost] == [("t1.1", True)]


def test_workers_that_go_together_or_while_nobody_looked_did_not_go_alone(yard: Yard) -> None:
    for attempt in ("t1.1", "t2.1"):
        yard.launch(yard.shell("sleep 300"), attempt)
    pids = [yard.started(attempt)["supervisor_pid"] for attempt in ("t1.1", "t2.1")]
    together, later = Watch(yard, 2), Watch(yard, 1)
    together.look()
    for pid in pids:
        os.kill(pid, signal.SIGKILL)
    until("they are gone", lambda: yard.host.gone(["t1.1", "t2.1"]) == {"t1.1", "t2.1"})
    for watch in (together, later):
        watch.look()
        watch.look()
    assert [(lost.attempt, lost.alone) for lost in together.lost] == [("t1.1", False), ("t2.1", False)]
    assert [lost.alone for lost in later.lost] == [False]
