"""The named statements of the `.sql` files beside this one. Standard library only: reading must start fast."""

from __future__ import annotations

import os

SCHEMA_VERSION = 8
"""How many migrations there are: `PRAGMA user_version` of an up-to-date database."""

DATABASE = "fleet.db"
"""The database's file in the home directory."""

_SQL = os.path.join(os.path.dirname(__file__), "sql")  # noqa: PTH118, PTH120 pathlib costs `fleet status` its start


def statements(file: str) -> dict[str, str]:
    """The statements of `sql/<file>`, each under the name on the `-- name:` line before it."""
    with open(os.path.join(_SQL, file), encoding="utf-8") as lines:  # noqa: PTH118, PTH123
        parts = lines.read().split("-- name: ")[1:]
    named = (part.split("\n", 1) for part in parts)
    return {name.strip(): statement.strip().rstrip(";") for name, statement in named}
