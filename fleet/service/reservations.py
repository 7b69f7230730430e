"""Capacity that is kept for a person: laid down and taken back. `fleet.views.laid_down` lists it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from fleet.core.capacity import headroom, reserved
from fleet.core.events import ProtectionSet, ReservationAdded, ReservationRemoved
from fleet.core.model import Bucket, Fleet
from fleet.core.model.policy import Reservation
from fleet.errors import NotDone
from fleet.home import Home
from fleet.service.requests import submit
from fleet.shell.stamp import stamp
from fleet.spoken.amounts import UnknownAmount, parse_share
from fleet.spoken.clock import local_time
from fleet.spoken.hours import lay_out
from fleet.spoken.times import UnknownTime
from fleet.views.snapshot import snapshot


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
    kept = reserved.protected(alone, bucket)
    used = headroom.utilization_now(bucket, fleet.now_ms, fleet.settings)
    blocked = headroom.blocked_until(bucket, fleet.now_ms, fleet.settings)
    left = 0.0 if blocked else None if used is None else 1.0 - used
    if left is None or left >= kept:
        return None
    until_ms = blocked.until_ms if blocked else bucket.resets_ms
    until = "" if until_ms is None else f" until {local_time(until_ms)}"
    return f"{bucket.name} of {reservation.account} has {left:.0%} left{until}, and this would keep {kept:.0%} of it"


def protects_by_forecast(home: Home) -> bool:
    """Whether what persons are expected to use is kept for them."""
    return snapshot(home).policy.protect_by_forecast


def set_protect_by_forecast(home: Home, on: bool) -> None:
    """Raises NotDone."""
    submit(home, ProtectionSet(**stamp(), on=on))


def unreserve(home: Home, name: str) -> None:
    """Raises NotDone."""
    submit(home, ReservationRemoved(**stamp(), name=name))
