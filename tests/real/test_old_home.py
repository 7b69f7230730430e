"""A home that the last release made, killed in mid-work, opens, is adopted and finishes; nothing of it is lost."""

from __future__ import annotations

import fcntl
import os
import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from fleet.double import Task
from fleet.store.statements import SCHEMA_VERSION
from tests.real.household import Household
from tests.real.old_home import restoring
from tests.real.staging import answered, living, query, records, started, step, write, writes
from workers.host import LocalHost

pytestmark = pytest.mark.client

STATES = {
    "t1": "landed",
    "t2": "failed",
    "t3": "cancelled",
    "t4": "held",
    "t5": "running",
    "t6": "checking",
    "t7": "landing",
    "t8": "waiting",
    "t9": "queued",
}
NOT_WRITTEN_DOWN = """
    UPDATE attempts SET state = 'starting', body = json_set(body, '$.state', 'starting', '$.began', json('false'),
        '$.offset', 0, '$.answers', 0, '$.answer_id', NULL, '$.answer_tokens', json_extract(body, '$.tokens'))
        WHERE id = 't5.1';
    INSERT INTO outbox (id, kind, attempt, body)
        VALUES ('d0', 'StartWorker', 't5.1', '{"id":"d0","cause":"lost","attempt":"t5.1"}');
"""
SLOW = Task(
    "slow",
    (
        step("I begin.", write("slow1.txt", "slow1.txt of slow\n")),
        step("I go on.", write("slow2.txt", "slow2.txt of slow\n")),
        step("slow is done."),
    ),
)


@pytest.fixture
def alone() -> Iterator[None]:
    """One at a time has this home on a machine: its id stands in sessions and in the keyring, and the programs of a
    home are found by it."""
    folder = Path(tempfile.gettempdir()) / f"fleet-tests-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    with (folder / "old-home.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@pytest.fixture
def house(tmp_path: Path, alone: None) -> Iterator[Household]:
    with living(tmp_path, SLOW, writes("after", "after.txt"), writes("queued", "queued.txt")) as house:
        restoring.lay(house)
        (tmp_path / "checked").touch()
        (tmp_path / "landed").touch()
        yield house


def states(house: Household) -> dict[str, str]:
    return {task["id"]: task["state"] for task in house.json("task", "list")}


def test_a_home_of_the_last_release_opens_and_shows_all_it_had(house: Household) -> None:
    assert house.json("status")["tasks"] == dict.fromkeys(STATES.values(), 1)
    assert states(house) == STATES
    assert [laid["id"] for kind in house.json("limit", "list").values() for laid in kind] == ["l1", "f1"]
    assert [laid["account"] for laid in house.json("reserve", "list")] == ["work"]


def test_a_home_of_the_last_release_is_adopted_and_finishes(house: Household) -> None:
    """The worker that died goes on in its session; what only a person can free is told."""
    house.up_until_idle(code=1)
    assert states(house) == {**STATES, **dict.fromkeys(("t5", "t6", "t7", "t8", "t9"), "landed")}
    assert query(house, "PRAGMA user_version") == [(SCHEMA_VERSION,)]
    sessions = {attempt["session_id"] for attempt in house.task("t5")["attempts"]}
    assert len(house.task("t5")["attempts"]) == 2 and len(sessions) == 1
    assert answered(house, "slow") == [("slow", "slow", 1), ("slow", "slow", 2)], (
        "what was done is not done again"
    )
    for name in ("landed", "slow1", "slow2", "checked", "landing", "after", "queued"):
        assert house.git("show", f"main:{name}.txt")
    assert f"git -C {house.repo} merge" in house.fleet("why", "t4")
    assert house.leftovers() == []


def test_a_worker_that_the_last_release_has_started_is_adopted_and_not_started_again(
    house: Household,
) -> None:
    """Its coordinator died before it had written down that it was started: only its spec says which session it has."""
    run = house.home / "runs" / "t5.1"
    spec = (run / "spec.json").read_text()
    assert '"session_id"' not in spec
    shutil.rmtree(run)
    shutil.rmtree(house.home / "accounts" / "work" / "projects")
    with closing(sqlite3.connect(house.home / "fleet.db")) as database:
        database.executescript(NOT_WRITTEN_DOWN)
    LocalHost(house.home / "runs", house.home_id()).launch_text("t5.1", spec, b"tok-work")
    pid = started(house, "t5.1")["pid"]
    house.fleet("status")
    with house.coordinator():
        house.wait_for(lambda: house.seen("t5")["attempts"][0]["state"] == "ended", "its worker never ended")
    assert [r["pid"] for r in records(house, "t5.1") if r["event"] == "started"] == [pid]
    (attempt,) = house.task("t5")["attempts"]
    assert (attempt["id"], attempt["reason"]) == ("t5.1", "finished")


@pytest.mark.parametrize("words", [("status",), ("task", "list"), ("up", "--until-idle")])
def test_a_home_of_a_newer_release_is_refused_in_one_sentence(
    house: Household, words: tuple[str, ...]
) -> None:
    with closing(sqlite3.connect(house.home / "fleet.db")) as database:
        database.execute(f"PRAGMA user_version = {SCHEMA_VERSION + 1}")
    ended = house.run(*words)
    assert ended.returncode == 1
    (said,) = ended.stderr.splitlines()
    assert "was written by a newer version of fleet" in said and "upgrade fleet" in said
