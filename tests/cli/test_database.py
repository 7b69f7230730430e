"""`fleet database`, and a home whose database is gone: nothing begins anew without a word."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from fleet.cli import main
from fleet.home import Home
from fleet.run.up import taken_up
from fleet.store.errors import StoreGone
from fleet.store.sqlite import SqliteStore
from tests.cli.commands import Shell

Printed = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def own_home(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in shell.environment().items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def used(shell: Shell, repo: Path, capsys: Printed) -> Home:
    """A home with a task, whose worker has been there."""
    assert main(["task", "add", "p", "--repo", str(repo), "--title", "the one"]) == 0
    home = Home(shell.home)
    (home.runs / "t1.1").mkdir(parents=True)
    capsys.readouterr()
    return home


def set_aside(home: Home) -> list[Path]:
    return [p for p in home.root.glob("fleet.db.before-*") if not p.name.endswith(("-wal", "-shm"))]


def gone(home: Home) -> None:
    for path in home.root.glob("fleet.db*"):
        path.unlink()


def emptied(home: Home) -> None:
    gone(home)
    home.database.touch()


def without_tables(home: Home) -> None:
    gone(home)
    with closing(sqlite3.connect(home.database)) as made:
        made.execute("PRAGMA journal_mode = WAL")
        made.execute("PRAGMA user_version = 0")


@pytest.mark.parametrize("lose", [gone, emptied, without_tables])
def test_a_used_home_without_its_database_is_refused_by_every_command_with_the_two_ways_out(
    used: Home, repo: Path, capsys: Printed, lose: Callable[[Home], None]
) -> None:
    lose(used)
    before = used.database.read_bytes() if used.database.exists() else None
    for words in (["status"], ["task", "list"], ["why", "t1"], ["task", "add", "p", "--repo", str(repo)]):
        assert main(words) == 1, words
        told = capsys.readouterr().err
        assert "fleet database restore FILE" in told and "fleet database anew" in told, words
    with pytest.raises(StoreGone):
        SqliteStore(used.database)  # as `fleet up` does
    assert (used.database.read_bytes() if used.database.exists() else None) == before


@pytest.mark.parametrize("left", ["accounts/work", "runs/t1.1", "worktrees/r/t1", "home-id", "fleet.db-wal"])
def test_whatever_is_left_of_a_used_home_is_enough_to_refuse(
    shell: Shell, left: str, capsys: Printed
) -> None:
    path = shell.home / left
    path.parent.mkdir(parents=True)
    path.write_text("something")
    assert main(["status"]) == 1
    assert "nothing was begun" in capsys.readouterr().err


def test_a_new_home_is_none_that_lost_its_database(shell: Shell, repo: Path) -> None:
    for folder in ("accounts", "runs", "client-proofs"):
        (shell.home / folder).mkdir(parents=True)
    shell.home.chmod(0o700)
    assert main(["status"]) == 0
    assert main(["task", "add", "p", "--repo", str(repo)]) == 0


def test_a_home_begins_anew_when_a_person_says_so_under_the_name_that_its_rest_goes_by(
    used: Home, repo: Path, capsys: Printed
) -> None:
    with closing(SqliteStore(used.database)) as store:
        named = store.load().fleet.home_id
    assert main(["database", "anew"]) == 1, "a sound one is not thrown away"
    assert "is sound and has 1 tasks" in capsys.readouterr().err
    used.database.write_bytes(b"\xa5" * 8192)
    assert main(["database", "anew"]) == 0
    with closing(SqliteStore(used.database)) as store:
        fleet = taken_up(store).fleet
    assert (fleet.home_id, fleet.tasks) == (named, {})
    (kept,) = set_aside(used)
    assert kept.read_bytes() == b"\xa5" * 8192
    assert (used.runs / "t1.1").is_dir()


def test_a_backup_is_taken_in_mid_use_and_put_back_with_the_one_before_kept(
    used: Home, repo: Path, tmp_path: Path, capsys: Printed
) -> None:
    copy = tmp_path / "copy.db"
    with closing(SqliteStore(used.database)):  # somebody has it open, and has written to its journal
        assert main(["database", "backup", str(copy)]) == 0
    assert copy.stat().st_mode & 0o777 == 0o600
    assert main(["database", "backup", str(copy)]) == 1, "no backup is written over"
    assert main(["task", "add", "later", "--repo", str(repo)]) == 0
    gone(used)
    capsys.readouterr()
    assert main(["database", "restore", str(copy), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["tasks"] == 1
    assert main(["database", "restore", str(copy)]) == 0
    assert len(set_aside(used)) == 1
    assert main(["database", "check"]) == 0


@pytest.mark.parametrize("what", ["nothing", "no database", "another home's"])
def test_what_is_no_backup_of_this_home_changes_nothing(
    used: Home, tmp_path: Path, what: str, capsys: Printed
) -> None:
    offered = tmp_path / "offered.db"
    if what == "nothing":
        offered.touch()
    elif what == "no database":
        offered.write_text("dear diary " * 900)
    else:
        SqliteStore(offered).close()
    before = used.database.read_bytes()
    assert main(["database", "restore", str(offered)]) == 1
    assert "nothing was restored" in capsys.readouterr().err
    assert used.database.read_bytes() == before
    assert {p.name for p in used.root.iterdir()} == {"coordinator.lock", "fleet.db", "home-id", "runs"}
