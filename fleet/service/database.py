"""The database as a file: looked through, copied while it is in use, put back, begun anew."""

from __future__ import annotations

import os
import sqlite3
import time
from contextlib import closing, suppress
from pathlib import Path
from shutil import copyfile
from tempfile import TemporaryDirectory

from fleet.errors import NotDone
from fleet.home import Home
from fleet.ports import StoreFailed
from fleet.shell import homelock
from fleet.store.errors import StoreOlder, StoreUnreadable
from fleet.store.read_connection import open_reader
from fleet.store.remains import MARK
from fleet.store.sqlite import SqliteStore
from fleet.store.statements import DATABASE
from fleet.views.snapshot import snapshot

_NEIGHBOURS = ("", "-wal", "-shm")
"""What SQLite has of a database, by what its name ends in."""


def check(home: Home) -> dict[str, int]:
    """Reads every row: how many there are of what. Raises StoreUnreadable, NotDone where there is no database."""
    if not home.database.exists():
        snapshot(home)
        raise NotDone(f"{home.root} has no database yet: the first `fleet up` or `fleet task add` makes it")
    return _look_through(home.database)


def backup(home: Home, to: Path) -> dict[str, int]:
    """Copies the database as it is at this moment, also beside a running coordinator; gives how many rows the copy has
    of what. Raises NotDone, StoreUnreadable."""
    if to.exists():
        raise NotDone(f"{to} is there already, and no backup is written over: name another file")
    check(home)
    with TemporaryDirectory(prefix=".backup-", dir=to.parent) as scratch:
        draft = Path(scratch, DATABASE)
        try:
            draft.touch(mode=0o600)
            with closing(open_reader(str(home.database))) as here, closing(sqlite3.connect(draft)) as there:
                here.backup(there)
                there.execute("PRAGMA journal_mode = DELETE")  # one file, without neighbours
        except sqlite3.Error as failed:
            raise NotDone(f"the copy {to} could not be written: {failed}") from failed
        found = _look_through(draft)
        draft.rename(to)
    return found


def restore(home: Home, backup_file: Path) -> tuple[dict[str, int], Path | None]:
    """Puts the backup in the place of the home's database, while no coordinator runs. Gives how many rows it has of
    what, and where the one before lies. Raises NotDone, HomeHeld: then all is as it was."""
    with (
        homelock.hold(home, patience_s=homelock.SHORT_COMMAND_S),
        TemporaryDirectory(prefix=".restoring-", dir=home.root) as scratch,
    ):
        draft = Path(scratch, DATABASE)
        try:
            found, of = _taken_in(backup_file, draft)
        except (StoreUnreadable, StoreFailed, OSError) as failed:
            told = str(failed).replace(str(draft), str(backup_file))
            raise NotDone(f"nothing was restored: {told}") from failed
        _expect_ours(home, backup_file, of)
        aside = _set_aside(home)
        draft.rename(home.database)
        (home.root / MARK).write_text(f"{of}\n", "utf-8")
        return found, aside


def _taken_in(backup_file: Path, draft: Path) -> tuple[dict[str, int], str]:
    """Copies it with what SQLite keeps beside it, and brings it to this version's schema; gives what it has, and the id
    of its home. Raises StoreUnreadable, StoreFailed, OSError."""
    for end in ("", "-wal"):
        if not end or Path(f"{backup_file}{end}").exists():
            copyfile(f"{backup_file}{end}", f"{draft}{end}")
    with suppress(StoreOlder):
        open_reader(str(draft)).close()  # of one that is empty nothing is made
    with closing(SqliteStore(draft)) as store:
        found, of = store.look_through(), store.load().fleet.home_id
    draft.chmod(0o600)
    with draft.open("rb") as file:
        os.fsync(file.fileno())
    return found, of


def begin_anew(home: Home) -> Path | None:
    """Makes a new database where the one before is missing, empty or damaged; gives where that lies now. Raises
    NotDone where it is sound, HomeHeld."""
    with homelock.hold(home, patience_s=homelock.SHORT_COMMAND_S):
        _expect_unusable(home)
        aside = _set_aside(home)
        SqliteStore(home.database, anew=True).close()
        return aside


def _expect_unusable(home: Home) -> None:
    try:
        tasks = len(snapshot(home).tasks)
        if home.database.exists():
            _look_through(home.database)
    except StoreUnreadable:
        return
    if home.database.exists():
        raise NotDone(
            f"{home.database} is sound and has {tasks} tasks: nothing was begun anew. A further fleet beside it is "
            "another FLEET_HOME"
        )


def _look_through(database: Path) -> dict[str, int]:
    with closing(SqliteStore(database, read_only=True)) as store:
        return store.look_through()


def _expect_ours(home: Home, backup_file: Path, home_id: str) -> None:
    try:
        ours = (home.root / MARK).read_text("utf-8").strip()
    except FileNotFoundError:
        return
    if ours != home_id:
        raise NotDone(
            f"nothing was restored: {backup_file} is of another home ({home_id[:8]}…, this one is {ours[:8]}…), whose "
            "accounts have their tokens under its own name. Name the FLEET_HOME that it is of"
        )


def _set_aside(home: Home) -> Path | None:
    """Keeps what lies in the database's place under another name, its journal first: without that it is another."""
    stamp = time.strftime("%Y%m%d-%H%M%S")
    aside = next(
        path
        for path in (
            home.root / f"fleet.db.before-{stamp}{more}" for more in ("", *(f"-{n}" for n in range(2, 99)))
        )
        if not path.exists()
    )
    there = [end for end in _NEIGHBOURS if Path(f"{home.database}{end}").exists()]
    for end in reversed(there):
        Path(f"{home.database}{end}").rename(f"{aside}{end}")
    return aside if there else None
