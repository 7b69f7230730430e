"""Opening a database only to read it, beside a coordinator that writes. Imports little: `fleet status` must start
fast."""

from __future__ import annotations

import sqlite3

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
    escaped = path.replace("%", "%25").replace("?", "%3f").replace("#", "%23")
    try:
        connection = sqlite3.connect(
            f"file:{escaped}?mode=ro",
            uri=True,
            timeout=_TIMEOUT_S,
            isolation_level=None,
            check_same_thread=False,
        )
    except sqlite3.DatabaseError as error:
        raise unreadable(path, error) from error
    try:
        connection.execute("BEGIN")
        found = int(connection.execute("PRAGMA user_version").fetchone()[0])
        if not found and connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0] == 0:
            try:
                expect_none(path, "empty")
            except StoreGone:
                connection.execute("ROLLBACK")
                if not connection.execute("PRAGMA user_version").fetchone()[0]:
                    raise  # else it has been made since the first look, and what was found is of that
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


def unreadable(path: object, error: sqlite3.DatabaseError) -> StoreUnreadable:
    """SQLite's error while reading, for a person."""
    return corrupt_file(path, error) if is_damage(error) else StoreUnreadable(why(path, "read", error))
