"""Capacity kept from automation: reservations, which fall as their hours pass unused, what a person is expected to use
(`fleet.core.model.protection`), and floors.

A reservation says: from `s` to `e` a person wants `amount` of the bucket. Reset windows don't ask when a person sits
down, so the occurrence may lie in two windows, and each window owes the part of `amount` that its share of the hours
makes: `amount · overlap / (e − s)`. Of this a window keeps

- all, until the occurrence begins: what automation took before could not be given back;
- then what the rest of the hours makes, falling along a line to nothing: hours that have passed unused will not be
  asked for again, and the pool gets them back. (What the person does take is in the bucket's utilization.)

And nothing any more `RELEASE_MS` before the window's reset: what is kept beyond that expires, and a shorter time than a
task takes could not be used by anybody else. Where a window ends within the occurrence, or soon after it, the line
therefore runs to that moment instead of to the occurrence's end.

The week's windows behind the bucket are drawn on by the same work, so they keep its equivalent, for every occurrence
that lies in them: the week must not refuse what the afternoon keeps.

Why: docs/dispatch.md, "6. Reservations". For persons: docs/reserve.md.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import replace

from fleet.core.capacity import headroom, rates
from fleet.core.draft import Draft
from fleet.core.model import Bucket, Fleet, bucket_key
from fleet.core.model.policy import Floor, Reservation

RELEASE_MS = 20 * 60_000
"""How long before a reset what was kept is given back: about one task's time (`costs`: 20 minutes of a worker)."""

ANY_TIER = "sonnet"
"""What a reservation without a tier is taken to be used with, when its share of a longer window is reckoned."""

UNKNOWN_LENGTH_MS = 5 * 3_600_000
"""How long a window is taken to be of which nothing is known: that of the shortest window there is."""


def protected(fleet: Fleet, bucket: Bucket) -> float:
    """Share of the bucket's present window that is kept for persons now (0 to 1).

    A window whose reset is unknown or past has perhaps not begun: then it would begin with the next work, now.
    """
    begins_ms, ends_ms = _window(fleet, bucket)
    return protected_at(fleet, bucket, fleet.now_ms, begins_ms, ends_ms)


def protected_at(fleet: Fleet, bucket: Bucket, at_ms: int, begins_ms: int, ends_ms: int) -> float:
    """Share (0 to 1) that will be kept at `at_ms` in the window from `begins_ms` to `ends_ms` of that bucket. What
    several reservations keep adds up; the strategy's `protect` multiplies the sum. What the person is expected to use
    anyway is not kept twice: of the two the larger counts."""
    kept = sum(
        share * _kept(reservation, at_ms, begins_ms, ends_ms) for reservation, share in _on(fleet, bucket)
    )
    return min(
        1.0, max(kept * fleet.policy.strategy.protect, _by_forecast(fleet, bucket, at_ms, begins_ms, ends_ms))
    )


def by_forecast(fleet: Fleet, bucket: Bucket) -> float:
    """Share (0 to 1) of the bucket's present window that is kept now by the forecast alone."""
    return _by_forecast(fleet, bucket, fleet.now_ms, *_window(fleet, bucket))


def _by_forecast(fleet: Fleet, bucket: Bucket, at_ms: int, begins_ms: int, ends_ms: int) -> float:
    if fleet.protections is None or not fleet.policy.protect_by_forecast or at_ms >= ends_ms - RELEASE_MS:
        return 0.0
    protection = fleet.protections.by_bucket.get(bucket_key(bucket.pool, bucket.name))
    return 0.0 if protection is None else protection.at(at_ms, begins_ms, ends_ms)


def changes_by_itself(fleet: Fleet, bucket: Bucket) -> bool:
    """Whether what is kept of the bucket for persons may change as time passes."""
    key = bucket_key(bucket.pool, bucket.name)
    forecast = fleet.protections is not None and key in fleet.protections.by_bucket
    return forecast or any(
        account is not None and account.pool == bucket.pool
        for account in (fleet.accounts.get(one.account) for one in fleet.reservations.values())
    )


def own_bucket(fleet: Fleet, reservation: Reservation) -> Bucket:
    """The bucket that the reservation names; one that has never been read, where its account has shown none."""
    account = fleet.accounts.get(reservation.account)
    pool = "" if account is None else account.pool
    known = fleet.buckets.get(bucket_key(pool, reservation.bucket))
    return known or Bucket(pool, reservation.bucket, None, observed_ms=0, source="")


def kept_for(fleet: Fleet, reservation: Reservation) -> float:
    """Share (0 to 1) that its own bucket's present window keeps for this reservation alone now."""
    account = fleet.accounts.get(reservation.account)
    if account is None or account.state == "removed":
        return 0.0
    begins_ms, ends_ms = _window(fleet, own_bucket(fleet, reservation))
    kept = _kept(reservation, fleet.now_ms, begins_ms, ends_ms)
    return min(1.0, kept * fleet.policy.strategy.protect)


def reopen(draft: Draft) -> None:
    """Automation stayed away for a while from what was down to what is kept; if less is kept now it may come back at
    once. Where it is still too much, nothing fits beside it."""
    for key, bucket in list(draft.buckets.items()):
        if bucket.protected_until_ms is not None:
            draft.put_bucket(key, replace(bucket, protected_until_ms=None))


def floor(fleet: Fleet, bucket: Bucket) -> float:
    """Share of the bucket that automation never takes: the largest of the floors that hold for it."""
    return max((f.share for f in fleet.floors.values() if _is_under(fleet, bucket, f)), default=0.0)


def _is_under(fleet: Fleet, bucket: Bucket, floor: Floor) -> bool:
    account = fleet.accounts.get(floor.account or "")
    its_pool = floor.account is None or (account is not None and account.pool == bucket.pool)
    return its_pool and floor.bucket in (None, bucket.name)


def _window(fleet: Fleet, bucket: Bucket) -> tuple[int, int]:
    length = headroom.length_of(bucket) or UNKNOWN_LENGTH_MS
    if bucket.resets_ms is None or bucket.resets_ms <= fleet.now_ms:
        return fleet.now_ms, fleet.now_ms + length
    return bucket.resets_ms - length, bucket.resets_ms


def _on(fleet: Fleet, bucket: Bucket) -> Iterator[tuple[Reservation, float]]:
    """The reservations that the bucket has to keep something for, and what they are of this bucket, by share of their
    own."""
    for reservation in fleet.reservations.values():
        account = fleet.accounts.get(reservation.account)
        if account is None or account.state == "removed" or account.pool != bucket.pool:
            continue
        share = _equivalent(fleet, reservation, bucket)
        if share > 0.0:
            yield reservation, share


def _equivalent(fleet: Fleet, reservation: Reservation, bucket: Bucket) -> float:
    """What the whole of the reservation's bucket is of this one: 1 for its own, `rate(this) / rate(own)` for a longer
    one that its tier draws on, 0 for any other."""
    if bucket.scope is not None and reservation.tier is not None and bucket.scope != reservation.tier:
        return 0.0
    if bucket.name == reservation.bucket:
        return 1.0
    tier = reservation.tier or ANY_TIER
    if bucket.scope not in (None, tier):
        return 0.0
    unread = Bucket(bucket.pool, reservation.bucket, None, observed_ms=0, source="")
    own = fleet.buckets.get(bucket_key(bucket.pool, reservation.bucket), unread)
    own_ms, length_ms = headroom.length_of(own), headroom.length_of(bucket)
    if own_ms is None or length_ms is None or length_ms <= own_ms:
        return 0.0
    of_own = rates.rate(fleet, bucket.pool, reservation.bucket, tier)
    return rates.rate(fleet, bucket.pool, bucket.name, tier) / of_own if of_own > 0.0 else 0.0


def _kept(reservation: Reservation, at_ms: int, begins_ms: int, ends_ms: int) -> float:
    """Share of the reservation's own bucket that a window keeps at a time for all its occurrences."""
    if at_ms >= ends_ms - RELEASE_MS:
        return 0.0
    kept = 0.0
    first = bisect_right(reservation.spans, max(at_ms, begins_ms), key=lambda span: span[1])
    for start_ms, end_ms in reservation.spans[first:]:
        if start_ms >= ends_ms:
            break
        begin, end = max(start_ms, begins_ms), min(end_ms, ends_ms)
        released = min(end_ms, ends_ms - RELEASE_MS)
        left = (released - max(at_ms, begin)) / (released - begin) if released > begin else 1.0
        kept += reservation.amount * (end - begin) / (end_ms - start_ms) * min(1.0, left)
    return kept
