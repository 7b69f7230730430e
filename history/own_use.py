"""What persons used themselves, on which a forecast of their demand rests."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass

QUARTER_MS = 900_000

TYPE_CHECKING = False
if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable

_FILE = os.path.join(os.path.dirname(__file__), "own_use.sql")  # noqa: PTH118, PTH120 pathlib costs start-up


@dataclass(frozen=True, slots=True)
class OwnUse:
    """Of one tier ('' unknown) in the quarter of an hour that begins at `at_ms`: tokens by kind."""

    at_ms: int
    tier: str
    input: int
    output: int
    cache_write: int
    cache_read: int


def users(connection: sqlite3.Connection) -> list[str]:
    """The accounts that persons have used themselves, by name."""
    rows = connection.execute(_statement("users"))
    return [name for (name,) in rows]


def own_use(connection: sqlite3.Connection, accounts: Iterable[str], since_ms: int = 0) -> list[OwnUse]:
    """Of all these accounts together, in the order of time."""
    asked = {"accounts": json.dumps(sorted(accounts)), "since": since_ms // QUARTER_MS}
    rows = connection.execute(_statement("own_use"), asked)
    return [OwnUse(quarter * QUARTER_MS, *row) for quarter, *row in rows]


def _statement(name: str) -> str:
    with open(_FILE, encoding="utf-8") as file:  # noqa: PTH123
        return dict(part.split("\n", 1) for part in file.read().split("-- name: ")[1:])[name]
