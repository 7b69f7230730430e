"""Bringing a database to the schema of this version: all migrations it lacks, in one transaction."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from importlib.resources import files

from fleet.store.errors import newer_database
from fleet.store.statements import SCHEMA_VERSION


def migrations() -> list[tuple[int, str]]:
    """The number and the SQL of each migration, in order."""
    folder = files("fleet.store") / "migrations"
    found = sorted((f.name, f.read_text("utf-8")) for f in folder.iterdir() if f.name.endswith(".sql"))
    return [(int(name.split("_", 1)[0]), text) for name, text in found]


def migrate(connection: sqlite3.Connection, path: object) -> None:
    """Raises StoreNewer for a database of a later version, sqlite3.Error when it cannot be written; then it is as
    it was."""
    if _version(connection, path) == SCHEMA_VERSION:
        return
    connection.execute("BEGIN IMMEDIATE")
    try:
        version = _version(connection, path)
        for number, script in migrations():
            if number > version:
                for statement in split(script):
                    connection.execute(statement)
                connection.execute(f"PRAGMA user_version = {number}")
        connection.execute("COMMIT")
    finally:
        if connection.in_transaction:
            connection.execute("ROLLBACK")


def split(script: str) -> Iterator[str]:
    """The statements of a script, one by one: `executescript` would commit the transaction first."""
    statement = ""
    for line in script.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""


def _version(connection: sqlite3.Connection, path: object) -> int:
    found = int(connection.execute("PRAGMA user_version").fetchone()[0])
    if found > SCHEMA_VERSION:
        raise newer_database(path, found, SCHEMA_VERSION)
    return found
