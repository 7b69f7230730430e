"""What persons have laid down: limits with what is used of them, floors, reservations."""

from __future__ import annotations

from typing import Any

from fleet.core.capacity import budgets, reserved
from fleet.core.model import Fleet
from fleet.core.model.policy import Limit, Reservation
from fleet.home import Home
from fleet.moments import iso
from fleet.views.snapshot import snapshot


def limits(home: Home) -> dict[str, list[dict[str, Any]]]:
    """`limits` with what their running period has used, and `floors`, in the order they were laid down."""
    fleet = snapshot(home)
    return {
        "limits": [limit_shown(fleet, one) for one in fleet.limits.values()],
        "floors": [
            {"id": one.id, "share": one.share, "account": one.account, "bucket": one.bucket}
            for one in fleet.floors.values()
        ],
    }


def limit_shown(fleet: Fleet, one: Limit) -> dict[str, Any]:
    """One limit with what is used of it, as `limits` lists it."""
    used = budgets.used_of(fleet, one)
    return {
        "id": one.id,
        "scope": one.scope,
        "name": one.name or None,
        "per": one.per,
        "unit": one.unit,
        "amount": one.amount,
        "bucket": one.bucket,
        "used": used,
        "left": max(one.amount - used, 0.0),
        "next_period_at": iso(budgets.next_period_ms(one, fleet.now_ms)),
    }


def reservations(home: Home) -> list[dict[str, Any]]:
    """All of them, in the order they were laid down. `next` is the occurrence that runs or comes next, None when all
    have passed; `kept` what its account's bucket keeps for it now."""
    fleet = snapshot(home)
    return [reservation_shown(fleet, one) for one in fleet.reservations.values()]


def reservation_shown(fleet: Fleet, one: Reservation) -> dict[str, Any]:
    """One of them, as `reservations` lists it."""
    coming = [span for span in one.spans if span[1] > fleet.now_ms]
    return {
        "id": one.id,
        "account": one.account,
        "tier": one.tier,
        "bucket": one.bucket,
        "amount": one.amount,
        "said": one.said,
        "next": {"begins_at": iso(coming[0][0]), "ends_at": iso(coming[0][1])} if coming else None,
        "occurrences": len(coming),
        "until": iso(one.spans[-1][1]),
        "kept": reserved.kept_for(fleet, one),
    }
