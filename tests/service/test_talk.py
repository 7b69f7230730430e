"""What all workers say, while it happens."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import islice
from pathlib import Path

import pytest

from fleet.core.model import Fleet
from fleet.core.model.lifecycles import TaskState
from fleet.home import Home
from fleet.ports import Change
from fleet.service.talk import logs_of_all
from fleet.store.sqlite import SqliteStore
from tests.core.story import Story, account, spec
from tests.shell import spools


@pytest.fixture
def home(tmp_path: Path) -> Home:
    made = Home(tmp_path / "home")
    made.make()
    SqliteStore(made.database).close()
    for attempt in ("t1.1", "t2.1"):
        spools.write(made.runs, attempt, spools.as_lines(spools.records("finished")))
    return made


def keep(home: Home, fleet: Fleet) -> None:
    store = SqliteStore(home.database)
    before = store.load().fleet
    ended = [one for name, one in before.attempts.items() if name not in fleet.attempts]
    ended = [replace(one, state="ended", reason="finished") for one in ended]
    store.commit(Change(before, replace(fleet, home_id=before.home_id), ended=ended))
    store.close()


def two(first: TaskState, second: TaskState) -> Fleet:
    """Two tasks in these states; those that run have workers."""
    story = Story(account("work"))
    story.add(spec(land="merge"), spec())
    fleet = story.fleet
    states = {"t1": first, "t2": second}
    tasks = {name: replace(task, state=states[name]) for name, task in fleet.tasks.items()}
    (one,) = fleet.attempts.values()
    living = {
        f"{t}.1": replace(one, id=f"{t}.1", task=t) for t, state in states.items() if state == "running"
    }
    return replace(fleet, tasks=tasks, attempts=living, queue={})


def test_with_follow_what_later_workers_say_comes_too_until_no_task_is_open(home: Home) -> None:
    """A branch that was left is no open task."""
    keep(home, two("running", "waiting"))
    first = list(logs_of_all(home, follow=False, colour=False))
    assert first[0] == "── attempt t1.1: work, sonnet ──" and len(first) > 2
    assert all(line.startswith("t1.1  ") for line in first[1:])
    following: Iterator[str] = logs_of_all(home, follow=True, colour=False)
    assert list(islice(following, len(first))) == first
    keep(home, two("landed", "running"))
    second = [line.replace("t1.1", "t2.1") for line in first]
    assert list(islice(following, len(second))) == second
    keep(home, two("landed", "landed"))
    assert list(following) == []
