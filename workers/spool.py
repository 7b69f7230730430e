"""Reading what supervisors write: the records of one spool, and following many spools at little cost."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import NamedTuple

ATTEMPT_BYTES_MAX = 256 * 1024
KINDS = {b"o": "o", b"e": "e", b"s": "s"}


class Record(NamedTuple):
    """One line of a spool.

    `kind`: `o` the client's standard output, `e` its standard error, `s` the supervisor's own JSON, `?` a
    line that is none of these, whole in `payload`. `at_ms`: epoch milliseconds by the host's clock, 0 for
    `?`. A named tuple, as thousands are made each second.
    """

    kind: str
    at_ms: int
    payload: bytes


class SpoolReplaced(Exception):
    """The spool is not the file it was when its offset was committed, so what follows cannot be trusted."""


@dataclass(frozen=True)
class Batch:
    """The records between two offsets of an attempt's spool; commit `end` once they are applied.

    With `error` set (SpoolReplaced, or the OSError of reading) there are no records, and the attempt is not
    followed further until it is watched again.
    """

    attempt: str
    start: int
    end: int
    records: tuple[Record, ...]
    error: Exception | None = None


def parse(line: bytes) -> Record:
    """One line without its newline. Never raises: what is malformed comes as a record of kind `?`."""
    head, space, payload = line[2:].partition(b" ")
    kind = KINDS.get(line[:1])
    if kind is None or not space or line[1:2] != b" " or not head.isdigit() or len(head) > 15:
        return Record("?", 0, line)
    return Record(kind, int(head), payload)


def parse_lines(chunk: bytes) -> tuple[Record, ...]:
    """The records of a chunk that ends with a newline."""
    return tuple(parse(line) for line in chunk[:-1].split(b"\n"))


class Followed:
    """One spool being followed. `scanned` is up to where a torn last line is known to have no newline."""

    __slots__ = ("fd", "offset", "path", "scanned")

    def __init__(self, path: str, offset: int) -> None:
        self.path = path
        self.offset = offset
        self.scanned = offset
        self.fd = -1

    def close(self) -> None:
        if self.fd >= 0:
            os.close(self.fd)
            self.fd = -1

    def size(self) -> int:
        """Bytes in the spool, 0 when there is none yet. Raises SpoolReplaced, OSError."""
        if self.fd < 0:
            try:
                self.fd = os.open(self.path, os.O_RDONLY)
            except FileNotFoundError:
                if self.offset:
                    raise self._replaced("there is no file") from None
                return 0
        stat = os.fstat(self.fd)
        if stat.st_nlink == 0:
            raise self._replaced("the file that was followed has been deleted")
        if stat.st_size < self.offset:
            raise self._replaced(f"it has only {stat.st_size} bytes")
        return stat.st_size

    def _replaced(self, what: str) -> SpoolReplaced:
        return SpoolReplaced(
            f"{self.path} was read up to byte {self.offset}, but now {what}. "
            "Treat the attempt as lost; its worktree holds what was done."
        )

    def take(self, bytes_max: int) -> bytes:
        """Whole lines from the offset on: at most `bytes_max` bytes, or one line if that is longer."""
        size = self.size()
        if size <= self.scanned:
            return b""
        wanted = min(size - self.offset, bytes_max)
        chunk = os.pread(self.fd, wanted, self.offset) if self.offset + wanted > self.scanned else b""
        end = chunk.rfind(b"\n") + 1
        if not end and wanted == size - self.offset:
            self.scanned = size
        elif not end:
            chunk = self._long_line(size, self.offset + wanted)
            end = len(chunk)
        self.offset += end
        self.scanned = max(self.scanned, self.offset)
        return chunk[:end]

    def take_raw(self, bytes_max: int) -> bytes:
        """Whatever bytes there are from the offset on, but none before the first line is whole: a supervisor that dies
        in the middle of that has run nothing, and the next one begins the file anew."""
        size = self.size()
        chunk = (
            os.pread(self.fd, min(size - self.offset, bytes_max), self.offset) if size > self.offset else b""
        )
        if self.offset == 0 and b"\n" not in chunk:
            return b""
        self.offset += len(chunk)
        return chunk

    def _long_line(self, size: int, scanned: int) -> bytes:
        """The first line, however long, once its newline is there. What was scanned is not scanned again."""
        position = max(self.scanned, scanned)
        while position < size:
            part = os.pread(self.fd, min(1 << 20, size - position), position)
            newline = part.find(b"\n")
            if newline >= 0:
                return os.pread(self.fd, position + newline + 1 - self.offset, self.offset)
            if not part:
                break
            position += len(part)
        self.scanned = position
        return b""


class Follower:
    """Follows the spools of many attempts under one `runs` directory. Not for several threads at once.

    One `fstat` for each spool and poll, and one read for each that has grown; descriptors stay open.
    """

    def __init__(self, runs: Path, attempt_bytes_max: int = ATTEMPT_BYTES_MAX) -> None:
        self._runs = runs
        self._attempt_bytes_max = attempt_bytes_max
        self._followed: dict[str, Followed] = {}

    def __enter__(self) -> Follower:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def watch(self, attempt: str, offset: int = 0) -> None:
        """Follow from this byte on; the spool need not exist yet. Watching again starts anew."""
        self.forget(attempt)
        self._followed[attempt] = Followed(str(self._runs / attempt / "spool"), offset)

    def forget(self, attempt: str) -> None:
        followed = self._followed.pop(attempt, None)
        if followed is not None:
            followed.close()

    def poll(self) -> list[Batch]:
        """What was added since the last poll: at most `attempt_bytes_max` bytes, or one line, an attempt."""
        batches = []
        for attempt, followed in list(self._followed.items()):
            start = followed.offset
            try:
                chunk = followed.take(self._attempt_bytes_max)
            except (SpoolReplaced, OSError) as error:
                self.forget(attempt)
                batches.append(Batch(attempt, start, start, (), error))
                continue
            if chunk:
                batches.append(Batch(attempt, start, followed.offset, parse_lines(chunk)))
        return batches

    def close(self) -> None:
        for attempt in list(self._followed):
            self.forget(attempt)
