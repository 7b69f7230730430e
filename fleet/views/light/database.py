"""The rows of a home's database as the read models want them, in one snapshot. Light: see `reading`."""

from __future__ import annotations

import json
import os
import sqlite3

from fleet.store.errors import StoreUnmade, corrupt_row
from fleet.store.reader import open_reader, unreadable
from fleet.store.statements import DATABASE, statements

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from fleet.views.light.records import Record


class Rows:
    """Reads within a `with` block. A home without a database, or with one that is just being made, has none."""

    def __init__(self, home: str | os.PathLike[str]) -> None:
        self._path = os.path.join(os.fspath(home), DATABASE)  # noqa: PTH118 pathlib costs `fleet status` its start
        self._connection: sqlite3.Connection | None = None
        self._statements = statements("reading.sql")

    def __enter__(self) -> Rows:
        if self._is_there():
            try:
                self._connection = open_reader(self._path)
            except StoreUnmade:
                self._connection = None
        return self

    def _is_there(self) -> bool:
        """Raises OSError where it cannot even be looked for: a home that is a file is not an empty fleet."""
        try:
            os.stat(self._path)  # noqa: PTH116
        except FileNotFoundError:
            return False
        return True

    def __exit__(self, *_: object) -> None:
        if self._connection is not None:
            self._connection.close()

    def plain(self, statement: str, **what: str | None) -> list[Any]:
        """The rows as tuples."""
        if self._connection is None:
            return []
        try:
            return self._connection.execute(self._statements[statement], what).fetchall()
        except sqlite3.DatabaseError as error:
            raise unreadable(self._path, error) from error

    def bodies(self, table: str, statement: str, **what: str | None) -> list[Record]:
        """The bodies of rows (key, body). Raises StoreCorrupt, naming the row that is no JSON."""
        return [self._parsed(table, key, body) for key, body in self.plain(statement, **what)]

    def bodies_and(self, table: str, statement: str, **what: str | None) -> list[tuple[Record, str]]:
        """The same for rows (key, body, column)."""
        return [
            (self._parsed(table, key, body), column) for key, body, column in self.plain(statement, **what)
        ]

    def _parsed(self, table: str, key: str, body: str) -> Record:
        try:
            found: Record = json.loads(body)
        except (ValueError, RecursionError) as error:
            raise corrupt_row(self._path, table, key, error) from None
        return found
