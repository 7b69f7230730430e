"""Reading one transcript from a byte on, in blocks, so that memory does not grow with the file.

A line counts once its newline is there. A last line without one is taken in when it is whole JSON, and waits when it is
not; in both cases the next reading begins with it.
"""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import dataclass, replace
from hashlib import blake2b
from itertools import accumulate

from fleet.history.transcripts.answers import Answers, Place, Prices, milliseconds
from fleet.history.transcripts.limits import Reading, readings_of
from fleet.history.transcripts.records import ANSWERS, SYNTHETIC, Broken, record_of, records_within

BLOCK_BYTES = 1 << 20
BROKEN_KEPT = 5
"""So many broken lines of a file are told of one by one."""

PRINT_BYTES = 512
"""The fingerprint is made of so many bytes at the beginning and before the end of what was read."""

EXCERPT_BYTES = 60

MARK = b'"output_tokens"'
"""Stands in every line that tells of usage: all others are skipped."""

LIMIT_MARK = b'"quotaLimits"'
FIRST_YEAR, LAST_YEAR = 1970, 2099
"""What is dated outside of them was dated by a broken clock: no report could place it."""

LINE_BYTES_MAX = 256 << 20
"""A longer line is skipped: it would have to be in memory as a whole, twice."""

BOM = b"\xef\xbb\xbf"


@dataclass(frozen=True, slots=True)
class Todo:
    """A file; one that grew is read from `read_to` on, if what is before it still has this fingerprint."""

    path: str
    config_dir: str
    session: str
    agent: str
    project: str
    read_to: int = 0
    open: str = ""
    print: str = ""


@dataclass(frozen=True, slots=True)
class BrokenLine:
    """`offset` is the byte of the file where the line begins."""

    path: str
    offset: int
    why: str


@dataclass(frozen=True, slots=True)
class FileRead:
    """What one reading of a file has found. `rows` are packed as `answers.ROW`; `bytes` and `lines` are new ones."""

    todo: Todo
    rows: bytes
    places: tuple[Place, ...]
    models: tuple[str, ...]
    readings: tuple[Reading, ...]
    read_to: int
    open: str
    print: str
    bytes: int
    lines: int
    broken: int
    broken_lines: tuple[BrokenLine, ...]
    device: int
    inode: int
    size: int
    mtime_ns: int


def read(todo: Todo, prices: Prices) -> FileRead:
    """Raises OSError when the file cannot be read."""
    with open(todo.path, "rb", buffering=0) as file:  # noqa: PTH123 two thousand times
        if todo.read_to and fingerprint(file.fileno(), todo.read_to) != todo.print:
            todo = replace(todo, read_to=0, open="")
        reader = _Reader(todo, file.fileno())
        reader.run()
        return reader.told(prices)


def fingerprint(descriptor: int, read_to: int) -> str:
    """Of the bytes before `read_to`: another file, or one that was written anew, has another."""
    head = os.pread(descriptor, min(PRINT_BYTES, read_to), 0)
    tail_at = max(0, read_to - PRINT_BYTES)
    tail = os.pread(descriptor, read_to - tail_at, tail_at)
    return blake2b(head + tail, digest_size=16).hexdigest()


class _Reader:
    def __init__(self, todo: Todo, descriptor: int) -> None:
        self.todo = todo
        self.descriptor = descriptor
        self.status = os.fstat(descriptor)
        self.answers = Answers(todo.config_dir, todo.session, todo.agent, todo.project, todo.open)
        self.readings: list[Reading] = []
        self.read_to = todo.read_to
        self.open = todo.open
        self.bytes = self.lines = self.broken = 0
        self.broken_lines: list[BrokenLine] = []

    def run(self) -> None:
        room = BLOCK_BYTES
        while block := os.pread(self.descriptor, room, self.read_to):
            end = block.rfind(b"\n") + 1
            if end:
                self._block(block[:end] if end < len(block) else block)
                self.read_to += end
                room = BLOCK_BYTES
            elif len(block) < room:
                break
            elif room < LINE_BYTES_MAX:
                room *= 2
            elif not self._skip_line():
                block = b""
                break
            else:
                room = BLOCK_BYTES
        self.open = self.answers.open()
        if block:
            self._last_line(block)

    def _skip_line(self) -> bool:
        """Goes on behind a line that is too long; False when it has not ended yet."""
        at = self.read_to
        while block := os.pread(self.descriptor, BLOCK_BYTES, at):
            end = block.find(b"\n") + 1
            if end:
                self._break(self.read_to, f"a line of {at + end - self.read_to:,} bytes")
                self.lines += 1
                self.bytes += at + end - self.read_to
                self.read_to = at + end
                return True
            at += len(block)
        return False

    def _block(self, block: bytes) -> None:
        lines = block.split(b"\n")
        lines.pop()
        ends = list(accumulate(map(len, lines)))
        self._count(block, lines, ends)
        marked = [n for n, line in enumerate(lines) if MARK in line]
        if LIMIT_MARK in block:
            marked = sorted({*marked, *(n for n, line in enumerate(lines) if LIMIT_MARK in line)})
        for n in marked:
            line = lines[n]
            try:
                self._line(line)
            except Broken as error:
                self._break(self.read_to + ends[n] - len(line) + n, f"{error}{self._behind_the_tear(line)}")

    def _behind_the_tear(self, line: bytes) -> str:
        """Takes the whole records of a broken line; in words, how many they were."""
        found = 0
        for record in records_within(line):
            with suppress(Broken):
                self._line(record)
                found += 1
        return f" (whole records in it, which count: {found})" if found else ""

    def _count(self, block: bytes, lines: list[bytes], ends: list[int]) -> None:
        """Finds the lines that are no JSON at first sight, too."""
        self.lines += len(lines)
        self.bytes += len(block)
        for n, line in enumerate(lines):
            if line[:1] != b"{" or line[-1:] != b"}":
                self._odd(line, self.read_to + ends[n] - len(line) + n)

    def _odd(self, line: bytes, offset: int) -> None:
        """White space, a byte order mark and empty lines are harmless. Marked lines are told of when they are read."""
        bare = line.strip().removeprefix(BOM)
        if bare and not (bare[:1] == b"{" and bare[-1:] == b"}") and MARK not in line:
            self._break(offset, f"not a JSON object: {_excerpt(bare)}")

    def _line(self, line: bytes) -> None:
        """Raises Broken."""
        record = record_of(line.removeprefix(BOM))
        if record is None or (message := record.message) is None or record.type not in ANSWERS:
            return
        made_up, usage, at = (
            record.isApiErrorMessage or message.model == SYNTHETIC,
            message.usage,
            record.timestamp,
        )
        dated = at is not None and FIRST_YEAR <= at.year <= LAST_YEAR
        if made_up and record.quotaLimits is not None and at is not None and dated:
            self.readings += readings_of(record.quotaLimits, milliseconds(at))
        if made_up or usage is None:
            return
        if at is None or not dated:
            raise Broken(f"an answer of what time? {at}")
        self.answers.take((record, message, usage, at))

    def _last_line(self, line: bytes) -> None:
        """One without newline: only whole answers are taken, all else may still be being written."""
        try:
            if MARK in line or LIMIT_MARK in line:
                self._line(line)
        except Broken:
            return

    def _break(self, offset: int, why: str) -> None:
        self.broken += 1
        if len(self.broken_lines) < BROKEN_KEPT:
            self.broken_lines.append(BrokenLine(self.todo.path, offset, why))

    def told(self, prices: Prices) -> FileRead:
        rows = b"".join(self.answers.rows(prices))
        return FileRead(
            todo=self.todo,
            rows=rows,
            places=tuple(self.answers.places),
            models=tuple(self.answers.models),
            readings=tuple(self.readings),
            read_to=self.read_to,
            open=self.open,
            print=fingerprint(self.descriptor, self.read_to),
            bytes=self.bytes,
            lines=self.lines,
            broken=self.broken,
            broken_lines=tuple(sorted(self.broken_lines, key=lambda line: line.offset)),
            device=self.status.st_dev,
            inode=self.status.st_ino,
            size=self.status.st_size,
            mtime_ns=self.status.st_mtime_ns,
        )


def _excerpt(line: bytes) -> str:
    """The beginning of a line, safe to show."""
    text = ascii(line[:EXCERPT_BYTES].decode(errors="replace"))
    return f"{text} …" if len(line) > EXCERPT_BYTES else text
