"""What persons are expected to use, for `fleet forecast`."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import asdict
from datetime import tzinfo
from typing import Any

from fleet.core.capacity import reserved
from fleet.core.model import Bucket, Fleet
from fleet.errors import NotDone
from fleet.forecast import Forecast, Series, forecast, in_words
from fleet.history.ledger import DATABASE, Ledger
from fleet.history.reports.own_use import users
from fleet.home import Home
from fleet.moments import iso
from fleet.protection.levels import protection_of
from fleet.protection.persons_use import PersonsUse
from fleet.spoken.zone import SystemZone
from fleet.views.past_forecasts import past_forecasts
from fleet.views.snapshot import snapshot

Record = dict[str, Any]

HOUR_MS = 3_600_000
LEVELS = (0.1, 0.5, 0.8, 0.9, 0.95)


def forecast_of(
    home: Home, account: str | None, hours: int, zone: tzinfo | None = None, now_ms: int | None = None
) -> Record:
    """Of each account with any use of its person's own, or of one; `of_fleet`: it is one that the fleet has. `until`
    are the hours from now on, each with the distribution of the tokens used by then. Raises NotDone where nothing is
    known, StoreUnreadable, LedgerUnreadable."""
    fleet = snapshot(home)
    now_ms = now_ms or time.time_ns() // 1_000_000
    with Ledger(home.root / DATABASE, read_only=True) as ledger:
        used = [name for name in users(ledger.connection) if account in (None, name)]
        found = [
            one
            for name in used
            if (one := _of_account(fleet, ledger, name, now_ms, hours, zone or SystemZone()))
        ]
    if not found:
        raise NotDone(_nothing(account, used))
    return {"at": iso(now_ms), "auto": fleet.policy.protect_by_forecast, "accounts": found}


def _nothing(account: str | None, used: list[str]) -> str:
    """Why nothing can be forecast, and what to do."""
    if used:
        return f"what is known of your own use of {', '.join(used)} is too new or too old to forecast from"
    whose = f"the account {account}" if account else "any account"
    return f"nothing is known of your own use of {whose}: fleet history scan reads the transcripts"


def _of_account(
    fleet: Fleet, ledger: Ledger, name: str, now_ms: int, hours: int, zone: tzinfo
) -> Record | None:
    use = PersonsUse(fleet, ledger, [name], now_ms, zone)
    series = use.in_tokens()
    first = None if series is None else forecast(series, now_ms, now_ms + HOUR_MS)
    if series is None or first is None:
        return None
    did = past_forecasts(series, now_ms)
    return {
        "account": name,
        "of_fleet": name in fleet.accounts and fleet.accounts[name].state != "removed",
        "in_words": in_words(series),
        "known": first.known,
        "days": round(first.days, 1),
        "here": first.here,
        "until": list(_by_hour(series, now_ms, hours)),
        "buckets": list(_buckets(fleet, use, name, now_ms)),
        "past": None if did is None else asdict(did),
    }


def _by_hour(series: Series, now_ms: int, hours: int) -> Iterator[Record]:
    """By a later hour no less can have been used: where two forecasts say otherwise, the earlier one's holds on."""
    before: Record | None = None
    for hour in range(1, hours + 1):
        found = _shown(forecast(series, now_ms, now_ms + hour * HOUR_MS))
        if before is not None:
            found["mean"], found["any"] = (max(found[key], before[key]) for key in ("mean", "any"))
            least = before["quantiles"]
            found["quantiles"] = {key: max(told, least[key]) for key, told in found["quantiles"].items()}
        before = found
        yield found


def _shown(made: Forecast | None) -> Record:
    assert made is not None, "what was used before is known, so every later moment can be forecast"
    return {
        "at": iso(made.until_ms),
        "mean": made.mean,
        "any": made.chance_of_use,
        "quantiles": {str(level): made.quantile(level) for level in LEVELS},
    }


def _buckets(fleet: Fleet, use: PersonsUse, name: str, now_ms: int) -> Iterator[Record]:
    """Those of the account with a window that runs, in shares of the bucket."""
    account = fleet.accounts.get(name)
    for bucket in fleet.buckets.values() if account is not None else ():
        series = use.of_bucket(bucket) if account is not None and bucket.pool == account.pool else None
        if series is not None and bucket.resets_ms is not None and bucket.resets_ms > now_ms:
            made = forecast(series, now_ms, bucket.resets_ms)
            if made is not None:
                yield {"bucket": bucket.name, **_shown(made), **_kept(fleet, bucket, series)}


def _kept(fleet: Fleet, bucket: Bucket, series: Series) -> Record:
    """`wanted` is what the newsvendor's rule would keep now, `kept` what the coordinator keeps by its last forecast."""
    protection = protection_of(fleet, bucket, series)
    wanted = protection.present[0][1] if protection is not None and protection.present else 0.0
    sure = None if protection is None else protection.sure
    return {"wanted": wanted, "sure": sure, "kept": reserved.by_forecast(fleet, bucket)}
