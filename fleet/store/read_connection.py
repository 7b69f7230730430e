"""Opening a database only to read it, beside a coordinator that writes. Imports little: `fleet status` must start
fast."""

from __future__ import annotations

import os
import sqlite3
import time

from fleet.store.errors import (
    StoreGone,
    StoreUnmade,
    StoreUnreadable,
    corrupt_file,
    newer_database,
    older_database,
)
from fleet.store.failures import is_damage, why
from fleet.store.remains import expect_none
from fleet.store.statements import SCHEMA_VERSION

_TIMEOUT_S = 5.0


def open_reader(path: str) -> sqlite3.Connection:
    """A connection that can only read, within one snapshot until it is closed. In WAL mode it holds nobody up.

    Raises StoreUnreadable: StoreCorrupt, StoreNewer, StoreOlder, StoreUnmade, or for a file that is missing or may not
    be read.
    """
    try:
        connection = _connected(path)
    except sqlite3.DatabaseError as error:
        raise unreadable(path, error) from error
    try:
        connection.execute("BEGIN")
        found = int(connection.execute("PRAGMA user_version").fetchone()[0])
        if not found and connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0] == 0:
            try:
                expect_none(path, "empty")
            except StoreGone:
                if not _is_made(connection, path):
                    raise  # else what was found is of the making
            raise StoreUnmade(f"{path} has nothing in it yet: `fleet up` makes it")
        if found > SCHEMA_VERSION:
            raise newer_database(path, found, SCHEMA_VERSION)
        if found < SCHEMA_VERSION:
            raise older_database(path, found, SCHEMA_VERSION)
    except sqlite3.DatabaseError as error:
        connection.close()
        raise unreadable(path, error) from error
    except StoreUnreadable:
        connection.close()
        raise
    return connection


def _is_made(connection: sqlite3.Connection, path: str) -> bool:
    """Whether it has been made since the first look, or is within two seconds, if somebody has begun to write it."""
    connection.execute("ROLLBACK")
    for _ in range(20):
        if connection.execute("PRAGMA user_version").fetchone()[0]:
            return True
        if not os.path.exists(f"{path}-wal"):  # noqa: PTH110
            return False
        time.sleep(0.1)
    return False


def _connected(path: str) -> sqlite3.Connection:
    escaped = path.replace("%", "%25").replace("?", "%3f").replace("#", "%23")
    return sqlite3.connect(
        f"file:{escaped}?mode=ro",
        uri=True,
        timeout=_TIMEOUT_S,
        isolation_level=None,
        check_same_thread=False,
    )


class DatabaseWatch:
    """Tells whether somebody has written to a database since the last look, or put another one in its place. A look
    costs a microsecond or two (`PRAGMA data_version`)."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._connection: sqlite3.Connection | None = None
        self._which = (0, 0)
        self._seen = self._look()

    def has_changed(self) -> bool:
        seen, self._seen = self._seen, self._look()
        return seen != self._seen

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
        self._connection = None

    def _look(self) -> tuple[int, int, int] | None:
        """Which file it is, and its version as this connection counts; None where there is none, or none to read."""
        try:
            file = os.stat(self._path)  # noqa: PTH116
        except OSError:
            self.close()
            return None
        which = (file.st_dev, file.st_ino)
        if self._which != which:
            self.close()
        self._which = which
        try:
            if self._connection is None:
                self._connection = _connected(self._path)
            (version,) = self._connection.execute("PRAGMA data_version").fetchone()
        except sqlite3.DatabaseError:
            self.close()
            return None
        return *which, version


def unreadable(path: object, error: sqlite3.DatabaseError) -> StoreUnreadable:
    """SQLite's error while reading, for a person."""
    return corrupt_file(path, error) if is_damage(error) else StoreUnreadable(why(path, "read", error))
