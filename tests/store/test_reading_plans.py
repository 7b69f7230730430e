"""What `fleet status` asks is answered from indexes: its time does not grow with what tasks say."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from fleet.store.sqlite import SqliteStore
from fleet.store.statements import statements


def looks_of(tmp_path: Path, statement: str) -> list[str]:
    path = tmp_path / "fleet.db"
    SqliteStore(path).close()
    with closing(sqlite3.connect(path)) as database:
        plan = database.execute(f"EXPLAIN QUERY PLAN {statements('reading.sql')[statement]}").fetchall()
    return [step[3] for step in plan if "tasks" in step[3]]


def test_states_pauses_and_branches_are_counted_without_looking_into_a_body(tmp_path: Path) -> None:
    looks = looks_of(tmp_path, "task_states")
    names = ("tasks_by_state", "tasks_paused", "tasks_on_branch")
    assert len(looks) == len(names)
    assert all(any(f"INDEX {name}" in look for look in looks) for name in names), looks


def test_queued_tasks_that_need_consent_are_found_without_looking_into_those_that_do_not(
    tmp_path: Path,
) -> None:
    looks = looks_of(tmp_path, "tasks_in_trouble")
    assert any("INDEX tasks_needing_consent" in look for look in looks), looks
    assert not any(look.startswith("SCAN tasks") for look in looks), looks
