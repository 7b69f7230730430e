"""What Fleet notes in git's own directory of a worktree, so that it goes when that goes. Travels.

A worker writes there, too: what it has laid in the way is replaced, and no link of its is followed.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

PICTURE = "fleet-picture.json"
READY = "fleet-ready.json"
SEEDS = "fleet-seeds.tar"
REMOVING = "fleet-removing"
KEPT_BESIDE = "fleet-kept-beside"
BEFORE_WORK = (PICTURE, READY, SEEDS)
"""Written before a worker begins, and not by it."""


def write_note(admin: Path, name: str, content: bytes, *, durable: bool = False) -> None:
    """Whole or not at all; `durable`: on the disk before it counts. Raises OSError."""
    descriptor, draft = tempfile.mkstemp(dir=admin, prefix=f"{name}.")
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            if durable:
                file.flush()
                os.fsync(file.fileno())
        Path(draft).replace(admin / name)
    except BaseException:
        Path(draft).unlink(missing_ok=True)
        raise
