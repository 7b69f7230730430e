"""The fleet as last committed, for commands that need more of it than a read model gives."""

from __future__ import annotations

import time
from dataclasses import replace

from fleet.core.model import Fleet
from fleet.home import Home
from fleet.store.errors import StoreUnmade
from fleet.store.remains import expect_none
from fleet.store.sqlite import SqliteStore


def snapshot(home: Home) -> Fleet:
    """As of now: what has reset since the last commit counts as reset. A home without a database, or whose database is
    just being made, is empty, unless it was used before. Raises StoreUnreadable."""
    if not home.database.exists():
        expect_none(home.database, "missing")
        return Fleet()
    try:
        store = SqliteStore(home.database, read_only=True)
    except StoreUnmade:
        return Fleet()
    try:
        return replace(store.load().fleet, now_ms=time.time_ns() // 1_000_000)
    finally:
        store.close()
