"""Which part of the ledger a report is of."""

from __future__ import annotations

import json
from dataclasses import dataclass

TYPE_CHECKING = False
if TYPE_CHECKING:
    import sqlite3
    from typing import Any

QUARTER_MS = 900_000
LAST_QUARTER = 4_102_444_800_000 // QUARTER_MS
"""The year 2100: what ledgers of schema 1 have of later years has no day in a calendar."""


@dataclass(frozen=True, slots=True)
class Choice:
    """What to count: all of it, unless said otherwise.

    Times are cut to whole quarters of an hour. A project is a path, with all below it, or a name: of a project of the
    fleet, or the last part of a path. A model is its name or its tier. `fleet`: only what the fleet ran, or only what
    persons used themselves. `unbilled` are accounts that cost nothing, whatever price their models have elsewhere.
    """

    since_ms: int | None = None
    until_ms: int | None = None
    account: str | None = None
    project: str | None = None
    model: str | None = None
    fleet: bool | None = None
    unbilled: tuple[str, ...] = ()

    def parameters(self, connection: sqlite3.Connection) -> dict[str, Any]:
        """For the statements: ids as JSON lists, None where everything counts."""
        return {
            "since": 0 if self.since_ms is None else self.since_ms // QUARTER_MS,
            "until": LAST_QUARTER
            if self.until_ms is None
            else min(LAST_QUARTER, -(-self.until_ms // QUARTER_MS)),
            "accounts": None if self.account is None else _ids(connection, "text = ?", self.account),
            "projects": None if self.project is None else _projects(connection, self.project),
            "models": None if self.model is None else _models(connection, self.model),
            "fleet": None if self.fleet is None else int(self.fleet),
            "unbilled": _ids(
                connection, "text IN (SELECT value FROM json_each(?))", json.dumps(self.unbilled)
            ),
        }


def _ids(connection: sqlite3.Connection, condition: str, *values: str) -> str:
    found = connection.execute(f"SELECT id FROM texts WHERE {condition}", values)
    return json.dumps([row[0] for row in found])


_PROJECTS = """
SELECT id, text FROM texts WHERE id IN (SELECT project FROM places UNION SELECT project FROM runs)
UNION
SELECT sessions.project, text FROM sessions
JOIN runs ON runs.attempt = sessions.attempt JOIN texts ON texts.id = runs.project
"""
"""Each project with its name, and each worktree with the name of its project."""


def _projects(connection: sqlite3.Connection, said: str) -> str:
    found = connection.execute(_PROJECTS)
    path = said.rstrip("/") or said
    within = path.rstrip("/") + "/"
    return json.dumps(
        [
            number
            for number, text in found
            if text == path or text.startswith(within) or ("/" not in said and text.endswith("/" + said))
        ]
    )


def _models(connection: sqlite3.Connection, said: str) -> str:
    found = connection.execute(
        "SELECT m.model FROM models AS m JOIN texts AS name ON name.id = m.model JOIN texts AS tier ON tier.id = m.tier"
        " WHERE ? IN (name.text, tier.text)",
        (said,),
    )
    return json.dumps([row[0] for row in found])
