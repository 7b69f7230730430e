"""The client's histories of sessions in this host's account directories, as `workers.client.session` has them at home.
Travels.

Paths are relative to `projects/` of the account's directory: `<where it ran>/<session id>.jsonl`, and what lies in the
directory of that name beside it.
"""

from __future__ import annotations

import hashlib
import os
import time
import uuid
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from workers.far.ops import Answer, Args, Here, Op

READ_BYTES_MAX = 32 * 1024 * 1024


def session_have(here: Here, args: Args, _: bytes) -> Answer:
    """{account, session_id} → {files: {path: [size, sha256 of that, seconds since it was written]}}; of a
    transcript only whole lines count."""
    projects = _projects(here, args)
    return Answer(
        {"files": {name: _measured(projects / name) for name in _files(projects, args["session_id"])}}
    )


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
    """{account, files: [{path, offset, length}]} and their bytes, one after another → {}. From offset 0 a file is
    written whole; from another one a file of that very size is extended. Raises ValueError for one that isn't."""
    projects, position = _projects(here, args), 0
    for part in args["files"]:
        piece = blob[position : position + part["length"]]
        position += part["length"]
        _write(_inside(projects, part["path"]), part["offset"], piece)
    return Answer({})


def _projects(here: Here, args: Args) -> Path:
    return here.directory.account(args["account"]) / "projects"


def _files(projects: Path, session_id: str) -> Iterator[str]:
    """Side files first: a transcript must never be there without them."""
    name = str(uuid.UUID(session_id))
    transcripts = sorted(path for path in projects.glob(f"*/{name}.jsonl") if path.is_file())
    for transcript in transcripts:
        side = sorted(transcript.with_suffix("").rglob("*"))
        yield from (
            str(path.relative_to(projects)) for path in side if path.is_file() and not path.is_symlink()
        )
    yield from (str(path.relative_to(projects)) for path in transcripts)


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


def _inside(projects: Path, name: str) -> Path:
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or len(path.parts) < 2:
        raise ValueError(f"{name!r} is no file of a session's history")
    return projects / path


def _write(path: Path, offset: int, piece: bytes) -> None:
    """As a whole file that takes the place of the one before."""
    before = b""
    if offset:
        before = path.read_bytes() if path.exists() else b""
        if len(before) != offset:
            raise ValueError(f"{path.name} has {len(before)} bytes here, not {offset}: send it whole")
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{uuid.uuid4().hex}")
    try:
        draft.touch(0o600, exist_ok=False)
        with draft.open("wb") as file:
            file.write(before + piece)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)


OPS: dict[str, Op] = {
    "session_have": session_have,
    "session_read": session_read,
    "session_write": session_write,
}
