"""Whose use a directory of the client tells, where a person has said so."""

from __future__ import annotations

import os

from fleet.history.ledger.file import Ledger, transaction
from fleet.history.ledger.paths import storable

TYPE_CHECKING = False
if TYPE_CHECKING:
    import sqlite3

PREFIX = "account of "
"""In `meta`, before the directory's real path."""


def owners(connection: sqlite3.Connection) -> dict[str, str]:
    """The account of each directory of which it was said, by `storable` real path."""
    found = connection.execute("SELECT name, value FROM meta WHERE name LIKE ?", (f"{PREFIX}%",))
    return {name.removeprefix(PREFIX): account for name, account in found}


def put_owner(ledger: Ledger, config_dir: str, account: str) -> None:
    """From now on, and for all that was read there before: what persons used there counts for this account, and
    so do the readings of its buckets. What the fleet ran stays with the account that its attempt ran on."""
    # Only who says this needs the making of sums.
    from fleet.history.ledger.statements import statements, sum_again
    from fleet.history.ledger.texts import Texts

    connection, sql, real = ledger.connection, statements(), os.path.realpath(config_dir)
    with transaction(connection):
        connection.execute(sql["put_meta"], (storable(f"{PREFIX}{real}"), storable(account)))
        texts = Texts(connection)
        row = {"account": texts.id(account), "config_dir": texts.id(real)}
        connection.execute(sql["put_owner_of_readings"], row)
        if connection.execute(sql["put_owner_of_places"], row).rowcount > 0:
            connection.execute(sql["put_owner_of_answers"], row)
            sum_again(connection, "all")
