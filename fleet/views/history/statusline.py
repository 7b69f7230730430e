"""The client's status line: what its JSON tells of the account's windows is put down, and all accounts' headroom shown.

Light and quick, as the client asks for it again and again: nothing is waited for, and what cannot be done is left.
"""

from __future__ import annotations

import json
import math
import os
import sqlite3
import time
from contextlib import suppress

from fleet.history.ledger.file import DATABASE, Ledger, LedgerUnreadable
from fleet.history.ledger.owners import owners
from fleet.history.watching import Level, latest, take
from fleet.store.errors import StoreUnreadable
from fleet.views.history import places
from fleet.views.history.handing import hand_over
from fleet.views.light import state
from fleet.views.light.records import READING_LIFE_MS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import Any

    from fleet.views.light.records import Record

    Home = str | os.PathLike[str]

SOURCE = "status line"
LOST = (StoreUnreadable, LedgerUnreadable, sqlite3.Error, OSError)
"""What may be in the way; the client must not feel it."""

PERCENT = 100.0


def line(home: Home, said: str, environ: Mapping[str, str], now_ms: int | None = None) -> str:
    """Puts down what the client says, and gives the line to show. Never raises for what the client says, nor for a home
    or a ledger that cannot be used: then the line tells what else is known."""
    now_ms = time.time_ns() // 1_000_000 if now_ms is None else now_ms
    told = _told(said)
    account = places.label(home, config_dir(told, environ), environ, _owners(home))
    windows = list(windows_of(told, now_ms))
    seen = _seen(home, account, windows, now_ms)
    for window in windows:
        _note(seen, account, window.bucket, now_ms, window.utilization, window.resets_ms)
    shown = [_shown(name, buckets, now_ms, here=name == account) for name, buckets in sorted(seen.items())]
    return " | ".join(shown)


def _told(said: str) -> Mapping[str, Any]:
    try:
        told = json.loads(said)
    except (ValueError, RecursionError):
        return {}
    return told if isinstance(told, dict) else {}


def config_dir(told: Mapping[str, Any], environ: Mapping[str, str]) -> str:
    """Where the session's transcript lies says it best, then the environment."""
    path = told.get("transcript_path")
    if isinstance(path, str) and "/projects/" in path:
        return path.rpartition("/projects/")[0]
    return environ.get("CLAUDE_CONFIG_DIR") or places.own_defaults(environ)[0]


def windows_of(told: Mapping[str, Any], now_ms: int) -> Iterator[Level]:
    """The client tells percents and epoch seconds; some versions told ISO 8601. What is not as expected is left out,
    and so is a window that has reset."""
    limits = told.get("rate_limits")
    for bucket, window in limits.items() if isinstance(limits, dict) else ():
        if not isinstance(window, dict):
            continue
        used, resets_ms = _number(window.get("used_percentage")), _ms(window.get("resets_at"))
        if used is not None and used >= 0.0 and (resets_ms is None or resets_ms > now_ms):
            yield Level(bucket, used / PERCENT, resets_ms)


def _number(value: object) -> float | None:
    if not isinstance(value, int | float) or isinstance(value, bool):
        return None
    with suppress(OverflowError):
        return float(value) if math.isfinite(value) else None
    return None


def _ms(value: object) -> int | None:
    seconds = _number(value)
    if seconds is not None:
        return round(seconds * 1000) if abs(seconds) < 1e12 else None
    return _iso_ms(value) if isinstance(value, str) else None


def _iso_ms(text: str) -> int | None:
    from datetime import UTC, datetime

    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        return None
    return round((at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp() * 1000)


Seen = dict[str, dict[str, tuple[int, float, int | None]]]
"""By account and bucket: when it was read, its utilization, its reset."""


def _seen(home: Home, account: str, windows: list[Level], now_ms: int) -> Seen:
    """What the fleet's store and the ledger know, after the client's own windows were put down."""
    seen: Seen = {}
    accounts: dict[str, Record] = {}
    with suppress(*LOST):
        for one in state.status(home, now_ms)["accounts"]:
            accounts[one["name"]] = one
            _of_store(seen, one)
    with suppress(*LOST):
        if windows or os.path.exists(_path(home)):  # noqa: PTH110
            os.makedirs(home, mode=0o700, exist_ok=True)  # noqa: PTH103
            with Ledger(_path(home)) as ledger:
                # While a scan writes nothing is put down: the next line tells the same again.
                with suppress(sqlite3.OperationalError):
                    if take(ledger, account, windows, now_ms, SOURCE) and account in accounts:
                        hand_over(home, accounts[account], windows, now_ms)
                for last in latest(ledger.connection):
                    if (
                        last.account in seen
                        or last.account == account
                        or _is_fresh(last.at_ms, last.resets_ms, now_ms)
                    ):
                        _note(seen, last.account, last.bucket, last.at_ms, last.utilization, last.resets_ms)
    return seen


def _owners(home: Home) -> dict[str, str]:
    with suppress(*LOST), Ledger(_path(home), read_only=True) as ledger:
        return owners(ledger.connection)
    return {}


def _is_fresh(at_ms: int, resets_ms: int | None, now_ms: int) -> bool:
    """Past its reset a reading is unknown; without one after some hours."""
    return now_ms < (at_ms + READING_LIFE_MS if resets_ms is None else resets_ms)


def _path(home: Home) -> str:
    return os.path.join(os.fspath(home), DATABASE)  # noqa: PTH118


def _of_store(seen: Seen, account: Record) -> None:
    buckets = seen.setdefault(account["name"], {})
    for one in account["buckets"]:
        used = 1.0 if one["status"] == "rejected" else one["utilization"]
        at_ms = _iso_ms(one["observed_at"] or "")
        if used is not None and at_ms is not None:
            buckets[one["name"]] = (at_ms, used, _iso_ms(one["resets_at"] or ""))


def _note(
    seen: Seen, account: str, bucket: str, at_ms: int, used: float | None, resets_ms: int | None
) -> None:
    """Of two readings the later one counts."""
    buckets = seen.setdefault(account, {})
    if used is not None and (bucket not in buckets or at_ms >= buckets[bucket][0]):
        buckets[bucket] = (at_ms, used, resets_ms)


def _shown(
    name: str, buckets: Mapping[str, tuple[int, float, int | None]], now_ms: int, *, here: bool
) -> str:
    """`work 62% left (5h until 14:02)`: of its fullest bucket."""
    fresh = [
        (used, bucket, resets_ms)
        for bucket, (at_ms, used, resets_ms) in buckets.items()
        if _is_fresh(at_ms, resets_ms, now_ms)
    ]
    mark = "*" if here else ""
    if not fresh:
        return f"{mark}{name} ?"
    used, bucket, resets_ms = max(fresh, key=lambda one: one[:2])
    until = "" if resets_ms is None else f" until {_clock(resets_ms, now_ms)}"
    return f"{mark}{name} {max(0.0, 1.0 - used):.0%} left ({_short(bucket)}{until})"


def _short(bucket: str) -> str:
    return bucket.replace("five_hour", "5h").replace("seven_day", "7d").replace("_", " ")


def _clock(at_ms: int, now_ms: int) -> str:
    """Of the person's own zone; with the day when it is not within twenty hours."""
    near = at_ms - now_ms < 20 * 3_600_000
    return time.strftime("%H:%M" if near else "%a %H:%M", time.localtime(at_ms / 1000))
