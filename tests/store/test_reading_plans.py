"""What `fleet status` asks is answered from indexes: its time does not grow with what tasks say."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from fleet.store.sqlite import SqliteStore
from fleet.store.statements import statements


def test_states_and_pauses_are_counted_without_looking_into_a_body(tmp_path: Path) -> None:
    path = tmp_path / "fleet.db"
    SqliteStore(path).close()
    with closing(sqlite3.connect(path)) as database:
        plan = database.execute(f"EXPLAIN QUERY PLAN {statements('reading.sql')['task_states']}").fetchall()
    looks = [step[3] for step in plan if "tasks" in step[3]]
    assert len(looks) == 2
    assert all("INDEX tasks_by_state" in look or "INDEX tasks_paused" in look for look in looks), looks
