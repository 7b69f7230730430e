"""What the fleet itself ran, from its own store: which session was whose, when, and paid for by which account."""

from __future__ import annotations

import os
from collections.abc import Iterable

from fleet.history.ledger.corrections import Run
from fleet.store.sqlite_reader import SqliteReader


def runs_of(home: str | os.PathLike[str], known: Iterable[str]) -> list[Run]:
    """One for each attempt, living or ended, but those `known` to have ended. A home without a store has none. Raises
    StoreUnreadable."""
    with SqliteReader(home) as reader:
        return [Run(*row) for row in reader.runs(known)]
