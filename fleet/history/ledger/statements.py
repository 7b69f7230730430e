"""The named statements of `writing.sql`, and the making of sums, which is some of them."""

from __future__ import annotations

import sqlite3
from functools import cache
from pathlib import Path


@cache
def statements() -> dict[str, str]:
    """Each under the name on the `-- name:` line before it."""
    parts = Path(__file__).with_name("writing.sql").read_text("utf-8").split("-- name: ")[1:]
    named = (part.split("\n", 1) for part in parts)
    return {name.strip(): statement.strip().rstrip(";") for name, statement in named}


def sum_again(connection: sqlite3.Connection, which: str) -> None:
    """`which`: all, or what was touched."""
    for sums in ("quarters", "sessions"):
        connection.execute(statements()[f"drop_{which}_{sums}"])
        connection.execute(statements()[f"sum_{which}_{sums}"])
