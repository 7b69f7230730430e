"""Taking in what was read from transcripts, in one transaction, with all sums right at its end.

A small change sums anew the quarters and sessions that it touches, a large one all of them. Where the ledger was empty
the sums are kept while rows are added, and those that copies touch are made anew.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from fleet.history.ledger.corrections import add_readings, make_touched
from fleet.history.ledger.first_rows import FirstRows, Row
from fleet.history.ledger.paths import kept
from fleet.history.ledger.statements import statements, sum_again
from fleet.history.ledger.texts import Texts
from fleet.history.transcripts.answers import MAIN_CHAIN, ROW
from fleet.history.transcripts.incremental import FileRead
from fleet.history.transcripts.limits import Reading

CACHE_KB = 48_000
"""Of the ledger's pages, while a scan writes."""


@dataclass(frozen=True, slots=True)
class Taken:
    """How many answers were new, told more than was known, or told nothing new (copies in other files included)."""

    new: int
    updated: int
    duplicate: int
    readings: int


class Intake:
    """Within a transaction of the caller's: `take` each file, then `finish`."""

    def __init__(self, connection: sqlite3.Connection, config_dirs: Iterable[str], *, large: bool) -> None:
        """`config_dirs`: where several that are new tell the same answer, it is the first one's."""
        self._connection = connection
        self._sql = statements()
        self._texts = Texts(connection)
        self._dirs = {one: self._texts.id(one) for one in config_dirs}
        self._told: list[tuple[int, str, Reading]] = []
        self._rows = self._changed = 0
        self._last_row = self._max_row()
        self._large = large
        connection.execute(f"PRAGMA cache_size = -{CACHE_KB}")
        self._first = FirstRows(connection) if large and self._last_row == 0 else None
        make_touched(connection)

    def take(self, read: FileRead, account: str) -> None:
        """`account`: the label of the file's config directory."""
        config_dir, label = self._dirs[read.todo.config_dir], self._texts.id(account)
        places = [
            self._texts.place(config_dir, label, (p.project, p.branch, p.session, p.agent), p.sidechain)
            for p in read.places
        ]
        models = [self._texts.model(name) for name in read.models]
        if not self._large:
            self._touch(row[0] for row in ROW.iter_unpack(read.rows))
        self._rows += len(read.rows) // ROW.size
        if self._first is not None:
            self._first.add(read.rows, places, models, label)
            if self._first.are_many:
                self._put(self._first.end())
                self._first = None
        else:
            self._put(list(_rows(read.rows, places, models, label)))
        self._told += [(config_dir, account, one) for one in read.readings]
        self._put_file(read, config_dir)

    def _put(self, rows: Sequence[Row]) -> None:
        self._changed += max(0, self._connection.executemany(self._sql["put_answer"], rows).rowcount)
        self._connection.executemany(self._sql["put_place"], (self._placed(row) for row in rows))

    def _placed(self, row: Row) -> dict[str, int]:
        message, request, preference, _, place, _, account, *_ = row
        number = preference % MAIN_CHAIN
        told = {"message": message, "request": request, "number": number, "place": place, "account": account}
        return {**told, "last_row": self._last_row}

    def _put_readings(self) -> int:
        """Returns how many were new. A transcript that was copied to another directory tells the limits of the account
        whose it was: what is known of one account is not another's."""
        if not self._told:
            return 0
        known = {
            tuple(told): account for account, *told in self._connection.execute(self._sql["told_readings"])
        }
        new = 0
        for _, account, one in sorted(self._told, key=lambda told: told[0]):
            owner = known.setdefault((one.bucket, one.at_ms, one.resets_at_ms, one.source), account)
            if owner == account:
                new += add_readings(self._connection, self._texts, account, [one])
        return new

    def _put_file(self, read: FileRead, config_dir: int) -> None:
        known = self._connection.execute(
            "SELECT broken FROM files WHERE path = ?", (kept(read.todo.path),)
        ).fetchone()
        before = known[0] if known and read.todo.read_to else 0
        row = (read.device, read.inode, read.size, read.mtime_ns, read.read_to, read.open, read.print)
        self._do("put_file", (kept(read.todo.path), config_dir, *row, before + read.broken))

    def _touch(self, messages: Iterable[int]) -> None:
        """Where these messages' answers are, before they change."""
        self._connection.executemany(self._sql["touch_message"], ((message,) for message in messages))
        self._do("quarters_of_messages")
        self._do("sessions_of_messages")

    def finish(self) -> Taken:
        """Drops what side chains told again, gives answers to the fleet's runs, and sums."""
        added = 0
        if self._first is not None:
            again = self._first.end()
            added = self._max_row()
            self._touch(row[0] for row in again)
            self._put(again)
        new = self._max_row() - self._last_row
        summed = self._first is not None or not self._large
        if not summed:
            self._do("all_repeated_messages")
        self._do("quarters_of_messages")
        self._do("sessions_of_messages")
        told_again = max(0, self._do("drop_side_copies"))
        if self._connection.execute(self._sql["any_runs"]).fetchone()[0]:
            self._apply_runs()
        sum_again(self._connection, "touched" if summed else "all")
        updated = self._changed + added - new
        new -= told_again
        return Taken(new, updated, self._rows - new - updated, self._put_readings())

    def _apply_runs(self) -> None:
        if self._large:
            self._do("sessions_with_runs")
            self._do("quarters_of_sessions_with_runs")
        self._do("apply_runs")

    def _max_row(self) -> int:
        return int(self._connection.execute("SELECT max(rowid) FROM answers").fetchone()[0] or 0)

    def _do(self, name: str, values: Sequence[object] = ()) -> int:
        """How many rows it has changed."""
        return self._connection.execute(self._sql[name], values).rowcount


def _rows(packed: bytes, places: list[int], models: list[int], account: int) -> Iterator[Row]:
    for row in ROW.iter_unpack(packed):
        yield *row[:4], places[row[4]], models[row[5]], account, *row[6:]
