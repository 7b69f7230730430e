"""The named statements of `writing.sql`."""

from __future__ import annotations

from functools import cache
from pathlib import Path


@cache
def statements() -> dict[str, str]:
    """Each under the name on the `-- name:` line before it."""
    parts = Path(__file__).with_name("writing.sql").read_text("utf-8").split("-- name: ")[1:]
    named = (part.split("\n", 1) for part in parts)
    return {name.strip(): statement.strip().rstrip(";") for name, statement in named}
