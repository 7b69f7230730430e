"""A session's history on disk: find it, and carry it from one account's directory to another's.

A history is `projects/<where it ran>/<session id>.jsonl` and, beside it, a directory of that name with what
subagents said and tools returned. Nothing else is ever copied: credentials and settings stay where they are.
See docs/client-facts.md, "sessions".
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Literal
from uuid import UUID

from workers.histories import FILES_MAX, Histories, Parts
from workers.plain_files import folders, read_plain


@dataclass(frozen=True, slots=True)
class Carried:
    """The session can be resumed from `path`, the transcript at the destination.

    `how`: `copied`; `current` (the destination already had all of it); `kept` (the destination had gone on
    further, and its history was left as it is). `set_aside` is where another history of that session went
    that was in the way.
    """

    path: Path
    how: Literal["copied", "current", "kept"]
    set_aside: Path | None = None


@dataclass(frozen=True, slots=True)
class Missing:
    """There is no history to carry; `reason` says where was looked."""

    reason: str


_SLUG_UNITS = 200
_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"


def slug(cwd: str) -> str:
    """The name of the directory in which a client that runs in `cwd`, an absolute path without links, keeps its
    sessions."""
    coded = cwd.encode("utf-16-be", "surrogatepass")
    units = [chr(high << 8 | low) for high, low in zip(coded[::2], coded[1::2], strict=True)]
    plain = "".join(unit if unit.isascii() and unit.isalnum() else "-" for unit in units)
    return plain if len(units) <= _SLUG_UNITS else f"{plain[:_SLUG_UNITS]}-{_hashed(units)}"


def _hashed(units: list[str]) -> str:
    """A hash as Java has it of strings, without its sign, in base 36."""
    number = 0
    for unit in units:
        number = (31 * number + ord(unit)) % 2**32
    number = min(number, 2**32 - number)
    digits = ""
    while number or not digits:
        number, digit = divmod(number, len(_DIGITS))
        digits = _DIGITS[digit] + digits
    return digits


def find_transcript(config_dir: Path, session_id: str) -> Path | None:
    """The session's transcript below this account's directory, the latest if it ran in several places.

    Raises:
        ValueError: `session_id` is not a UUID.
    """
    name = f"{UUID(session_id)}.jsonl"
    found = [path for path in (config_dir / "projects").glob(f"*/{name}") if _is_own(path)]
    return max(found, key=lambda path: (path.stat().st_mtime_ns, str(path)), default=None)


def _is_own(transcript: Path) -> bool:
    """A client makes no links: one leads to what is no history of this account."""
    return transcript.is_file() and not transcript.is_symlink() and not transcript.parent.is_symlink()


def carry(session_id: str, from_dir: Path, to_dir: Path) -> Carried | Missing:
    """Bring the session's history from one account's directory into another's. The source is left as it is.

    The client that wrote it must have ended. Idempotent, and safe to be killed in: the transcript appears
    whole and last. If both hold a history, the one that goes on further wins, and the other is set aside next
    to it, never deleted.

    Raises:
        ValueError: `session_id` is not a UUID.
        OSError: the disk is full, or a directory cannot be read or written; the destination's history is as
            it was.
    """
    source = find_transcript(from_dir, session_id)
    whole = whole_lines(source) if source else b""
    if source is None or not whole:
        return _missing(session_id, from_dir, source)
    target = to_dir / "projects" / source.parent.name / source.name
    there = find_transcript(to_dir, session_id)
    if source == there or (target.exists() and target.samefile(source)):
        return Carried(source, "current")
    # It may have run elsewhere under that account: one session has one history, and it is judged by content.
    place = (source.parent if there is None else there.parent).name
    return _settle(source, whole, Histories(to_dir / "projects"), (place, source.name))


def _settle(source: Path, whole: bytes, into: Histories, place: Parts) -> Carried:
    target = into.path(place)
    here = only_whole_lines(into.read(place) or b"")
    if here.startswith(whole):
        _copy_side(source, into, place)
        return Carried(target, "current" if here == whole else "kept")
    set_aside = None
    if here and not whole.startswith(here):
        if _newer(target, here, source, whole):
            set_aside = _write_aside(into, place, whole)
            _copy_side(source, into, place)
            return Carried(target, "kept", set_aside)
        set_aside = _write_aside(into, place, here)
    _copy_side(source, into, place)
    into.write(place, whole)
    into.stamp(place, source.stat().st_mtime_ns)
    return Carried(target, "copied", set_aside)


def _newer(target: Path, here: bytes, source: Path, whole: bytes) -> bool:
    """Whether the destination's history, which has parted from the source's, was written last."""
    return (target.stat().st_mtime_ns, len(here)) > (source.stat().st_mtime_ns, len(whole))


def _missing(session_id: str, from_dir: Path, source: Path | None) -> Missing:
    if source is not None:
        return Missing(f"the history of session {session_id} at {source} holds no whole line")
    return Missing(f"there is no history of session {session_id} below {from_dir / 'projects'}")


def whole_lines(path: Path) -> bytes:
    """The file up to its last line end: a client that was killed may have left half a line, which none could
    read.
    """
    return only_whole_lines(read_plain(path))


def only_whole_lines(data: bytes) -> bytes:
    return data[: data.rfind(b"\n") + 1]


def _copy_side(source: Path, into: Histories, place: Parts) -> None:
    """Copy the session's side directory, file by file. The files are named by unique ids, so what is there
    already stays.
    """
    side = source.with_suffix("")
    if not side.is_dir():
        return
    for path in sorted(Path(one.path) for _, names in folders(side, FILES_MAX) for one in names):
        if path.is_symlink() or not path.is_file():
            continue
        copy = (place[0], side.name, *path.relative_to(side).parts)
        data, there = read_plain(path), into.read(copy)
        if there is None or len(there) < len(data):
            into.write(copy, data)


def _write_aside(into: Histories, place: Parts, data: bytes) -> Path:
    """Keep a history that lost, under a name that the client does not look for; the same one is kept once."""
    stem = place[1].removesuffix(".jsonl")
    aside = (place[0], f"{stem}.{hashlib.sha256(data).hexdigest()[:12]}.aside")
    if not into.path(aside).exists():
        into.write(aside, data)
    return into.path(aside)
