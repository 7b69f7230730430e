"""How much of each bucket to keep for its person: the newsvendor's quantile of what they are expected to use of it."""

from __future__ import annotations

from datetime import tzinfo

from fleet.core.capacity import headroom
from fleet.core.model import Bucket, Fleet
from fleet.core.model.protection import Curve, Protection, Protections
from fleet.forecast import Forecast, Series, forecast, protect_now
from fleet.forecast.ahead import Ahead
from fleet.history.ledger import Ledger
from fleet.protection.persons_use import PersonsUse

HOUR_MS = 3_600_000
STEPS = 6
"""Into so many pieces the time until a reset is cut; between them what is kept falls along straight lines."""

NEAR_MS, NEAR_STEP_MS = 48 * HOUR_MS, 2 * HOUR_MS
FAR_MS, FAR_STEP_MS = 8 * 24 * HOUR_MS, 4 * HOUR_MS
"""At which times a window that begins then is forecast: a planning horizon and a day ahead."""

BATCH = 1.0
"""The value of a unit to a batch task; `Strategy.person` is a person's in terms of it."""


def protections(fleet: Fleet, ledger: Ledger, zone: tzinfo) -> Protections:
    """For every bucket with windows of a known length whose person has used it before."""
    pools = sorted({account.pool for account in fleet.accounts.values() if account.state == "ready"})
    found: dict[str, Protection] = {}
    for pool in pools:
        accounts = [account.name for account in fleet.accounts.values() if account.pool == pool]
        use = PersonsUse(fleet, ledger, accounts, fleet.now_ms, zone)
        for key, bucket in sorted(fleet.buckets.items()):
            if bucket.pool == pool:
                protection = protection_of(fleet, bucket, use.of_bucket(bucket))
                if protection is not None:
                    found[key] = protection
    return Protections(fleet.now_ms, found)


def protection_of(fleet: Fleet, bucket: Bucket, series: Series | None) -> Protection | None:
    """None where too little is known to say anything: nothing used so far, or a window of unknown length."""
    length_ms = headroom.length_of(bucket)
    if series is None or length_ms is None or length_ms < HOUR_MS:
        return None
    now_ms = fleet.now_ms
    resets_ms = bucket.resets_ms if bucket.resets_ms is not None and bucket.resets_ms > now_ms else None
    ends_ms = resets_ms or now_ms + length_ms
    until_reset, ahead = forecast(series, now_ms, ends_ms), Ahead.of(series, now_ms)
    if until_reset is None or ahead is None:
        return None
    return Protection(
        resets_ms=resets_ms,
        present=() if resets_ms is None else _falling(until_reset, ahead, fleet, resets_ms),
        fresh=_fresh(ahead, fleet, length_ms),
        mean=min(until_reset.mean, 1.0),
        sure=_sure(fleet),
        like=until_reset.effective,
    )


def _sure(fleet: Fleet) -> float:
    """With which probability what is kept has to be enough: Littlewood's ratio of values."""
    return 1.0 - BATCH / fleet.policy.strategy.person


def _falling(until_reset: Forecast, ahead: Ahead, fleet: Fleet, resets_ms: int) -> Curve:
    """From now to the reset: as much as the forecast says now, falling as the habits of the hours that are left do."""
    now_ms, person = fleet.now_ms, fleet.policy.strategy.person
    first = protect_now(until_reset, 1.0, person, BATCH)
    times = [now_ms + (resets_ms - now_ms) * n // STEPS for n in range(STEPS)]
    left = [ahead.quantile(_sure(fleet), at_ms, resets_ms) for at_ms in times]
    shares = [min(here / left[0], 1.0) if left[0] > 0.0 else 0.0 for here in left]
    return (
        *((at_ms, _rounded(first * share)) for at_ms, share in zip(times, shares, strict=True)),
        (resets_ms, 0.0),
    )


def _fresh(ahead: Ahead, fleet: Fleet, length_ms: int) -> Curve:
    now_ms, sure = fleet.now_ms, _sure(fleet)
    near = range(now_ms, now_ms + NEAR_MS, NEAR_STEP_MS)
    far = range(now_ms + NEAR_MS, now_ms + FAR_MS + 1, FAR_STEP_MS)
    begins = [now_ms, *near[1:], *far]
    return tuple(
        (at_ms, _rounded(min(ahead.quantile(sure, at_ms, at_ms + length_ms), 1.0))) for at_ms in begins
    )


def _rounded(share: float) -> float:
    """Half a tenth of a percent is nothing: shorter numbers keep the log of events short."""
    return round(share, 3)
