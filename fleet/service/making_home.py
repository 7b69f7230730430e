"""A home's database is made, or brought to this version's schema, by whatever command meets it first."""

from __future__ import annotations

from fleet.home import Home
from fleet.shell import homelock
from fleet.store.sqlite import SqliteStore
from fleet.views.snapshot import snapshot


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
