"""What one window of an account is of another."""

from __future__ import annotations

from dataclasses import asdict

from fleet.core.capacity.rates import five_hours_of_week as learned
from fleet.home import Home
from fleet.views.snapshot import snapshot


def five_hours_of_week(home: Home, name: str) -> dict[str, float] | None:
    """`share` of the week that a full five-hour window is, and `learned_from`, how much of a week's work says so. None
    while that is unknown, and for accounts without such windows."""
    fleet = snapshot(home)
    account = fleet.accounts.get(name)
    if account is None or account.kind != "subscription":
        return None
    found = learned(fleet, account)
    return None if found is None else asdict(found)
