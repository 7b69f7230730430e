"""Where a database lies that is open: whether it is still there, and how it comes back."""

from __future__ import annotations

import os
from pathlib import Path

from fleet.ports import StoreFailed


class Place:
    """Of one file, known by its number on its disk."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._noted = _number(path)

    def note(self) -> None:
        """The file that lies there now is the one."""
        self._noted = _number(self._path)

    def is_as_noted(self) -> bool:
        """False where nothing lies there. Raises StoreFailed where something else does."""
        there = _number(self._path)
        if there is not None and there != self._noted:
            raise StoreFailed(
                f"another file lies at {self._path} than the one that this coordinator has open, and nothing is "
                "written: move it away, and what is open is put back; or, if that one is to count, end this "
                f"coordinator: kill -9 {os.getpid()}"
            )
        return there is not None

    def draft(self) -> Path:
        """Where a copy may be made, on the same disk. Raises OSError."""
        draft = self._path.with_name(f"{self._path.name}-draft")
        draft.unlink(missing_ok=True)
        return draft

    def lay_draft(self) -> None:
        """Puts the copy in its place. What the old file's log has is in there, and must not be read into it again.
        Raises OSError."""
        draft = self._path.with_name(f"{self._path.name}-draft")
        draft.chmod(0o600)
        with draft.open("rb") as file:
            os.fsync(file.fileno())
        for end in ("-wal", "-shm"):
            self._path.with_name(f"{self._path.name}{end}").unlink(missing_ok=True)
        draft.rename(self._path)
        self.note()


def _number(path: Path) -> tuple[int, int] | None:
    try:
        found = path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return None
    return found.st_dev, found.st_ino
