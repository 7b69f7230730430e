"""A database that cannot be used says which, where, and what to do."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from fleet.ports import Change, StoreFailed
from fleet.store.errors import StoreCorrupt, StoreNewer, StoreOlder
from fleet.store.sqlite import SqliteStore
from fleet.views.light import state
from tests.contract.full_fleet import EFFECTS, full_fleet


@pytest.fixture
def database(tmp_path: Path) -> Path:
    store = SqliteStore(tmp_path / "fleet.db")
    before = store.load().fleet
    store.commit(Change(before, full_fleet(before.home_id), decided=EFFECTS))
    store.close()
    return tmp_path / "fleet.db"


def alter(database: Path, statement: str) -> None:
    with closing(sqlite3.connect(database, isolation_level=None)) as connection:
        connection.execute(statement)


def load(database: Path, *, read_only: bool = False) -> None:
    store = SqliteStore(database, read_only=read_only)
    try:
        store.load()
    finally:
        store.close()


@pytest.mark.parametrize(
    ("statement", "row"),
    [
        ("UPDATE tasks SET body = '{\"id\":' WHERE id = 't3'", "row t3 of table tasks"),
        ("UPDATE attempts SET body = '{}' WHERE id = 't2.3'", "row t2.3 of table attempts"),
        ("UPDATE outbox SET body = 'null' WHERE id = 'd5'", "row d5 of table outbox"),
        ("UPDATE outbox SET kind = 'Dance' WHERE id = 'd5'", "knows no effect Dance"),
        ("UPDATE singles SET body = '{}' WHERE name = 'prices'", "row prices of table singles"),
        ("UPDATE singles SET name = 'dreams' WHERE name = 'prices'", "knows no such value"),
        ("DELETE FROM meta", "row 1 of table meta"),
    ],
)
def test_a_row_that_cannot_be_read_is_named(database: Path, statement: str, row: str) -> None:
    alter(database, statement)
    with pytest.raises(StoreCorrupt, match=row) as caught:
        load(database)
    assert str(database) in str(caught.value)
    assert "Every other row is untouched" in str(caught.value)


def test_a_row_that_is_no_json_is_named_by_the_read_models_too(database: Path) -> None:
    alter(database, "UPDATE tasks SET body = '{' WHERE id = 't3'")
    with pytest.raises(StoreCorrupt, match="row t3 of table tasks"):
        list(state.tasks(database.parent))
    assert state.status(database.parent)["tasks"] == {"landed": 1, "queued": 2, "running": 1}


@pytest.mark.parametrize("reader", ["store", "status"])
def test_a_file_that_is_no_database_is_named(tmp_path: Path, reader: str) -> None:
    (tmp_path / "fleet.db").write_bytes(b"not a database at all, but long enough to look at\n" * 20)
    with pytest.raises(StoreCorrupt, match=r"fleet\.db cannot be read.*keep a copy"):
        load(tmp_path / "fleet.db") if reader == "store" else state.status(tmp_path)


def test_pages_that_were_overwritten_are_an_error_not_an_empty_fleet(database: Path) -> None:
    with database.open("r+b") as file:
        file.seek(4096)
        file.write(b"\xa5" * (database.stat().st_size - 4096))
    with pytest.raises(StoreCorrupt, match="cannot be read"):
        load(database)


def test_reading_refuses_another_version_and_says_what_to_do(database: Path) -> None:
    alter(database, "PRAGMA user_version = 99")
    with pytest.raises(StoreNewer, match="upgrade fleet"):
        state.status(database.parent)
    alter(database, "PRAGMA user_version = 0")
    with pytest.raises(StoreOlder, match="`fleet up` brings it up to date"):
        load(database, read_only=True)


def test_a_missing_directory_says_so(tmp_path: Path) -> None:
    with pytest.raises(StoreFailed, match="look whether its directory exists"):
        SqliteStore(tmp_path / "nowhere" / "fleet.db")


def test_a_store_opened_to_read_cannot_write(database: Path) -> None:
    store = SqliteStore(database, read_only=True)
    fleet = store.load().fleet
    with pytest.raises(StoreFailed):
        store.commit(Change(fleet, fleet, done=["d5"]))
    store.close()
