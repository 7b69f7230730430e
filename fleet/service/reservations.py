"""Capacity that is kept for a person: laid down, listed, taken back."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from fleet.core import headroom, reserving
from fleet.core.events import ForesightSet, ReservationAdded, ReservationRemoved
from fleet.core.model import Bucket, Fleet
from fleet.core.policy import Reservation
from fleet.home import Home
from fleet.service.amounts import UnknownAmount, parse_share
from fleet.service.occurrences import lay_out
from fleet.service.requests import NotDone, stamp, submit
from fleet.service.shapes import iso
from fleet.service.snapshot import snapshot
from fleet.service.when import UnknownTime, local_time


@dataclass(frozen=True, slots=True)
class Laid:
    """The id of what was laid down, and what the person should know about it."""

    id: str
    notes: tuple[str, ...] = ()


def reserve(
    home: Home,
    *,
    account: str,
    at: str,
    amount: str,
    now: datetime,
    tier: str | None = None,
    bucket: str = "five_hour",
    once: bool = False,
    weekly: bool = False,
) -> Laid:
    """Raises NotDone."""
    try:
        share, spans = parse_share(amount), lay_out(at, now, once=once)
    except (UnknownAmount, UnknownTime) as failed:
        raise NotDone(str(failed)) from failed
    if weekly and at.strip()[0].isdigit():
        raise NotDone(f"{at!r} is a date, which comes once: name a day of the week")
    said = f"{' '.join(at.split())}{' once' if once else ''}"
    wanted = Reservation("", account, tier, share, spans, bucket, said)
    (made,) = submit(home, ReservationAdded(**stamp(), reservation=wanted)).made
    return Laid(made, tuple(_doubts(snapshot(home), replace(wanted, id=made))))


def _doubts(fleet: Fleet, reservation: Reservation) -> list[str]:
    """What keeps it from being honoured now."""
    pool = fleet.accounts[reservation.account].pool
    buckets = [b for b in fleet.buckets.values() if b.pool == pool]
    own = next((b for b in buckets if b.name == reservation.bucket), None)
    if own is not None:
        doubt = _too_late(fleet, reservation, own)
        return [doubt] if doubt else []
    if not buckets:
        return []
    known = ", ".join(sorted(b.name for b in buckets))
    return [f"{reservation.account} has shown no bucket {reservation.bucket} so far (but {known})"]


def _too_late(fleet: Fleet, reservation: Reservation, bucket: Bucket) -> str | None:
    alone = replace(fleet, reservations={reservation.id: reservation})
    kept = reserving.protected(alone, bucket)
    used = headroom.utilization_now(bucket, fleet.now_ms, fleet.settings)
    blocked = headroom.blocked_until(bucket, fleet.now_ms, fleet.settings)
    left = 0.0 if blocked else None if used is None else 1.0 - used
    if left is None or left >= kept:
        return None
    until_ms = blocked.until_ms if blocked else bucket.resets_ms
    until = "" if until_ms is None else f" until {local_time(until_ms)}"
    return f"{bucket.name} of {reservation.account} has {left:.0%} left{until}, and this would keep {kept:.0%} of it"


def foresees(home: Home) -> bool:
    """Whether what persons are expected to use is kept for them."""
    return snapshot(home).policy.foresee


def set_foresees(home: Home, on: bool) -> None:
    """Raises NotDone."""
    submit(home, ForesightSet(**stamp(), on=on))


def unreserve(home: Home, name: str) -> None:
    """Raises NotDone."""
    submit(home, ReservationRemoved(**stamp(), name=name))


def reservations(home: Home) -> list[dict[str, Any]]:
    """All of them, in the order they were laid down. `next` is the occurrence that runs or comes next, None when all
    have passed; `kept` what its account's bucket keeps for it now."""
    fleet = snapshot(home)
    return [shown(fleet, one) for one in fleet.reservations.values()]


def shown(fleet: Fleet, one: Reservation) -> dict[str, Any]:
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
        "kept": reserving.kept_for(fleet, one),
    }
