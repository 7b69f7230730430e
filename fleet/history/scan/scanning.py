"""One scan: find the files, read what is new in them, take it in.

With nothing new it costs a `stat` for each file and no transaction. Much is read by several processes; this one only
writes. A second scan at the same time waits for the first one's transaction, and finds its work done.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from fleet.history.ledger.file import Ledger, transaction
from fleet.history.ledger.paths import path_of, storable
from fleet.history.scan.finding import ConfigDir, Found, find
from fleet.history.scan.result import BROKEN_KEPT, ScanResult, Unreadable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from fleet.history.ledger.intake import Taken
    from fleet.history.transcripts.answers import Prices
    from fleet.history.transcripts.incremental import BrokenLine, FileRead, Todo

WAIT_MS = 600_000
"""How long to wait for another scan: a first one of a very large history takes minutes."""

LARGE_BYTES = 64 << 20
"""From so much to read on, all sums are made anew and not those of what was touched."""


def scan(ledger: Ledger, config_dirs: Sequence[ConfigDir], prices: Prices) -> ScanResult:
    """Reads what is new below the config directories, and makes costs anew when prices have changed. Raises
    sqlite3.OperationalError when the ledger cannot be written, and then it is as it was."""
    seen = _Seen()
    dirs = {os.path.realpath(one.path): one.account for one in config_dirs}
    for path, account in dirs.items():
        for one in find(ConfigDir(path, account)):
            (seen.files if isinstance(one, Found) else seen.unreadable).append(one)  # type: ignore[arg-type]
    if not _unlike(ledger.connection, seen.files) and _digest(ledger.connection) == prices.digest:
        return _result(ledger.connection, seen, dirs)
    with ledger.patient(WAIT_MS), transaction(ledger.connection):
        taken = _read(ledger.connection, seen, dirs, prices)
        return _result(ledger.connection, seen, dirs, taken)


@dataclass(slots=True)
class _Seen:
    """What a scan has come across so far."""

    files: list[Found] = field(default_factory=list)
    unreadable: list[Unreadable] = field(default_factory=list)
    read: int = 0
    failed: int = 0
    bytes: int = 0
    lines: int = 0
    broken: int = 0
    broken_lines: list[BrokenLine] = field(default_factory=list)

    def add(self, read: FileRead) -> None:
        self.read += 1
        self.bytes += read.bytes
        self.lines += read.lines
        self.broken += read.broken
        self.broken_lines += read.broken_lines[: BROKEN_KEPT - len(self.broken_lines)]


def _digest(connection: sqlite3.Connection) -> str:
    """Of the prices that all costs were made with."""
    found = connection.execute("SELECT value FROM meta WHERE name = 'prices'").fetchone()
    return str(found[0]) if found else ""


Known = tuple[int, int, int, int, int, str, str]
"""device, inode, size, mtime_ns, read_to, open, print."""


def _unlike(connection: sqlite3.Connection, found: Iterable[Found]) -> list[tuple[Found, Known | None]]:
    """The files that are not as the ledger knows them."""
    rows = connection.execute("SELECT path, device, inode, size, mtime_ns, read_to, open, print FROM files")
    known: dict[str, Known] = {path_of(row[0]): row[1:] for row in rows}
    unlike: list[tuple[Found, Known | None]] = []
    for one in found:
        row, status = known.get(one.path), one.status
        if row is None or row[:4] != (status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns):
            unlike.append((one, row))
    return unlike


def _read(connection: sqlite3.Connection, seen: _Seen, dirs: Iterable[str], prices: Prices) -> Taken:
    """What differs is looked up again: another scan may have read it while this one waited."""
    from fleet.history.ledger.corrections import price_again
    from fleet.history.ledger.intake import Intake
    from fleet.history.scan.many import read_many

    price_again(connection, prices)
    unlike = _unlike(connection, seen.files)
    accounts = {one.path: one.config_dir.account for one, _ in unlike}
    work = [(_todo(one, known), one.status.st_size - (known[4] if known else 0)) for one, known in unlike]
    intake = Intake(connection, dirs, large=sum(size for _, size in work) >= LARGE_BYTES)
    for read in read_many(work, prices):
        if isinstance(read, Unreadable):
            seen.unreadable.append(read)
            seen.failed += 1
        else:
            intake.take(read, accounts[read.todo.path])
            seen.add(read)
    return intake.finish()


def _todo(found: Found, known: Known | None) -> Todo:
    """A file that only grew is read on where it ended, provided that what was read is still there (`reading.read`)."""
    from fleet.history.transcripts.incremental import Todo

    config_dir = found.config_dir.path
    slug, *below = os.path.relpath(found.path, os.path.join(config_dir, "projects")).split(os.sep)  # noqa: PTH118, PTH206
    name = found.path.rpartition(os.sep)[2].removesuffix(".jsonl")
    agent = name.removeprefix("agent-") if name.startswith("agent-") else ""
    session = below[0].removesuffix(".jsonl") if below and not (agent and len(below) == 1) else ""
    todo = (found.path, config_dir, session, agent, slug)
    status = found.status
    if known is None or known[:2] != (status.st_dev, status.st_ino) or status.st_size <= known[2]:
        return Todo(*todo)
    return Todo(*todo, *known[4:])


def _result(
    connection: sqlite3.Connection, seen: _Seen, config_dirs: Iterable[str], taken: Taken | None = None
) -> ScanResult:
    there = {one.path for one in seen.files}
    rows = connection.execute("SELECT path, text FROM files JOIN texts ON texts.id = files.config_dir")
    dirs = set(map(storable, config_dirs))
    return ScanResult(
        files=len(seen.files),
        files_read=seen.read,
        files_unchanged=len(seen.files) - seen.read - seen.failed,
        files_vanished=sum(config_dir in dirs and path_of(path) not in there for path, config_dir in rows),
        bytes=seen.bytes,
        lines=seen.lines,
        answers_new=taken.new if taken else 0,
        answers_updated=taken.updated if taken else 0,
        answers_duplicate=taken.duplicate if taken else 0,
        readings=taken.readings if taken else 0,
        broken=seen.broken,
        broken_lines=tuple(seen.broken_lines),
        unreadable=tuple(seen.unreadable),
    )
