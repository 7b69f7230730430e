"""The named statements of the `.sql` file beside this one."""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Mapping
    from typing import Any

    Parameters = Mapping[str, Any]

_FILE = os.path.join(os.path.dirname(__file__), "reports.sql")  # noqa: PTH118, PTH120 pathlib costs start-up


def ask(connection: sqlite3.Connection, name: str, parameters: Parameters) -> list[Any]:
    """The rows of the statement with that name."""
    with open(_FILE, encoding="utf-8") as file:  # noqa: PTH123
        parts = file.read().split("-- name: ")[1:]
    statements = dict(part.split("\n", 1) for part in parts)
    return connection.execute(statements[name], parameters).fetchall()
