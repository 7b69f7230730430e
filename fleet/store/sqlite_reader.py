"""What read models read of a home's database, in one snapshot: `ports.Reader`. Light, as `fleet status` starts with it:
standard library only, and `typing` only for the type checker."""

from __future__ import annotations

import os
import sqlite3

from fleet.store.bodies import parsed
from fleet.store.errors import StoreUnmade, corrupt_row
from fleet.store.read_connection import open_reader, unreadable
from fleet.store.remains import expect_none
from fleet.store.statements import DATABASE, statements

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import Any

    from fleet.ports import HistoryLine, Record
    from fleet.spoken.choice import Choice


class SqliteReader:
    """Reads within a `with` block. A home without a database, or with one that is just being made, has none."""

    def __init__(self, home: str | os.PathLike[str]) -> None:
        self._path = os.path.join(os.fspath(home), DATABASE)  # noqa: PTH118 pathlib costs `fleet status` its start
        self._connection: sqlite3.Connection | None = None
        self._statements = statements("reading.sql")

    def __enter__(self) -> SqliteReader:
        if self._is_there():
            try:
                self._connection = open_reader(self._path)
            except StoreUnmade:
                self._connection = None
        return self

    def _is_there(self) -> bool:
        """Raises OSError where it cannot even be looked for: a home that is a file is not an empty fleet. StoreGone
        where it must have been there."""
        try:
            os.stat(self._path)  # noqa: PTH116
        except FileNotFoundError:
            expect_none(self._path, "missing")
            return False
        return True

    def __exit__(self, *_: object) -> None:
        if self._connection is not None:
            self._connection.close()

    def revision(self) -> int:
        return self._number("revision")

    def policy(self) -> Record | None:
        return _first(self._bodies("singles", "policy"))

    def paused_projects(self) -> list[Record]:
        return self._bodies("projects", "paused_projects")

    def task_states(self) -> dict[str, int]:
        return dict(self._rows("task_states"))

    def task_ids(self) -> list[str]:
        return [name for (name,) in self._rows("task_ids")]

    def tasks(
        self,
        choice: Choice | None = None,
        order: str = "added",
        *,
        reverse: bool = False,
        limit: int | None = None,
    ) -> Iterator[Record]:
        from fleet.store.choosing import question

        for name, body in self._each(*question(choice, order, reverse=reverse, limit=limit)):
            yield self._parsed("tasks", name, body)

    def tasks_count(self, choice: Choice) -> int:
        from fleet.store.choosing import count

        return next((found for (found,) in self._each(*count(choice))), 0)

    def names(self, kind: str, beginning: str) -> list[str]:
        """Of tasks the latest, of everything else all that begin so."""
        statement = statements("naming.sql")[kind]
        return [name for (name,) in self._each(statement, {"beginning": beginning})]

    def open_tasks(self) -> list[Record]:
        return self._bodies("tasks", "open_tasks")

    def tasks_in_trouble(self) -> list[Record]:
        return self._bodies("tasks", "tasks_in_trouble")

    def task(self, name: str) -> Record | None:
        return _first(self._bodies("tasks", "task", id=name))

    def accounts(self) -> list[Record]:
        return self._bodies("accounts", "accounts")

    def account(self, name: str) -> Record | None:
        return _first(self._bodies("accounts", "account", name=name))

    def unbilled(self) -> list[str]:
        return [name for (name,) in self._rows("unbilled")]

    def buckets(self) -> list[Record]:
        return self._bodies("buckets", "buckets")

    def workers(self) -> list[Record]:
        return self._bodies("attempts", "workers")

    def attempts_of(self, task: str) -> list[Record]:
        return self._bodies("attempts", "attempts_of", task=task)

    def runs(self, known: Iterable[str]) -> list[tuple[Any, ...]]:
        import json

        return self._rows("runs", known=json.dumps(list(known)))

    def hosts(self) -> list[Record]:
        return self._bodies("hosts", "hosts")

    def host(self, name: str) -> Record | None:
        return _first(self._bodies("hosts", "host", name=name))

    def worktree(self, task: str) -> Record | None:
        return _first(self._bodies("worktrees", "worktree", task=task))

    def worktrees(self) -> list[tuple[Record, str]]:
        return self._bodies_and("worktrees", "worktrees")

    def worktrees_on(self, host: str) -> list[tuple[Record, str]]:
        return self._bodies_and("worktrees", "worktrees_on", host=host)

    def last_event(self) -> int:
        return self._number("last_event")

    def event_before(self, at_ms: int) -> int:
        return self._number("events_before", at_ms=at_ms)

    def events(self, after: int, most: int, task: str | None = None) -> list[HistoryLine]:
        return self._lines("events" if task is None else "events_of", after=after, most=most, task=task)

    def history(self, task: str) -> list[HistoryLine]:
        return self._lines("history", task=task)

    def host_history(self, host: str) -> list[HistoryLine]:
        return self._lines("host_history", host=host)[::-1]

    def _number(self, statement: str, **what: int) -> int:
        ((number,),) = self._rows(statement, **what) or [(0,)]
        return int(number)

    def _lines(self, statement: str, **what: str | int | None) -> list[HistoryLine]:
        return [
            (*line, {} if data is None else self._parsed("journal", str(line[0]), data))
            for *line, data in self._rows(statement, **what)
        ]

    def _rows(self, statement: str, **what: str | int | None) -> list[Any]:
        if self._connection is None:
            return []
        try:
            return self._connection.execute(self._statements[statement], what).fetchall()
        except sqlite3.DatabaseError as error:
            raise unreadable(self._path, error) from error

    def _each(self, statement: str, what: dict[str, Any]) -> Iterator[Any]:
        """One row after the other, so that never all of them are in memory."""
        if self._connection is None:
            return
        self._connection.create_function("folded", 1, _folded, deterministic=True)
        try:
            yield from self._connection.execute(statement, what)
        except sqlite3.DatabaseError as error:
            raise unreadable(self._path, error) from error

    def _bodies(self, table: str, statement: str, **what: str | None) -> list[Record]:
        """Of rows (key, body). Raises StoreCorrupt, naming the row that is no JSON."""
        return [self._parsed(table, key, body) for key, body in self._rows(statement, **what)]

    def _bodies_and(self, table: str, statement: str, **what: str | None) -> list[tuple[Record, str]]:
        """The same of rows (key, body, column)."""
        return [
            (self._parsed(table, key, body), column) for key, body, column in self._rows(statement, **what)
        ]

    def _parsed(self, table: str, key: str, body: str) -> Record:
        try:
            found: Record = parsed(body)
        except (ValueError, RecursionError) as error:
            raise corrupt_row(self._path, table, key, error) from None
        return found


def _first(found: list[Record]) -> Record | None:
    return found[0] if found else None


def _folded(text: str | None) -> str:
    """SQLite's own `lower` knows no letters but those of English."""
    return (text or "").casefold()
