"""The ledger's file, and what corrects its rows later."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from fleet.history.ledger import Ledger, LedgerUnreadable
from fleet.history.ledger.corrections import Run, add_readings, put_runs
from fleet.history.ledger.file import transaction
from fleet.history.ledger.texts import Texts
from fleet.history.transcripts.limits import Reading
from tests.history.writing import Disk, answer, sums_of_answers, sums_told

AT_MS = 1_789_993_560_000
"""2026-09-21 12:26 UTC."""


def test_a_missing_ledger_is_read_as_an_empty_one_and_not_made(tmp_path: Path) -> None:
    with Ledger(tmp_path / "fleet.history.db", read_only=True) as ledger:
        assert ledger.connection.execute("SELECT count(*) FROM answers").fetchone() == (0,)
    assert not (tmp_path / "fleet.history.db").exists()


def test_a_new_ledger_is_readable_by_its_person_alone(tmp_path: Path) -> None:
    with Ledger(tmp_path / "fleet.history.db"):
        files = list(tmp_path.iterdir())
        assert len(files) == 3, "the ledger, its log and the log's index"
        assert {file.stat().st_mode & 0o777 for file in files} == {0o600}


def test_a_later_version_is_refused_with_what_to_do(tmp_path: Path) -> None:
    Ledger(tmp_path / "fleet.history.db").close()
    with closing(sqlite3.connect(tmp_path / "fleet.history.db")) as connection, connection:
        connection.execute("PRAGMA user_version = 99")
    with pytest.raises(LedgerUnreadable, match="Upgrade fleet"):
        Ledger(tmp_path / "fleet.history.db")


def test_a_file_that_is_no_ledger_is_refused(tmp_path: Path) -> None:
    (tmp_path / "fleet.history.db").write_text("no database at all, but long enough to be read as one" * 100)
    with pytest.raises(LedgerUnreadable, match="Move it away"):
        Ledger(tmp_path / "fleet.history.db")


def test_a_place_where_no_ledger_can_be_made_is_not_called_damaged(tmp_path: Path) -> None:
    (tmp_path / "fleet.history.db").mkdir()
    with pytest.raises(LedgerUnreadable, match="may be written"):
        Ledger(tmp_path / "fleet.history.db")


def run(**told: object) -> Run:
    values = {
        "session": "s1",
        "task": "t1",
        "attempt": "t1.1",
        "project": "/work/repo",
        "account": "second",
        "tier": "sonnet",
        "from_ms": AT_MS + 1_000,
        "to_ms": AT_MS + 5_000,
    }
    return Run(**(values | told))  # type: ignore[arg-type]


def owners(disk: Disk) -> list[tuple[object, ...]]:
    """Account and task of each answer, in the order of time."""
    return disk.ask(
        "SELECT a.text, t.text FROM answers JOIN texts AS a ON a.id = account JOIN texts AS t ON t.id = task"
        " ORDER BY at_ms"
    )


@pytest.mark.parametrize("runs_first", [True, False])
def test_what_the_fleet_ran_belongs_to_the_run_and_the_rest_to_the_person(
    disk: Disk, runs_first: bool
) -> None:
    if runs_first:
        put_runs(disk.ledger, [run()])
    disk.write("s1.jsonl", *(answer(f"m{n}", second=n) for n in (0, 3, 9)))
    disk.scan()
    if not runs_first:
        assert put_runs(disk.ledger, [run()]) == 1
    assert owners(disk) == [("me", ""), ("second", "t1"), ("me", "")]
    assert disk.ask("SELECT fleet, answers FROM quarters ORDER BY fleet") == [(0, 2), (1, 1)]
    assert sums_told(disk.ledger) == sums_of_answers(disk.ledger)


def test_a_run_that_goes_on_takes_more_and_the_same_again_changes_nothing(disk: Disk) -> None:
    disk.write("s1.jsonl", *(answer(f"m{n}", second=n) for n in (0, 3, 9)))
    disk.scan()
    put_runs(disk.ledger, [run()])
    assert put_runs(disk.ledger, [run()]) == 0
    assert put_runs(disk.ledger, [run(to_ms=None)]) == 1
    assert owners(disk) == [("me", ""), ("second", "t1"), ("second", "t1")]
    disk.append("s1.jsonl", answer("later", second=30))
    disk.scan()
    assert owners(disk)[-1] == ("second", "t1")


def test_a_reading_is_kept_once(disk: Disk) -> None:
    reading = Reading("five_hour", AT_MS, "allowed", 0.5, None, "status line")
    connection = disk.ledger.connection
    with transaction(connection):
        added = [add_readings(connection, Texts(connection), "me", [reading]) for _ in range(2)]
    assert added == [1, 0]
