"""SQLite's errors as sentences for the person who reads them (https://sqlite.org/rescode.html)."""

from __future__ import annotations

import sqlite3

_DAMAGE = ("SQLITE_CORRUPT", "SQLITE_NOTADB", "SQLITE_FORMAT", "SQLITE_CONSTRAINT", "SQLITE_MISMATCH")
"""The last two: rows that contradict each other."""

_UNCODED = ("no such ", "unsupported file format", "Could not decode to UTF-8")
"""So begins what has no such code: a schema or a format that is not ours any more, and a text that is none."""

_ADVICE = {
    "SQLITE_FULL": "the disk is full: free some space, then try again",
    "SQLITE_IOERR": "the disk gave an error: look whether it is full or failing (`df`, `dmesg`), then try again",
    "SQLITE_READONLY": "it may not be written: look at the file's and its directory's permissions and owner",
    "SQLITE_CANTOPEN": "it cannot be opened: look whether its directory exists and may be written",
    "SQLITE_BUSY": "another program holds it locked: end that program, then try again",
    "SQLITE_LOCKED": "another program holds it locked: end that program, then try again",
    "SQLITE_PERM": "it may not be accessed: look at the file's permissions and owner",
}


def is_damage(error: sqlite3.Error) -> bool:
    """Whether the file itself is no sound database."""
    return _primary(error) in _DAMAGE or str(error).startswith(_UNCODED)


def why(path: object, what: str, error: sqlite3.Error) -> str:
    """What could not be done with the database, why, and what to do now."""
    advice = _ADVICE.get(_primary(error), "see https://sqlite.org/rescode.html")
    return f"could not {what} {path} ({error}): {advice}"


def _primary(error: sqlite3.Error) -> str:
    """The primary result code: SQLITE_IOERR of SQLITE_IOERR_WRITE. Empty for an error of Python's own."""
    return "_".join(getattr(error, "sqlite_errorname", "").split("_")[:2])
