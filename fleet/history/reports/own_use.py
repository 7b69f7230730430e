"""What persons used themselves, on which a forecast of their demand rests."""

from __future__ import annotations

import json
from dataclasses import dataclass

from fleet.history.reports.choice import QUARTER_MS
from fleet.history.reports.statements import ask

TYPE_CHECKING = False
if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable


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
    return [name for (name,) in ask(connection, "users", {})]


def own_use(connection: sqlite3.Connection, accounts: Iterable[str], since_ms: int = 0) -> list[OwnUse]:
    """Of all these accounts together, in the order of time."""
    asked = {"accounts": json.dumps(sorted(accounts)), "since": since_ms // QUARTER_MS}
    rows = ask(connection, "own_use", asked)
    return [OwnUse(quarter * QUARTER_MS, *row) for quarter, *row in rows]
