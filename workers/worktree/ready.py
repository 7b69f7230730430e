"""The record of a worktree that was made ready, kept in git's own directory for it, so that it goes when that
goes."""

from __future__ import annotations

import os
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

_FILE = "fleet-ready.json"


class Ready(BaseModel):
    """Written last: a worktree without this record was not finished. `branch` is None in a landing worktree."""

    model_config = ConfigDict(frozen=True)

    branch: str | None
    base_commit: str
    setup_output: str = ""


def read_ready(admin: Path) -> Ready | None:
    """The record, None when there is none (or it was cut short: then the worktree counts as not finished)."""
    try:
        return Ready.model_validate_json((admin / _FILE).read_bytes())
    except (FileNotFoundError, ValidationError):
        return None


def write_ready(admin: Path, ready: Ready) -> None:
    """Write the record whole or not at all. Raises OSError."""
    draft = admin / f"{_FILE}.tmp"
    with draft.open("w") as file:
        file.write(ready.model_dump_json())
        file.flush()
        os.fsync(file.fileno())
    draft.replace(admin / _FILE)
