"""The fleet as last committed, for commands that need more of it than a read model gives."""

from __future__ import annotations

import time
from dataclasses import replace

from fleet.core.model import Fleet
from fleet.home import Home
from fleet.shell import homelock
from fleet.store.sqlite import SqliteStore


def snapshot(home: Home) -> Fleet:
    """As of now: what has reset since the last commit counts as reset."""
    if not home.database.exists():
        return Fleet()
    store = SqliteStore(home.database)
    try:
        return replace(store.load().fleet, now_ms=time.time_ns() // 1_000_000)
    finally:
        store.close()


def home_id(home: Home) -> str:
    """The name that this home's secrets and processes go by. Made with the home."""
    if not home.database.exists():
        with homelock.hold(home, patience_s=5.0):
            SqliteStore(home.database).close()
    return snapshot(home).home_id
