"""The accounts of a home as a scenario has them: tiers, places, and their buckets with what those hold.

What a bucket holds nobody publishes; the fleet has learned what share of it a unit of work takes with each tier
(`fleet.core.capacity.rates`). So its capacity is one over the rate of a reference tier, in that tier's work units, and
another tier weighs what its rate is of that one's.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from fleet.core.capacity import headroom, rates
from fleet.core.model import Account, Bucket, Fleet
from fleet.service.own_week.basis import Basis, several
from fleet.spoken.spans import DAY_MS, HOUR_MS, WEEK_MS, span_text, whole_seconds

Said = dict[str, Any]

SHORTEST_MS = HOUR_MS
"""A worker of the simulator gives five answers for a task: of windows of minutes it would ask too much at once."""

LENGTH_GUESS_MS = WEEK_MS
"""Of a window whose name says nothing about its length."""

SUPPOSED = (("five_hour", 5 * HOUR_MS), ("seven_day", 7 * DAY_MS))
"""The windows of a subscription that has not shown any so far."""

UNMETERED = 1e12
"""Work units of a window that is never scarce: of API keys and local servers that have shown no bucket."""


@dataclass(frozen=True, slots=True)
class Payer:
    """The ready accounts of one pool, which share its buckets. The format has no shared ones: they are one account."""

    name: str
    pool: str
    accounts: tuple[Account, ...]
    tiers: tuple[str, ...]


def payers(fleet: Fleet) -> tuple[Payer, ...]:
    """By name. What is quarantined or has been removed pays for nothing."""
    of_pool: dict[str, list[Account]] = {}
    for account in sorted(fleet.accounts.values(), key=lambda one: one.name):
        if account.state == "ready" and account.tiers:
            of_pool.setdefault(account.pool, []).append(account)
    return tuple(
        Payer("+".join(one.name for one in alike), pool, tuple(alike), _in_order(fleet, alike))
        for pool, alike in of_pool.items()
    )


def _in_order(fleet: Fleet, accounts: list[Account]) -> tuple[str, ...]:
    names = {tier for account in accounts for tier, _ in account.tiers}
    return tuple(sorted(names, key=lambda tier: (fleet.policy.order_of(tier), tier)))


def accounts_said(fleet: Fleet, found: tuple[Payer, ...], basis: Basis) -> list[Said]:
    for payer in found:
        if len(payer.accounts) > 1:
            shared = " and ".join(one.name for one in payer.accounts)
            basis.learned.append(f"{shared} share their buckets: they are one account, {payer.name}")
    closed = sorted(a.name for a in fleet.accounts.values() if a.state == "quarantined")
    if closed:
        basis.left_out.append(f"accounts in quarantine: {several(closed)} (`fleet account verify`)")
    billed = [one.name for payer in found for one in payer.accounts if one.kind == "api-key"]
    if billed:
        basis.left_out.append(f"what API keys cost: {several(billed)} counts as already paid for")
    return [
        {
            "name": payer.name,
            "concurrency": sum(one.concurrency for one in payer.accounts),
            "tiers": list(payer.tiers),
            "buckets": _buckets(fleet, payer, basis),
        }
        for payer in found
    ]


def _buckets(fleet: Fleet, payer: Payer, basis: Basis) -> list[Said]:
    told = Known(payer.name)
    seen = sorted((b for b in fleet.buckets.values() if b.pool == payer.pool), key=lambda one: one.name)
    found = [said for bucket in seen for said in _bucket(fleet, payer, bucket, told)]
    if not found and any(account.kind == "subscription" for account in payer.accounts):
        told.unseen = "a five-hour window and a week are supposed, unused"
        found = [
            {"name": name, "length": span_text(length), **_holds(fleet, payer, name, None, told)}
            for name, length in SUPPOSED
        ]
    if not found:
        told.unseen = "it is taken for one without limits"
        weights = dict.fromkeys(payer.tiers, 1.0)
        found = [{"name": "unmetered", "length": "7d", "capacity": UNMETERED, "weights": weights}]
    told.tell(basis)
    return found


@dataclass(slots=True)
class Known:
    """What is known of one account's buckets, to be told in few sentences."""

    name: str
    stands: list[str] = field(default_factory=list)
    unused: list[str] = field(default_factory=list)
    measured: list[str] = field(default_factory=list)
    alike: list[str] = field(default_factory=list)
    supposed: list[str] = field(default_factory=list)
    lengths: list[str] = field(default_factory=list)
    short: list[str] = field(default_factory=list)
    unseen: str = ""

    def tell(self, basis: Basis) -> None:
        for sentences, names, sentence in (
            (basis.learned, self.stands, "{name} has used {of}"),
            (basis.learned, self.measured, "what {name} holds, by what work took of it: {of}"),
            (basis.guessed, self.alike, "what {name} holds, as other accounts do: {of}"),
            (basis.guessed, self.supposed, "what {name} holds: {of}"),
            (basis.guessed, self.unused, "{name} is unused where there is no fresh reading: {of}"),
            (basis.guessed, self.lengths, "when windows of {name} reset: {of}"),
            (basis.left_out, self.short, "windows of {name} that are too short to simulate: {of}"),
        ):
            if names:
                sentences.append(sentence.format(name=self.name, of=", ".join(names)))
        if self.unseen:
            basis.guessed.append(f"{self.name} has shown no bucket so far: {self.unseen}")


def _bucket(fleet: Fleet, payer: Payer, bucket: Bucket, told: Known) -> Iterator[Said]:
    """Nothing where its tier is one that the account no longer has, or its window is too short."""
    if bucket.scope is not None and bucket.scope not in payer.tiers:
        return
    length = headroom.length_of(bucket)
    if length is None:
        length = LENGTH_GUESS_MS
        told.lengths.append(f"{bucket.name} lasts a week")
    if length < SHORTEST_MS:
        told.short.append(bucket.name)
        return
    stands = _stands(fleet, bucket, length, told)
    yield {"name": bucket.name, **stands, **_holds(fleet, payer, bucket.name, bucket.scope, told)}


def _holds(fleet: Fleet, payer: Payer, bucket: str, scope: str | None, told: Known) -> Said:
    estimates = rates.Estimates(fleet.rates, fleet.policy, bucket)
    tiers = payer.tiers if scope is None else (scope,)
    reference = rates.GUESS_TIER if rates.GUESS_TIER in tiers else tiers[0]
    unit = estimates.of(payer.pool, reference)
    own = estimates.seen(payer.pool)
    whole = f"{bucket} {_rounded(1.0 / unit):,.0f} work units of {reference}"
    if own >= rates.DOUBT:
        told.measured.append(f"{whole} (seen: {own:.2g} windows of work)")
    elif estimates.seen(rates.EVERYONE) >= rates.DOUBT:
        told.alike.append(whole)
    else:
        told.supposed.append(whole)
    return {
        "capacity": _rounded(1.0 / unit),
        "weights": {tier: _rounded(estimates.of(payer.pool, tier) / unit) for tier in tiers},
    }


def _stands(fleet: Fleet, bucket: Bucket, length: int, told: Known) -> Said:
    """Its window: by the clock of the reading, else it begins with its first use, unused."""
    now_ms, settings = fleet.now_ms, fleet.settings
    used = headroom.utilization_now(bucket, now_ms, settings)
    refused_ms = bucket.refused_until_ms or 0
    if refused_ms > now_ms and not headroom.is_void(bucket, now_ms):
        used, left = 1.0, refused_ms - now_ms
    elif used is None:
        told.unused.append(bucket.name)
        return {"length": span_text(length)}
    elif bucket.resets_ms is None and used <= 0.0:
        return {"length": span_text(length)}
    elif bucket.resets_ms is None:
        told.lengths.append(f"{bucket.name} after a whole window")
        left = length
    else:
        left = bucket.resets_ms - now_ms
    told.stands.append(f"{used:.0%} of {bucket.name}")
    left = whole_seconds(left)
    return {
        "length": span_text(max(length, left)),
        "start": span_text(left),
        "used": min(max(used, 0.0), 1.0),
    }


def _rounded(number: float) -> float:
    """To four figures: more would look like knowledge."""
    return float(f"{number:.4g}")
