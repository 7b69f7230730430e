"""Copies of answers: which of them counts, and that a copied directory changes nothing that is known."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fleet.history.ledger import Ledger
from fleet.history.reports.choice import Choice
from fleet.history.reports.uses import uses
from fleet.history.scan import ConfigDir, scan
from tests.history.writing import Disk, FlatPrices, Line, answer, sums_of_answers, sums_told, text, told

LEDGER_1 = Path(__file__).parent / "ledger_1.sql"
"""A ledger that the last release made, of the lines of `of_the_last_release`."""

LIMITS = {"rateLimitType": "five_hour", "status": "rejected", "resetsAt": 1_790_009_000, "utilization": 1.0}


@pytest.mark.parametrize("scans", [1, 3])
def test_the_copy_that_stands_last_counts_though_the_clock_stepped_back(disk: Disk, scans: int) -> None:
    lines = [answer(output=output, second=second) for output, second in ((3, 50), (9, 40), (500, 2))]
    if scans == 1:
        disk.write("s1.jsonl", *lines)
    for line in lines[: scans if scans > 1 else 0]:
        disk.append("s1.jsonl", line)
        disk.scan()
    disk.scan()
    assert disk.outputs() == [500]


@pytest.mark.parametrize("grown_first", [True, False])
def test_a_file_that_was_copied_while_an_answer_streamed_takes_nothing_away(
    disk: Disk, grown_first: bool
) -> None:
    """The fork has the first copy alone, with a later clock."""
    names = [
        ("s1.jsonl", [answer(output=3, second=9), answer(output=500, second=1)]),
        ("s2.jsonl", [answer(output=3, second=9)]),
    ]
    for name, lines in names if grown_first else names[::-1]:
        disk.write(name, *lines)
        disk.scan()
    assert disk.outputs() == [500]


def by_account(ledger: Ledger) -> dict[str, int]:
    return {use.key: use.answers for use in uses(ledger.connection, "account", Choice())}


def filled(disk: Disk) -> None:
    for n in range(12):
        disk.write(
            f"s{n}.jsonl", *(answer(f"m{n}-{i}", f"r{n}-{i}", session=f"s{n}", second=i) for i in range(3))
        )
    disk.append("s0.jsonl", answer("e", model="<synthetic>", isApiErrorMessage=True, quotaLimits=LIMITS))


@pytest.mark.parametrize("how", ["cp -r", "renamed over", "goes on"])
def test_a_copied_directory_changes_nothing_that_is_known(disk: Disk, how: str) -> None:
    filled(disk)
    disk.scan()
    before = told(disk.ledger), disk.ask("SELECT * FROM readings"), sums_told(disk.ledger)
    shutil.copytree(disk.root / "config", disk.root / "copy")
    if how == "renamed over":
        shutil.rmtree(disk.root / "config")
    if how == "goes on":
        path = disk.path("s3.jsonl", "copy")
        with path.open("a") as file:
            file.write(path.read_text().splitlines()[0].replace("m3-0", "new") + "\n")
    disk.dirs = [ConfigDir(str(disk.root / "copy"), "another")]
    result = disk.scan()
    if how == "goes on":
        assert (result.answers_new, by_account(disk.ledger)) == (1, {"me": 36, "another": 1})
    else:
        assert (result.answers_new, result.answers_updated, result.readings) == (0, 0, 0)
        assert (told(disk.ledger), disk.ask("SELECT * FROM readings"), sums_told(disk.ledger)) == before


@pytest.mark.parametrize("limit", [0, 1 << 40])
@pytest.mark.parametrize("ways", [("config", "copy"), ("copy", "config")])
def test_of_two_directories_that_are_new_together_the_first_has_all(
    disk: Disk, monkeypatch: pytest.MonkeyPatch, limit: int, ways: tuple[str, str]
) -> None:
    monkeypatch.setattr("fleet.history.scan.scanning.LARGE_BYTES", limit)
    filled(disk)
    shutil.copytree(disk.root / "config", disk.root / "copy")
    disk.dirs = [ConfigDir(str(disk.root / name), name) for name in ways]
    disk.scan()
    assert by_account(disk.ledger) == {ways[0]: 36}
    assert sums_told(disk.ledger) == sums_of_answers(disk.ledger)
    assert disk.ask("SELECT text FROM readings JOIN texts ON id = account") == [(ways[0],)]


def test_a_backup_that_is_put_back_changes_nothing(disk: Disk) -> None:
    filled(disk)
    shutil.copytree(disk.root / "config", disk.root / "backup")
    disk.append("s1.jsonl", answer("later", "later", second=30))
    disk.scan()
    before = told(disk.ledger)
    shutil.rmtree(disk.root / "config")
    shutil.copytree(disk.root / "backup", disk.root / "config")
    disk.scan()
    assert told(disk.ledger) == before


@settings(max_examples=10, deadline=None)
@given(steps=st.integers(1, 4000), kept=st.booleans())
def test_a_scan_interrupted_anywhere_and_repeated_comes_to_the_same(
    tmp_path_factory: pytest.TempPathFactory, steps: int, kept: bool
) -> None:
    """SQLite itself breaks it off after so many of its steps."""
    disk = Disk(tmp_path_factory.mktemp("broken"))
    filled(disk)
    if kept:
        disk.scan()
        disk.append(
            "s4.jsonl", answer("more", "more", second=40), answer("m4-2", "r4-2", session="s4", output=900)
        )
    connection = disk.ledger.connection
    connection.set_progress_handler(lambda: 1, steps)
    try:
        disk.scan()
    except sqlite3.OperationalError as error:
        assert "interrupted" in str(error)
    connection.set_progress_handler(None, 0)
    disk.scan()
    with Ledger(disk.root / "other.db") as other:
        scan(other, disk.dirs, FlatPrices())
        assert told(disk.ledger) == told(other)
    assert sums_told(disk.ledger) == sums_of_answers(disk.ledger)
    disk.ledger.close()


def of_the_last_release() -> list[Line | str]:
    """Copies under a clock that stepped back, a torn line, and a year that no calendar has."""
    torn = '{"type":"assistant","message":{"usage":{"output_tokens":1'
    return [
        answer("a", "a", output=3, second=50),
        answer("a", "a", output=500, second=2),
        answer("far", "far") | {"timestamp": "9999-12-31T23:59:59.999Z"},
        torn + text(answer("b", "b", second=51, output=7)),
        answer("c", "c", second=52, output=11),
    ]


def test_a_ledger_of_the_last_release_opens_and_gets_back_what_that_lost(tmp_path: Path) -> None:
    path = tmp_path / "fleet.history.db"
    with closing(sqlite3.connect(path)) as old, old:
        old.executescript(LEDGER_1.read_text() + "PRAGMA user_version = 1;")
        assert old.execute("SELECT output FROM answers ORDER BY at_ms").fetchall() == [(3,), (11,), (100,)]
    disk = Disk(tmp_path)
    assert [row.answers for row in uses(disk.ledger.connection, "day", Choice())] == [2]
    assert sums_told(disk.ledger) == sums_of_answers(disk.ledger)
    status = disk.write("s1.jsonl", *of_the_last_release()).stat()
    known = (str(disk.path("s1.jsonl")), status.st_dev, status.st_ino, status.st_mtime_ns)
    disk.ledger.connection.execute("UPDATE files SET path = ?, device = ?, inode = ?, mtime_ns = ?", known)
    assert disk.scan().files_read == 1
    assert sorted(disk.outputs()) == [7, 11, 500]
    assert sums_told(disk.ledger) == sums_of_answers(disk.ledger)
    assert disk.scan().files_read == 0
