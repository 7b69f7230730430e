"""A person's requests, alone and racing, with and without a coordinator."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from fleet.core.events import CancelAsked, PersonSaid, TasksAdded
from fleet.core.model import Fleet, TaskSpec
from fleet.errors import NotDone, NotKnown
from fleet.home import Home
from fleet.service.making_home import home_id
from fleet.service.requests import stop, submit, submit_each
from fleet.shell import control, homelock
from fleet.shell.stamp import stamp
from fleet.store.errors import StoreOlder
from fleet.views.light import state
from fleet.views.snapshot import snapshot
from tests.service.answering import Answering

ADD = """
import sys
from pathlib import Path
from fleet.core.events import TasksAdded
from fleet.core.model import TaskSpec
from fleet.home import Home
from fleet.service.requests import stamp, submit
home, count = Home(Path(sys.argv[1])), int(sys.argv[2])
print("ready", flush=True)
sys.stdin.readline()
for n in range(count):
    spec = TaskSpec(prompt="p", repo="/srv", title="t", tiers=("sonnet",), target="main")
    print(*submit(home, TasksAdded(**stamp(), specs=(spec,))).tasks, flush=True)
"""


def test_eight_commands_at_once_all_succeed_with_ids_of_their_own(tmp_path: Path) -> None:
    """They wait for each other; none is refused, none is lost. The home does not even exist when they begin."""
    home = Home(tmp_path / "home")
    command = [sys.executable, "-c", ADD, str(home.root), "1"]
    racing = [
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for _ in range(8)
    ]
    for process in racing:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in racing:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    printed = [process.communicate()[0].split() for process in racing]
    assert [process.returncode for process in racing] == [0] * 8
    ids = [task for tasks in printed for task in tasks]
    assert sorted(ids, key=lambda t: int(t[1:])) == [f"t{n}" for n in range(1, 9)]
    assert [task["id"] for task in state.tasks(home.root)] == [f"t{n}" for n in range(1, 9)]


def cancel() -> CancelAsked:
    return CancelAsked(**stamp(), task="t1")


def test_a_running_coordinator_is_asked_and_its_refusal_told(tmp_path: Path) -> None:
    home = Home(tmp_path)
    refusal = b'{"ok": false, "error": "there is no task t1"}\n'
    with Answering(home, refusal) as asked, pytest.raises(NotDone, match="there is no task t1"):
        submit(home, cancel())
    assert asked.taken == 1
    assert not home.database.exists(), "nobody but the coordinator may write"


def test_many_requests_are_one_to_a_running_coordinator_and_each_has_its_answer(tmp_path: Path) -> None:
    home, busy, gone = (Home(tmp_path / name) for name in ("home", "busy", "gone"))
    asked = [cancel(), cancel(), cancel()]
    reply = {"ok": True, "came": [{"ok": True}, {"ok": False, "error": "there is no task t1"}, {"ok": True}]}
    with Answering(home, json.dumps(reply).encode() + b"\n") as answering:
        came = submit_each(home, asked)
    assert answering.taken == 1
    assert [isinstance(one, NotDone) for one in came] == [False, True, False]
    with Answering(busy, b'{"ok": false, "error": "the disk is full"}\n'):
        assert [str(one) for one in submit_each(busy, asked)] == ["the disk is full"] * 3
    with Answering(gone, b"") as answering:
        assert all(isinstance(one, NotKnown) for one in submit_each(gone, asked))
    assert answering.taken == 1


def test_a_request_whose_answer_was_lost_is_not_sent_again(tmp_path: Path) -> None:
    """It may have been done: the person is told to look first."""
    home = Home(tmp_path)
    with (
        Answering(home, b"") as asked,
        pytest.raises(NotKnown, match=r"done or not. Look first \(fleet task list"),
    ):
        submit(home, cancel())
    assert asked.taken == 1


def test_a_request_that_holds_a_credential_is_refused_before_anybody_is_asked_or_anything_is_written(
    tmp_path: Path,
) -> None:
    """In a prompt, on a line of its own, between quotation marks, in the command of a verification."""
    home, token = Home(tmp_path), "sk-ant-oat01-abcdefghijkl"
    home.make()
    spec = TaskSpec(prompt="p", repo="/srv", title="t", tiers=("sonnet",), target="main")
    requests = (
        TasksAdded(**stamp(), specs=(spec, replace(spec, prompt=f"Use {token}."))),
        TasksAdded(**stamp(), specs=(replace(spec, prompt=f"Use this:\n{token}\n"),)),
        TasksAdded(**stamp(), specs=(replace(spec, verify=(f"KEY={token} make test",)),)),
        PersonSaid(**stamp(), task="t1", word="w", text=f"Use “{token}”"),
    )
    for request in requests:
        with pytest.raises(NotDone, match="it holds a credential") as alone:
            submit(home, request)
        assert token not in str(alone.value)
        assert not home.database.exists()
        with homelock.hold(home, str(home.root / "s")), pytest.raises(NotDone, match="it holds a credential"):
            submit(home, request)


def test_stopping_a_coordinator_that_leaves_before_it_answered_is_well(tmp_path: Path) -> None:
    home = Home(tmp_path)
    with Answering(home, b""):
        assert stop(home, stop_workers=False) == 0


def test_a_coordinator_that_died_is_not_asked(tmp_path: Path) -> None:
    """Its lock died with it, whatever its file still says."""
    home = Home(tmp_path)
    home.lock.write_text('{"pid": 1, "since": 0, "socket": "/nowhere"}')
    with pytest.raises(NotDone, match="there is no task t1"):
        submit(home, cancel())
    with pytest.raises(NotDone, match="no coordinator runs on"):
        stop(home, stop_workers=False)


def test_nobody_is_asked_behind_a_socket_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(control.NobodyAnswers):
        control.ask(str(tmp_path / "none"), {})


def test_a_home_has_one_name_for_ever_and_an_empty_one_is_empty(tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    assert snapshot(home) == Fleet()
    assert not home.root.exists()
    name = home_id(home)
    assert name
    assert home_id(home) == name == snapshot(home).home_id


def test_looking_at_a_fleet_neither_makes_nor_migrates_its_database(tmp_path: Path) -> None:
    """A database that somebody is just making is an empty fleet; one of an older version is left to `fleet up`."""
    home = Home(tmp_path)
    home.database.touch()
    assert snapshot(home) == Fleet()
    assert home.database.stat().st_size == 0
    name = home_id(home)
    assert name
    with closing(sqlite3.connect(home.database)) as database:
        database.execute("PRAGMA user_version = 0")
    with pytest.raises(StoreOlder, match="`fleet up` brings it up to date"):
        snapshot(home)


def test_the_database_is_only_made_by_who_holds_the_home(tmp_path: Path) -> None:
    home = Home(tmp_path)
    home.database.touch()
    with homelock.hold(home, "/there/s"), pytest.raises(homelock.HomeHeld):
        home_id(home)
    assert home.database.stat().st_size == 0
