"""The ledger's file: opened, made when it is missing, and of this version or refused.

In WAL mode a report never waits for a scan, nor it for a report. `synchronous=NORMAL`: after a loss of power the last
scans may be missing, never half of one; they are read again from the transcripts.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager, suppress

DATABASE = "fleet.history.db"
"""The ledger's file in the home directory."""

SCHEMA_VERSION = 2
"""`PRAGMA user_version` of a ledger that this version reads and writes."""

FIRST_MS, LAST_MS = 0, 4_102_444_800_000
"""Answers are of 1970 to 2099, and of no more than `TOKENS_MAX` of each kind (`transcripts/records.py`)."""

BUSY_TIMEOUT_MS = 30_000
"""How long to wait for another scan before giving up."""

_SCHEMA = os.path.join(os.path.dirname(__file__), "schema.sql")  # noqa: PTH118, PTH120 pathlib costs start-up


class LedgerUnreadable(Exception):
    """The ledger at {path} cannot be used: {why}. The message says what to do."""


class Ledger:
    """A connection to the ledger. For one caller at a time. Use it as a context manager, or `close` it."""

    def __init__(self, path: str | os.PathLike[str], *, read_only: bool = False) -> None:
        """Opens the ledger, and makes it when it is missing (not when `read_only`: then a missing one is an empty one,
        and nothing can be written). Raises LedgerUnreadable for a file that is no ledger, or one of a later version."""
        self.path = os.fspath(path)
        missing = read_only and not os.path.exists(self.path)  # noqa: PTH110
        try:
            self.connection = self._connect(read_only, missing)
        except sqlite3.Error as error:
            raise LedgerUnreadable(self._story(error)) from error

    def _connect(self, read_only: bool, missing: bool) -> sqlite3.Connection:
        if missing:
            connection = sqlite3.connect(":memory:", isolation_level=None)
        elif read_only:
            connection = sqlite3.connect(f"file:{_quoted(self.path)}?mode=ro", uri=True, isolation_level=None)
        else:
            self._begin_privately()
            connection = sqlite3.connect(self.path, isolation_level=None)
        try:
            connection.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_MS}")
            if not read_only:
                connection.execute("PRAGMA journal_mode = WAL")
                connection.execute("PRAGMA synchronous = NORMAL")
            self._make(connection, may_write=missing or not read_only)
        except BaseException:
            connection.close()
            raise
        return connection

    def _begin_privately(self) -> None:
        """A new ledger is readable by its person alone, in whatever directory; what SQLite puts beside it takes its
        mode. A path that cannot be written is left for SQLite to tell."""
        with suppress(OSError):
            os.close(os.open(self.path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))

    def _make(self, connection: sqlite3.Connection, *, may_write: bool) -> None:
        if self._version(connection) == SCHEMA_VERSION or not may_write:
            return
        with transaction(connection):
            found = self._version(connection)
            if found == 0:
                for statement in _statements():
                    connection.execute(statement)
            elif found == 1:
                _from_1(connection)
            connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")

    def _version(self, connection: sqlite3.Connection) -> int:
        found = int(connection.execute("PRAGMA user_version").fetchone()[0])
        if found > SCHEMA_VERSION:
            raise LedgerUnreadable(
                f"The ledger {self.path} was written by a later version of fleet (schema {found}, this one knows "
                f"{SCHEMA_VERSION}). Upgrade fleet, or name another home."
            )
        return found

    def _story(self, error: sqlite3.Error) -> str:
        told = f"The ledger {self.path} cannot be opened: {error}. "
        if getattr(error, "sqlite_errorname", "").startswith(("SQLITE_CORRUPT", "SQLITE_NOTADB")):
            return told + (
                "Move it away and run `fleet history scan` to read the transcripts again; what the client has deleted "
                "since is only in that file."
            )
        return (
            told + "Look whether it and its directory may be written, and whether another program holds it."
        )

    @contextmanager
    def patient(self, wait_ms: int) -> Iterator[None]:
        """Waits so long for other writers, instead of `BUSY_TIMEOUT_MS`."""
        self.connection.execute(f"PRAGMA busy_timeout = {wait_ms}")
        try:
            yield
        finally:
            self.connection.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_MS}")

    def close(self) -> None:
        self.connection.close()

    def __enter__(self) -> Ledger:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


@contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """All of it or nothing; waits for another writer."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    finally:
        if connection.in_transaction:
            connection.execute("ROLLBACK")


def _from_1(connection: sqlite3.Connection) -> None:
    """Schema 1 chose among copies by their clocks, lost what stood behind torn lines, and took numbers and years that
    no report could add up. What cannot be is forgotten, and the transcripts that are still there are read once more."""
    # Only an old ledger needs the making of sums.
    from fleet.history.ledger.statements import statements, sum_again

    sql = statements()
    if connection.execute(sql["forget_impossible"], {"first": FIRST_MS, "last": LAST_MS}).rowcount > 0:
        sum_again(connection, "all")
    connection.execute(sql["forget_impossible_readings"], {"first": FIRST_MS, "last": LAST_MS})
    connection.execute(sql["read_all_again"])


def _statements() -> Iterator[str]:
    """The statements of the schema, one by one: `executescript` would commit the transaction first."""
    statement = ""
    with open(_SCHEMA, encoding="utf-8") as lines:  # noqa: PTH123
        for line in lines:
            statement += line
            if sqlite3.complete_statement(statement):
                yield statement
                statement = ""


def _quoted(path: str) -> str:
    """As a file URI wants it."""
    return path.replace("%", "%25").replace("?", "%3f").replace("#", "%23")
