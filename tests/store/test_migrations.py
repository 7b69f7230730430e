"""A database comes to the schema of this version, or is left alone with a clear error."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from fleet.core.model.policy import DEFAULT
from fleet.core.model.protection import Protection, Protections
from fleet.ports import Change, Committed
from fleet.store.errors import StoreNewer
from fleet.store.migrate import migrate, migrations, split
from fleet.store.sqlite import SqliteStore
from fleet.store.sqlite_reader import SqliteReader
from fleet.store.statements import SCHEMA_VERSION
from tests.contract.full_fleet import note

SCHEMA = Path(__file__).parents[2] / "fleet" / "store" / "sql" / "schema.sql"


def things(connection: sqlite3.Connection) -> list[tuple[str, ...]]:
    return connection.execute(
        "SELECT type, name, tbl_name, sql FROM sqlite_master ORDER BY type, name"
    ).fetchall()


def test_the_migrations_from_empty_give_exactly_the_schema() -> None:
    with (
        closing(sqlite3.connect(":memory:", isolation_level=None)) as migrated,
        closing(sqlite3.connect(":memory:", isolation_level=None)) as described,
    ):
        migrate(migrated, ":memory:")
        for statement in split(SCHEMA.read_text()):
            described.execute(statement)
        assert things(migrated) == things(described)


def test_the_migrations_are_numbered_without_a_gap_up_to_the_version_of_the_schema() -> None:
    assert [number for number, _ in migrations()] == list(range(1, SCHEMA_VERSION + 1))


def test_a_database_of_a_newer_version_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "fleet.db"
    SqliteStore(path).close()
    with closing(sqlite3.connect(path)) as newer:
        newer.execute(f"PRAGMA user_version = {SCHEMA_VERSION + 1}")
    before = path.read_bytes()
    with pytest.raises(StoreNewer, match=r"fleet\.db was written by a newer version of fleet.*upgrade fleet"):
        SqliteStore(path)
    assert path.read_bytes() == before


def test_a_migration_that_is_cut_short_leaves_nothing_behind(tmp_path: Path) -> None:
    """The table that is in the way makes the first migration fail half-way."""
    path = tmp_path / "fleet.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE buckets (mine)")
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        with pytest.raises(sqlite3.OperationalError, match="already exists"):
            migrate(connection, path)
        assert [name for _, name, *_ in things(connection)] == ["buckets"]
        assert connection.execute("PRAGMA user_version").fetchone() == (0,)


def test_a_home_of_the_first_version_keeps_all_it_had_and_has_laid_down_nothing(tmp_path: Path) -> None:
    path = tmp_path / "fleet.db"
    with closing(sqlite3.connect(path, isolation_level=None)) as first:
        for statement in split(migrations()[0][1]):
            first.execute(statement)
        first.execute("PRAGMA user_version = 1")
        first.execute(
            'INSERT INTO hosts (name, body) VALUES (\'local\', \'{"name":"local","workers_max":4}\')'
        )
        (home_id,) = first.execute("SELECT home_id FROM meta").fetchone()
    store = SqliteStore(path)
    fleet = store.load().fleet
    store.close()
    assert (fleet.home_id, fleet.hosts["local"].workers_max) == (home_id, 4)
    assert fleet.policy == DEFAULT and fleet.prices is None
    assert not (fleet.projects or fleet.reservations or fleet.limits or fleet.floors or fleet.experience)


def test_a_home_of_the_second_version_keeps_what_its_buckets_keep_for_persons(tmp_path: Path) -> None:
    path = tmp_path / "fleet.db"
    bucket = {"pool": "p", "name": "five_hour", "scope": None, "observed_ms": 1, "source": "stream"}
    protection = {"resets_ms": 9, "present": [[1, 0.5]], "fresh": [], "mean": 0.2, "sure": 0.9, "like": 7.0}
    rows = [
        ("buckets (id, pool, body)", ("p/five_hour", "p", json.dumps({**bucket, "kept_until_ms": 5}))),
        ("buckets (id, pool, body)", ("p/seven_day", "p", json.dumps({**bucket, "name": "seven_day"}))),
        ("singles (name, body)", ("policy", json.dumps({"foresee": False, "faults": 2}))),
        (
            "singles (name, body)",
            ("foresight", json.dumps({"at_ms": 3, "protections": {"p/five_hour": protection}})),
        ),
    ]
    with closing(sqlite3.connect(path, isolation_level=None)) as second:
        for number, script in migrations()[:2]:
            for statement in split(script):
                second.execute(statement)
            second.execute(f"PRAGMA user_version = {number}")
        for into, values in rows:
            second.execute(f"INSERT INTO {into} VALUES ({', '.join('?' * len(values))})", values)
    store = SqliteStore(path)
    fleet = store.load().fleet
    store.close()
    assert fleet.buckets["p/five_hour"].protected_until_ms == 5
    assert fleet.buckets["p/seven_day"].protected_until_ms is None
    assert (fleet.policy.protect_by_forecast, fleet.policy.faults) == (False, 2)
    assert fleet.protections == Protections(
        3, {"p/five_hour": Protection(9, ((1, 0.5),), (), mean=0.2, sure=0.9, like=7.0)}
    )


def test_an_account_that_a_keyring_out_of_reach_had_quarantined_takes_work_again(tmp_path: Path) -> None:
    path = tmp_path / "fleet.db"
    reasons = {"cron": "no usable keyring: none is running; `fleet doctor` names the choices", "real": "401"}
    with closing(sqlite3.connect(path, isolation_level=None)) as third:
        for number, script in migrations()[:3]:
            for statement in split(script):
                third.execute(statement)
            third.execute(f"PRAGMA user_version = {number}")
        for name, reason in reasons.items():
            body = {"name": name, "kind": "subscription", "tiers": [], "concurrency": 4, "pool": name}
            body |= {"added_ms": 1, "state": "quarantined", "reason": reason}
            third.execute(
                "INSERT INTO accounts (name, state, pool, body) VALUES (?, 'quarantined', ?, ?)",
                (name, name, json.dumps(body)),
            )
    store = SqliteStore(path)
    accounts = store.load().fleet.accounts
    store.close()
    assert (accounts["cron"].state, accounts["cron"].reason) == ("ready", "")
    assert (accounts["real"].state, accounts["real"].reason) == ("quarantined", "401")


def test_a_home_of_the_fifth_version_keeps_its_journal_under_the_same_numbers(tmp_path: Path) -> None:
    path = tmp_path / "fleet.db"
    with closing(sqlite3.connect(path, isolation_level=None)) as fifth:
        for number, script in migrations()[:5]:
            for statement in split(script):
                fifth.execute(statement)
            fifth.execute(f"PRAGMA user_version = {number}")
        fifth.execute("UPDATE meta SET now_ms = 7, tasks_made = 3, decisions_made = 4")
        (home_id,) = fifth.execute("SELECT home_id FROM meta").fetchone()
        for seq, text in ((4, "before"), (9, "last")):
            line = (seq, 1, "info", "t1", "t1.1", "a", "local", text)
            fifth.execute("INSERT INTO journal VALUES (?, ?, ?, ?, ?, ?, ?, ?)", line)
    store = SqliteStore(path)
    fleet = store.load().fleet
    committed = store.commit(Change(fleet, fleet, notes=[(2, note("new", None))]))
    store.close()
    assert (fleet.home_id, fleet.now_ms, fleet.tasks_made, fleet.decisions_made) == (home_id, 7, 3, 4)
    assert committed == Committed(1, (10,))
    with SqliteReader(tmp_path) as reader:
        assert reader.history("t1") == [
            (seq, 1, "info", None, "t1", "t1.1", "a", "local", text, {})
            for seq, text in ((4, "before"), (9, "last"))
        ]


def test_a_review_of_the_sixth_version_is_by_a_person(tmp_path: Path) -> None:
    path = tmp_path / "fleet.db"
    spec = {"prompt": "p", "repo": "/r", "title": "t", "tiers": ["sonnet"], "target": "main"}
    with closing(sqlite3.connect(path, isolation_level=None)) as sixth:
        for number, script in migrations()[:6]:
            for statement in split(script):
                sixth.execute(statement)
            sixth.execute(f"PRAGMA user_version = {number}")
        for number, review in enumerate(({"review": True}, {"review": False}, {}), start=1):
            task = {"id": f"t{number}", "number": number, "created_ms": 1, "state": "queued"}
            body = json.dumps({**task, "spec": {**spec, **review}})
            sixth.execute("INSERT INTO tasks (id, state, body) VALUES (?, 'queued', ?)", (f"t{number}", body))
    store = SqliteStore(path)
    fleet = store.load().fleet
    store.close()
    assert [task.spec.review for task in fleet.tasks.values()] == ["person", None, None]
    assert fleet.reviewers == {}
