"""The fleet's state in one SQLite file.

In WAL mode readers never wait for the writer, nor it for them. `synchronous=FULL` syncs the log with each commit: what
has been committed survives a loss of power, and an effect is never performed whose decision could be forgotten.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

from fleet.core.check import dangling
from fleet.core.decisions import Effect
from fleet.core.model import Attempt, Fleet, queue_of
from fleet.core.model.maps import changed
from fleet.ports import Change, Committed, Loaded, StoreFailed
from fleet.store import codec
from fleet.store.errors import corrupt_file, corrupt_row
from fleet.store.failures import is_damage, why
from fleet.store.migrate import migrate
from fleet.store.place import Place
from fleet.store.read_connection import open_reader
from fleet.store.remains import MARK, expect_none
from fleet.store.rows import Row, effect_row, meta_row, note_row, value_row
from fleet.store.statements import statements

BUSY_TIMEOUT_MS = 5_000
"""How long to wait for another writer (a migration, a person with the sqlite3 shell) before giving up."""


VACUUM_PAGES = 1_000
"""With fewer free pages (of 4 kB) nothing is to be gained: what is written next takes them."""


class SqliteStore:
    """Implements `ports.Store`. It may move between threads, but is for one caller at a time."""

    def __init__(
        self, path: Path | Literal[":memory:"], *, read_only: bool = False, anew: bool = False
    ) -> None:
        """Opens the database, and makes or migrates it unless `read_only` (then it can only `load`, and shows the
        moment of its opening). `anew`: a person has said that a home which was used before may begin without what it
        knew. Raises StoreUnreadable (StoreCorrupt, StoreNewer, StoreOlder, StoreGone) for a file that cannot be used as
        it is, StoreFailed when it cannot be written."""
        self.path = path
        self._anew = anew
        self._write = statements("writing.sql")
        self._load = statements("loading.sql")
        self._place = None if read_only or not isinstance(path, Path) else Place(path)
        self._connection = open_reader(str(path)) if read_only else self._open()
        if self._place is not None:
            self._place.note()

    def _open(self) -> sqlite3.Connection:
        self._expect_no_remains()
        with self._explained("open"):
            connection = sqlite3.connect(self.path, isolation_level=None, check_same_thread=False)
        try:
            with self._explained("open"):
                self._prepare(connection)
        except BaseException:
            connection.close()
            raise
        return connection

    def _prepare(self, connection: sqlite3.Connection) -> None:
        connection.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_MS}")
        if (
            isinstance(self.path, Path)
            and not self._anew
            and not connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
        ):
            expect_none(self.path, "empty")
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA foreign_keys = ON")
        migrate(connection, self.path)
        self._mark(connection)

    def _expect_no_remains(self) -> None:
        """Before anything is made there."""
        if isinstance(self.path, Path) and not self._anew and not self.path.exists():
            expect_none(self.path, "missing")

    def _mark(self, connection: sqlite3.Connection) -> None:
        """Says beside the database that there is one, and under which id; one that is begun anew goes by the id of the
        one before, as what that has left does."""
        if not isinstance(self.path, Path):
            return
        mark = self.path.with_name(MARK)
        if self._anew and mark.exists():
            connection.execute(self._write["name_home"], {"home_id": mark.read_text("utf-8").strip()})
        elif not mark.exists():
            (home_id,) = connection.execute("SELECT home_id FROM meta").fetchone() or ("",)
            try:
                mark.write_text(f"{home_id}\n", "utf-8")
            except OSError as failed:
                raise StoreFailed(f"could not mark the home beside {self.path}: {failed}") from failed

    def check(self) -> None:
        """Looks whether the file is sound, without its rows' meaning: 0.1 s for 40 MB. Raises StoreCorrupt."""
        with self._explained("check"):
            (found,) = self._connection.execute("PRAGMA quick_check(1)").fetchone()
        if found != "ok":
            raise corrupt_file(self.path, str(found).removeprefix("*** in database main ***\n"))

    def look_through(self) -> dict[str, int]:
        """Reads all that a command may ever read: how many rows there are of what. Raises StoreCorrupt."""
        self.check()
        self.expect_whole(self.load().fleet)
        with self._explained("read"):
            ended = self._connection.execute(self._load["ended_attempts"])
            counts = {"ended attempts": sum(1 for _ in self._decoded_rows("attempts", Attempt, ended))}
            for table in ("tasks", "accounts", "worktrees"):
                counts[table] = len(self._connection.execute(self._load[table]).fetchall())
            counts["journal"] = len(self._connection.execute(self._load["journal"]).fetchall())
        return counts

    def expect_whole(self, fleet: Fleet) -> None:
        """Raises StoreCorrupt for a fleet in which something refers to what is not there."""
        found = dangling(fleet)
        if found:
            raise corrupt_file(self.path, f"it contradicts itself: {'; '.join(found[:3])}")

    def load(self) -> Loaded:
        """The fleet as last committed. Raises StoreCorrupt, naming the row that cannot be read."""
        with self._explained("read"):
            maps: dict[str, Any] = {
                name: dict(self._values(name, kind)) for name, kind in codec.VALUES.items()
            }
            singles = dict(self._singles())
            meta = self._connection.execute(self._load["meta"]).fetchone()
            outstanding = tuple(self._effects())
        if meta is None:
            raise corrupt_row(self.path, "meta", "1", "it is missing")
        home_id, now_ms, tasks_made, decisions_made, draining, revision = meta
        if not isinstance(home_id, str) or not all(isinstance(number, int) for number in meta[1:]):
            raise corrupt_row(self.path, "meta", "1", f"{meta!r} is not what stands there")
        fleet = Fleet(
            **maps,
            **singles,
            queue=queue_of(maps["tasks"].values()),
            home_id=home_id,
            now_ms=now_ms,
            tasks_made=tasks_made,
            decisions_made=decisions_made,
            draining=bool(draining),
        )
        return Loaded(fleet, outstanding, revision)

    def _values(self, table: str, kind: type[Any]) -> Iterator[tuple[str, Any]]:
        yield from self._decoded_rows(table, kind, self._connection.execute(self._load[table]))

    def _decoded_rows(
        self, table: str, kind: type[Any], rows: Iterable[tuple[str, str]]
    ) -> Iterator[tuple[str, Any]]:
        for key, body in rows:
            value = self._decoded(table, key, kind, body)
            own = _own_key(table, value)
            if not isinstance(key, str) or own not in (None, key):
                raise corrupt_row(self.path, table, str(key), f"its body is that of {own}")
            yield key, value

    def _singles(self) -> Iterator[tuple[str, Any]]:
        for name, body in self._connection.execute(self._load["singles"]):
            if name not in codec.SINGLES:
                raise corrupt_row(self.path, "singles", name, "this version of fleet knows no such value")
            yield name, self._decoded("singles", name, codec.SINGLES[name], body)

    def _effects(self) -> Iterator[Effect]:
        for key, kind, body in self._connection.execute(self._load["outbox"]):
            if kind not in codec.EFFECTS:
                raise corrupt_row(self.path, "outbox", key, f"this version of fleet knows no effect {kind}")
            yield self._decoded("outbox", key, codec.EFFECTS[kind], body)

    def _decoded(self, table: str, key: str, kind: type[Any], body: str) -> Any:
        try:
            return codec.decode(kind, body)
        except codec.Undecodable as error:
            raise corrupt_row(self.path, table, key, str(error)) from None

    def commit(self, change: Change) -> Committed:
        """Writes what differs, in one transaction. Raises StoreFailed, and then nothing has changed."""
        if self._keep_in_place():
            raise StoreFailed(
                f"{self.path} was taken away while this coordinator had it open. It is there again, with all that it "
                "had: find out what deletes or moves it"
            )
        with self._explained("write"), self._transaction():
            if change.before.tasks is not change.after.tasks:
                gone: list[Row] = [
                    {"id": key} for key in change.before.tasks if key not in change.after.tasks
                ]
                for statement in ("drop_attempts_of", "drop_journal_of", "drop_worktrees"):
                    self._each(statement, gone)
            for name in codec.VALUES:
                self._write_map(name, getattr(change.before, name), getattr(change.after, name), change)
            for name in codec.SINGLES:
                self._write_single(name, getattr(change.before, name), getattr(change.after, name))
            self._each("add_effect", map(effect_row, change.decided))
            self._each("effect_done", ({"id": done} for done in change.done))
            told = tuple(self._add(note_row(at_ms, note)) for at_ms, note in change.notes)
            ((revision,),) = self._connection.execute(
                self._write["put_meta"], meta_row(change.after)
            ).fetchall()
        return Committed(revision, told)

    def _add(self, note: Row) -> int:
        """Writes a line of the journal, and gives its number."""
        return self._connection.execute(self._write["add_note"], note).lastrowid or 0

    def tidy(self, before_ms: int) -> None:
        """See `ports.Store`. A file that is half empty, and not small, is written anew: 0.4 s for 40 MB."""
        with self._explained("tidy"):
            self._each("drop_journal_before", [{"before_ms": before_ms}])
            (free,), (pages,) = (
                self._connection.execute(f"PRAGMA {what}").fetchone()
                for what in ("freelist_count", "page_count")
            )
            if free > VACUUM_PAGES and 2 * free > pages:
                self._connection.execute("VACUUM")
                self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def _write_map(
        self, name: str, before: Mapping[str, Any], after: Mapping[str, Any], change: Change
    ) -> None:
        """Values are frozen and shared from one fleet to the next, so what is the same object has not changed."""
        ended = {attempt.id: attempt for attempt in change.ended} if name == "attempts" else {}
        self._each(f"put_{name}", (value_row(key, value) for key, value in ended.items()))
        keys = changed(before, after)
        self._each(f"put_{name}", (value_row(key, after[key]) for key in keys if key in after))
        gone = (key for key in keys if key not in after and key not in ended)
        self._each(f"drop_{name}", ({"id": key} for key in gone))

    def _write_single(self, name: str, before: Any, after: Any) -> None:
        if after is None and before is not None:
            self._each("drop_single", [{"id": name}])
        elif after is not before:
            self._each("put_single", [value_row(name, after)])

    def _each(self, statement: str, rows: Iterator[Row] | list[Row]) -> None:
        self._connection.executemany(self._write[statement], rows)

    def close(self) -> None:
        """Raises StoreFailed where nothing can be written to the place of the database, and it is not there."""
        try:
            self._keep_in_place()
        finally:
            self._connection.close()

    def _keep_in_place(self) -> bool:
        """Puts the database back where it was deleted, or moved away, while it was open: what is written to it from
        then on nobody would find. Whether it had to. Raises StoreFailed."""
        if self._place is None or self._place.is_as_noted():
            return False
        try:
            with self._explained("put back"):
                self._connection.execute("VACUUM INTO ?", (str(self._place.draft()),))
            self._place.lay_draft()
        except OSError as failed:
            raise StoreFailed(
                f"{self.path} was taken away while this coordinator had it open, and could not be put back: {failed}"
            ) from failed
        self._connection.close()
        self._connection = self._open()
        return True

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            yield
            self._connection.execute("COMMIT")
        finally:
            # SQLite itself has rolled back after some errors (a full disk), not after others.
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")

    @contextmanager
    def _explained(self, what: str) -> Iterator[None]:
        try:
            yield
        except UnicodeDecodeError as error:  # of a name in the schema, or a message of SQLite's
            raise corrupt_file(self.path, error) from error
        except sqlite3.DatabaseError as error:
            if is_damage(error):
                raise corrupt_file(self.path, error) from error
            if isinstance(error, sqlite3.OperationalError):
                raise StoreFailed(why(self.path, what, error)) from error
            raise


def _own_key(table: str, value: Any) -> str | None:
    """The key that the value itself says it has; None where it says none."""
    of = {"worktrees": "task", "tasks": "id", "attempts": "id", "accounts": "name", "hosts": "name"}.get(
        table
    )
    return None if of is None else str(getattr(value, of))
