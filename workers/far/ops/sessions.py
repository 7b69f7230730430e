"""The client's histories of sessions in this host's account directories, as `workers.client.session` has them at home.
Travels.

Paths are relative to `projects/` of the account's directory, as `workers.histories` has them.
"""

from __future__ import annotations

import hashlib
import os
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

from workers.far.ops import Answer, Args, Here, Op
from workers.histories import ForeignPath, Histories, Parts, check_extent, parts_of

READ_BYTES_MAX = 32 * 1024 * 1024


def session_have(here: Here, args: Args, _: bytes) -> Answer:
    """{account, session_id} → {files: {path: [size, sha256 of that, seconds since it was written]}}; of a
    transcript only whole lines count. Raises TooMuch."""
    projects, session_id = _projects(here, args), args["session_id"]
    found = {name: _measured(projects / name) for name in _files(projects, session_id)}
    check_extent(session_id, (size for size, _, _ in found.values()))
    return Answer({"files": found})


def session_read(here: Here, args: Args, _: bytes) -> Answer:
    """{account, session_id, files: {path: offset}} → {parts: [{path, offset, length}]} and their bytes, one after
    another. At most `READ_BYTES_MAX` of them: ask again for what is missing."""
    projects, wanted = _projects(here, args), args["files"]
    parts, pieces, room = [], [], READ_BYTES_MAX
    for name in _files(projects, args["session_id"]):
        if name not in wanted or not room:
            continue
        piece = _read(projects / name, wanted[name], room)
        parts.append({"path": name, "offset": wanted[name], "length": len(piece)})
        pieces.append(piece)
        room -= len(piece)
    return Answer({"parts": parts}, b"".join(pieces))


def session_write(here: Here, args: Args, blob: bytes) -> Answer:
    """{account, session_id, files: [{path, offset, length}]} and their bytes, one after another → {}. From offset 0 a
    file is written whole; from another one a file of that very size is extended. Raises ValueError for one that
    isn't, ForeignPath, OSError."""
    histories, position = Histories(_projects(here, args)), 0
    for part in args["files"]:
        piece = blob[position : position + part["length"]]
        position += part["length"]
        _write(histories, parts_of(args["session_id"], part["path"]), part["offset"], piece)
    return Answer({})


def _projects(here: Here, args: Args) -> Path:
    return here.directory.account(args["account"]) / "projects"


def _files(projects: Path, session_id: str) -> Iterator[str]:
    """Side files first: a transcript must never be there without them. What home would take for no file of the session
    is left out."""
    name = str(uuid.UUID(session_id))
    transcripts = sorted(path for path in projects.glob(f"*/{name}.jsonl") if _is_ours(projects, path, name))
    for transcript in transcripts:
        side = sorted(transcript.with_suffix("").rglob("*"))
        yield from (str(path.relative_to(projects)) for path in side if _is_ours(projects, path, name))
    yield from (str(path.relative_to(projects)) for path in transcripts)


def _is_ours(projects: Path, path: Path, session_id: str) -> bool:
    try:
        parts_of(session_id, str(path.relative_to(projects)))
    except ForeignPath:
        return False
    return path.is_file() and not path.is_symlink()


def _whole_size(path: Path) -> int:
    """The file's size, of a transcript up to its last line end: its client may be writing."""
    with path.open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        if path.suffix != ".jsonl":
            return size
        position = size
        while position:
            begin = max(0, position - 65536)
            file.seek(begin)
            newline = file.read(position - begin).rfind(b"\n")
            if newline >= 0:
                return begin + newline + 1
            position = begin
        return 0


def _measured(path: Path) -> tuple[int, str, float]:
    size, digest = _whole_size(path), hashlib.sha256()
    with path.open("rb") as file:
        left = size
        while left:
            piece = file.read(min(left, 1 << 20))
            if not piece:
                break
            digest.update(piece)
            left -= len(piece)
    return size, digest.hexdigest(), time.time() - path.stat().st_mtime


def _read(path: Path, offset: int, most: int) -> bytes:
    length = min(_whole_size(path) - offset, most)
    with path.open("rb") as file:
        file.seek(offset)
        return file.read(length) if length > 0 else b""


def _write(histories: Histories, parts: Parts, offset: int, piece: bytes) -> None:
    """As a whole file that takes the place of the one before."""
    before = b""
    if offset:
        before = histories.read(parts) or b""
        if len(before) != offset:
            raise ValueError(f"{parts[-1]} has {len(before)} bytes here, not {offset}: send it whole")
    histories.write(parts, before + piece)


OPS: dict[str, Op] = {
    "session_have": session_have,
    "session_read": session_read,
    "session_write": session_write,
}
