"""Sessions to and fro: what a client on a host has said comes home, and what home has goes there before a resume.

Home has every session's history; a host's is a copy that runs ahead of it. Of two that have parted none is lost: the
rules are those of `workers.client.session`.
"""

from __future__ import annotations

import errno
import hashlib
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from workers.client.session import (
    Carried,
    Missing,
    carry,
    find_transcript,
    only_whole_lines,
    slug,
    whole_lines,
)
from workers.far.ops.sessions import READ_BYTES_MAX
from workers.histories import Histories, Parts, check_extent, parts_of
from workers.remote.disk_space import check_room
from workers.remote.transport import Far

PIECE_BYTES = 32 * 1024 * 1024
PARTED_MAX = 20
"""So often may a host's history of a session part from home's: each time one of the two is set aside."""
_TIMEOUT_S = 600.0


@dataclass(frozen=True)
class Laid:
    """The session can be resumed on the host. `moved`: it began in another directory, so that its client has to be told
    (`Launch.moved`)."""

    how: Literal["copied", "current"]
    moved: bool


def pull(far: Far, account: str, session_id: str, config_dir: Path) -> Carried | Missing:
    """Bring home what the host has of the session and `config_dir`, the account's directory here, lacks.

    Raises ValueError for what is no session's id, HostAway, OSError.
    """
    return bring(look(far, account, session_id), config_dir)


def look(far: Far, account: str, session_id: str) -> There:
    """What the host has of the session now, to be brought home later. Raises as `pull`."""
    return There(far, account, session_id)


def bring(there: There, config_dir: Path) -> Carried | Missing:
    """Bring home what was there when it was looked at.

    Meanwhile the client may write on: then only what was whole by then comes. Usually that is appended to what is here.
    Raises as `pull`.
    """
    if there.transcript is None or not there.files[there.transcript].size:
        return Missing(f"host {there.host} has no history of session {there.session_id} for {there.account}")
    histories = Histories(config_dir / "projects")
    known = find_transcript(config_dir, there.session_id)
    place = (known.parent.name, known.name) if known else parts_of(there.session_id, there.transcript)
    config_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    _bring_side(there, histories, place)
    return _bring_transcript(there, there.files[there.transcript], histories, place)


def push(far: Far, account: str, session_id: str, config_dir: Path, cwd: str) -> Laid | Missing:
    """Bring the session's history to the host, for a client that will run in `cwd` there.

    What only the host has comes home first. No client may run the session. Raises as `pull`.
    """
    source = find_transcript(config_dir, session_id)
    whole = whole_lines(source) if source else b""
    if source is None or not whole:
        return Missing(f"there is no history of session {session_id} below {config_dir / 'projects'}")
    there = There(far, account, session_id)
    if not there.copy.is_prefix_of(whole):
        pull(far, account, session_id, config_dir)
        whole = whole_lines(source)
    place = there.transcript or f"{slug(cwd)}/{source.name}"
    there.add(dict(_side_files(source, place.removesuffix(".jsonl"))))
    sent = there.settle(place, whole)
    return Laid("copied" if sent else "current", source.parent.name != slug(cwd))


@dataclass(frozen=True)
class _Copy:
    """A file on the host: of a transcript, its whole lines. `age_s` is how long ago it was written."""

    size: int
    digest: str
    age_s: float

    def is_prefix_of(self, data: bytes) -> bool:
        return self.size <= len(data) and _digest(data[: self.size]) == self.digest


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


_NOTHING = _Copy(0, _digest(b""), 0.0)


class There:
    """What a host has of one session. Paths are below `projects/` of the account's directory."""

    def __init__(self, far: Far, account: str, session_id: str) -> None:
        self.host, self.account, self.session_id = far.name, account, session_id
        self._far = far
        self._asked = {"account": account, "session_id": session_id}
        have = far.call("session_have", self._asked, timeout_s=_TIMEOUT_S).values["files"]
        self.files = {path: _Copy(*about) for path, about in have.items()}
        transcripts = [path for path in self.files if path.count("/") == 1]
        self.transcript = min(transcripts, key=lambda path: self.files[path].age_s, default=None)

    @property
    def copy(self) -> _Copy:
        """The transcript, one of no bytes when there is none."""
        return self.files[self.transcript] if self.transcript else _NOTHING

    def read(self, offsets: Mapping[str, int]) -> dict[str, bytes]:
        """The rest of each file from its offset, up to what was there when we looked."""
        got = dict.fromkeys(offsets, b"")
        missing = dict(offsets)
        left = sum(self.files[path].size - offset for path, offset in offsets.items())
        for _ in range(left // READ_BYTES_MAX + 2):  # each answer but the last is full
            if not missing:
                break
            answer = self._far.call("session_read", {**self._asked, "files": missing}, timeout_s=_TIMEOUT_S)
            position = 0
            for part in answer.values["parts"]:
                got[part["path"]] += answer.blob[position : position + part["length"]]
                position += part["length"]
            if not position:
                break
            ends = {path: offsets[path] + len(got[path]) for path in missing}
            missing = {path: end for path, end in ends.items() if end < self.files[path].size}
        return {path: data[: self.files[path].size - offsets[path]] for path, data in got.items()}

    def add(self, files: Mapping[str, Path]) -> None:
        """Write those that are not there, or shorter: they only grow, and are named by unique ids."""
        short = [(path, file) for path, file in files.items() if self._size(path) < file.stat().st_size]
        self._write((path, 0, file.read_bytes()) for path, file in short)

    def settle(self, path: str, data: bytes) -> bool:
        """Give the transcript this content, by its missing end alone where it can be; whether anything was sent."""
        copy = self.files.get(path, _NOTHING)
        if copy.size == len(data) and copy.digest == _digest(data):
            return False
        offset = copy.size if copy.is_prefix_of(data) else 0
        try:
            self._write([(path, offset, data[offset:])])
        except ValueError:
            # Beyond its last line end it has half a line, which none could read.
            self._write([(path, 0, data)])
        return True

    def _size(self, path: str) -> int:
        return self.files[path].size if path in self.files else -1

    def _write(self, files: Iterable[tuple[str, int, bytes]]) -> None:
        for batch in _batches(files):
            parts = [{"path": path, "offset": offset, "length": len(data)} for path, offset, data in batch]
            blob = b"".join(data for _, _, data in batch)
            self._far.call("session_write", {**self._asked, "files": parts}, blob, timeout_s=_TIMEOUT_S)


def _batches(files: Iterable[tuple[str, int, bytes]]) -> Iterator[list[tuple[str, int, bytes]]]:
    """All of it in the same order, no more than `PIECE_BYTES` at a time."""
    batch: list[tuple[str, int, bytes]] = []
    room = PIECE_BYTES
    for path, offset, data in files:
        begin = 0
        while True:
            piece = data[begin : begin + room]
            batch.append((path, offset + begin, piece))
            begin, room = begin + len(piece), room - len(piece)
            if not room:
                yield batch
                batch, room = [], PIECE_BYTES
            if begin >= len(data):
                break
    if batch:
        yield batch


def _bring_side(there: There, histories: Histories, place: Parts) -> None:
    """The session's other files, which only grow, and are named by unique ids. Raises TooMuch when there are too many
    with those that are here."""
    assert there.transcript is not None
    session_id = there.session_id
    above = there.transcript.removesuffix(".jsonl") + "/"
    places = {
        path: (place[0], session_id, *parts_of(session_id, path)[2:])
        for path in there.files
        if path.startswith(above)
    }
    here = {path: histories.read(parts) or b"" for path, parts in places.items()}
    grown = {path: len(data) for path, data in here.items() if len(data) < there.files[path].size}
    new = [there.files[path].size - offset for path, offset in grown.items()]
    check_extent(session_id, (*histories.sizes((place[0], session_id)), *new))
    check_room(histories.projects.parent, sum(new))
    for path, end in there.read(grown).items():
        data = here[path] + end
        if _digest(data) != there.files[path].digest:
            data = there.read({path: 0})[path]
        histories.write(places[path], data)


def _bring_transcript(there: There, copy: _Copy, histories: Histories, place: Parts) -> Carried:
    assert there.transcript is not None
    here, target = only_whole_lines(histories.read(place) or b""), histories.path(place)
    check_room(histories.projects.parent, copy.size)
    if copy.is_prefix_of(here):
        return Carried(target, "current" if copy.size == len(here) else "kept")
    if copy.size > len(here):
        end = there.read({there.transcript: len(here)})[there.transcript]
        if _digest(here + end) == copy.digest:
            if not here or not histories.extend(place, len(here), end):
                histories.write(place, here + end)
            return Carried(target, "copied")
    return _settle(there, copy, histories, place)


def _settle(there: There, copy: _Copy, histories: Histories, place: Parts) -> Carried:
    """The two histories have parted: judge as between two accounts here. By age: the host's clock may be wrong."""
    assert there.transcript is not None
    asides = histories.path(place).parent.glob(f"{there.session_id}.*.aside")
    if sum(1 for _ in asides) >= PARTED_MAX:
        story = f"the history of session {there.session_id} has parted {PARTED_MAX} times from that on {there.host}"
        raise OSError(errno.EDQUOT, story)
    config_dir = histories.projects.parent
    with tempfile.TemporaryDirectory(prefix=".fleet-", dir=config_dir) as staged:
        stage, staged_place = (
            Histories(Path(staged) / "projects"),
            parts_of(there.session_id, there.transcript),
        )
        stage.write(staged_place, there.read({there.transcript: 0})[there.transcript])
        written_at = min(max(time.time() - copy.age_s, 0.0), time.time())
        stage.stamp(staged_place, int(written_at * 1e9))
        carried = carry(there.session_id, Path(staged), config_dir)
    assert isinstance(carried, Carried)
    return carried


def _side_files(source: Path, above: str) -> Iterator[tuple[str, Path]]:
    """By their paths on the host, below `above`."""
    side = source.with_suffix("")
    for path in sorted(side.rglob("*")) if side.is_dir() else ():
        if path.is_file() and not path.is_symlink():
            yield f"{above}/{path.relative_to(side).as_posix()}", path
