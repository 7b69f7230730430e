"""The fleet as last committed, for commands that need more of it than a read model gives."""

from __future__ import annotations

import time
from dataclasses import replace

from fleet.core.model import Fleet
from fleet.home import Home
from fleet.shell import homelock
from fleet.store.errors import StoreUnmade
from fleet.store.sqlite import SqliteStore


def snapshot(home: Home) -> Fleet:
    """As of now: what has reset since the last commit counts as reset. A home without a database, or whose database is
    just being made, is empty. Raises StoreUnreadable."""
    if not home.database.exists():
        return Fleet()
    try:
        store = SqliteStore(home.database, read_only=True)
    except StoreUnmade:
        return Fleet()
    try:
        return replace(store.load().fleet, now_ms=time.time_ns() // 1_000_000)
    finally:
        store.close()


def home_id(home: Home) -> str:
    """The name that this home's secrets and processes go by. Made with the home. Raises HomeHeld when it has to be made
    and somebody else holds the home, StoreUnreadable."""
    found = snapshot(home).home_id
    if found:
        return found
    bring_up_to_date(home)
    return snapshot(home).home_id


def bring_up_to_date(home: Home) -> None:
    """Makes the home's database, or brings it to this version's schema; nothing if whoever held the home before has
    done so. Raises HomeHeld, StoreUnreadable, StoreFailed."""
    with homelock.hold(home, patience_s=homelock.SHORT_COMMAND_S):
        SqliteStore(home.database).close()
