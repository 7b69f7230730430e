"""Names of files as SQLite can keep them: a name is bytes, and not always UTF-8."""

from __future__ import annotations

import os


def kept(path: str) -> str | bytes:
    """What the ledger keeps of a path: its text, or its bytes where they are no text."""
    try:
        path.encode()
    except UnicodeEncodeError:
        return os.fsencode(path)
    return path


def path_of(kept: str | bytes) -> str:
    """The path that was kept so."""
    return os.fsdecode(kept)


def storable(text: str) -> str:
    """A text in whose place nothing has to be found again. JSON and names of files may hold lone surrogates, SQLite may
    not: they become their escapes, so that two names stay two."""
    return text.encode(errors="backslashreplace").decode()
