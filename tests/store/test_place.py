"""A database that somebody deletes, moves or replaces while a coordinator has it open."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from fleet.core.model import Fleet
from fleet.ports import Change, StoreFailed
from fleet.store.sqlite import SqliteStore
from tests.contract.full_fleet import EFFECTS, full_fleet


@pytest.fixture
def database(tmp_path: Path) -> Path:
    (tmp_path / "home").mkdir()
    return tmp_path / "home" / "fleet.db"


@pytest.fixture
def store(database: Path) -> Iterator[SqliteStore]:
    opened = SqliteStore(database)
    before = opened.load().fleet
    opened.commit(Change(before, full_fleet(before.home_id), decided=EFFECTS))
    yield opened
    opened.close()


def go_on(store: SqliteStore, fleet: Fleet) -> Fleet:
    after = replace(fleet, now_ms=fleet.now_ms + 1)
    store.commit(Change(fleet, after))
    return after


def as_written(database: Path) -> Fleet:
    reader = SqliteStore(database, read_only=True)
    try:
        return reader.load().fleet
    finally:
        reader.close()


def all_of_it(database: Path) -> None:
    for path in database.parent.glob("fleet.db*"):
        path.unlink()


@pytest.mark.parametrize(
    "take_away",
    [Path.unlink, all_of_it, lambda database: database.rename(database.with_name("old.db"))],
    ids=["deleted", "deleted with its log", "moved"],
)
def test_it_is_put_back_with_all_that_it_had_and_that_is_told_once(
    store: SqliteStore, database: Path, take_away: Callable[[Path], object]
) -> None:
    """Without: a coordinator writes on into a file that has no name, and all of that is gone with its process."""
    fleet = go_on(store, store.load().fleet)
    take_away(database)
    with pytest.raises(StoreFailed, match=r"taken away .* there again, with all that it had"):
        go_on(store, fleet)
    assert as_written(database) == fleet
    fleet = go_on(store, fleet)
    assert as_written(database) == fleet == store.load().fleet
    assert not database.with_name("fleet.db-draft").exists()


def test_one_that_is_taken_away_before_the_end_is_there_after_it(database: Path) -> None:
    store = SqliteStore(database)
    fleet = go_on(store, store.load().fleet)
    all_of_it(database)
    store.close()
    assert as_written(database) == fleet


def test_another_file_in_its_place_is_not_written_and_neither_is_what_has_no_name(
    store: SqliteStore, database: Path
) -> None:
    fleet = go_on(store, store.load().fleet)
    other = database.with_name("other.db")
    shutil.copy(database, other)
    other.rename(database)
    laid = database.read_bytes()
    with pytest.raises(StoreFailed, match="another file lies at"):
        go_on(store, fleet)
    assert database.read_bytes() == laid
    database.unlink()
    with pytest.raises(StoreFailed, match="taken away"):
        go_on(store, fleet)
    assert as_written(database) == fleet


def test_with_its_directory_gone_it_waits_and_comes_back_with_it(store: SqliteStore, database: Path) -> None:
    fleet = go_on(store, store.load().fleet)
    shutil.rmtree(database.parent)
    for _ in range(2):
        with pytest.raises(StoreFailed, match="could not put back"):
            go_on(store, fleet)
    database.parent.mkdir()
    with pytest.raises(StoreFailed, match="taken away"):
        go_on(store, fleet)
    assert go_on(store, fleet) == as_written(database)
