"""Reports from a home's ledger as plain records, ready for JSON and CSV. Light: see `fleet.views.light.state`."""

from __future__ import annotations

import os
import time
from contextlib import contextmanager
from dataclasses import asdict, replace

from fleet.history.ledger import DATABASE, Ledger
from fleet.moments import iso

TYPE_CHECKING = False
if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Iterable, Iterator
    from datetime import tzinfo
    from typing import Any

    from fleet.history.reports.choice import Choice
    from fleet.history.reports.heatmap import Heatmap
    from fleet.history.reports.uses import Unpriced, Use
    from fleet.views.light.records import Record

    Home = str | os.PathLike[str]

USE_KEYS = (
    "key",
    "answers",
    "input",
    "output",
    "cache_write_5m",
    "cache_write_1h",
    "cache_read",
    "cost_usd",
)
_FIGURES = (*USE_KEYS[1:], "unpriced")
BLOCK_KEYS = ("begins_at", "ends_at", "account", "active", "gap_hours", "reset_read", *_FIGURES)
TASK_KEYS = ("task", "project", "tier", "attempts", "first_at", "last_at", *_FIGURES)
BURN_KEYS = (
    "account",
    "bucket",
    "utilization",
    "read_at",
    "used_since",
    "now",
    "per_hour",
    "resets_at",
    "full_at",
    "at_reset_p10",
    "at_reset_p50",
    "at_reset_p90",
)
FIVE_HOUR = "five_hour"
FIVE_HOURS_MS = 5 * 3_600_000
UNUSED_KEYS = ("account", "bucket", "windows", "mean", "whole", "unseen_hours_mean")
EXPIRED_KEYS = ("account", "bucket", "reset_at", "unused", "unseen_hours")


def ledger_path(home: Home) -> str:
    return os.path.join(os.fspath(home), DATABASE)  # noqa: PTH118 pathlib costs start-up


def is_read(home: Home) -> bool:
    """Whether any transcript has been read into the ledger."""
    return os.path.exists(ledger_path(home))  # noqa: PTH110


@contextmanager
def ledger(home: Home) -> Iterator[sqlite3.Connection]:
    """For reading. Raises LedgerUnreadable."""
    with Ledger(ledger_path(home), read_only=True) as opened:
        yield opened.connection


def unbilled(home: Home) -> tuple[str, ...]:
    """The accounts whose use costs nothing. Raises StoreUnreadable."""
    from fleet.store.sqlite_reader import SqliteReader

    with SqliteReader(home) as reader:
        return tuple(reader.unbilled())


def uses(home: Home, by: str, choice: Choice, zone: tzinfo | None) -> tuple[list[Use], list[Unpriced]]:
    """The rows, and the models among them that have no price."""
    from fleet.history.reports import uses as report

    with ledger(home) as connection:
        return report.uses(connection, by, choice, zone), report.unpriced(connection, choice)


def use_record(use: Use) -> Record:
    """What scripts count on: `USE_KEYS`, no more."""
    return {key: getattr(use, key) for key in USE_KEYS}


def blocks(home: Home, choice: Choice) -> list[Record]:
    from fleet.history.reports.blocks import blocks as report

    with ledger(home) as connection:
        found = report(connection, choice, _now_ms())
        resets = _resets_read(connection, choice)
    return [
        {
            "begins_at": iso(one.begins_ms),
            "ends_at": iso(one.ends_ms),
            "account": one.account,
            "active": one.active,
            "gap_hours": one.gap_ms / 3_600_000,
            "reset_read": iso(resets(one.account, one.begins_ms, one.ends_ms)),
            **_figures(one.use),
        }
        for one in found
    ]


def _resets_read(connection: sqlite3.Connection, choice: Choice) -> Callable[[str, int, int], int | None]:
    """Account, begin, end → the last reset of a five-hour window that was read in this time; None: nobody read one."""
    from fleet.history.reports.readings import readings

    read: dict[str, list[tuple[int, int]]] = {}
    for one in readings(connection, choice):
        if one.bucket == FIVE_HOUR and one.resets_ms is not None and one.at_ms < one.resets_ms:
            read.setdefault(one.account, []).append((one.at_ms, one.resets_ms))

    def found(account: str, begins_ms: int, ends_ms: int) -> int | None:
        within = [reset for at, reset in read.get(account, ()) if begins_ms <= at < ends_ms]
        return within[-1] if within else None

    return found


def not_read(home: Home, choice: Choice, seen: Iterable[str]) -> list[str]:
    """The accounts that used something in the last five hours, and of which no open window is `seen`."""
    from fleet.history.reports.uses import uses as report

    recent = replace(choice, since_ms=_now_ms() - FIVE_HOURS_MS)
    with ledger(home) as connection:
        used = [row.key for row in report(connection, "account", recent)]
    return sorted({*used} - {*seen})


def _figures(use: Use) -> Record:
    """`unpriced` is how many answers have no price: `cost_usd` is that of the others."""
    return {key: getattr(use, key) for key in _FIGURES}


def heatmap(home: Home, choice: Choice, measure: str, zone: tzinfo | None) -> Heatmap:
    from fleet.history.reports.heatmap import heatmap as report

    with ledger(home) as connection:
        return report(connection, choice, measure, zone)


def heatmap_records(found: Heatmap) -> list[Record]:
    """A record for each hour of the week."""
    from fleet.history.reports.heatmap import DAYS

    return [
        {"weekday": day, "hour": hour, found.measure: value}
        for day, row in zip(DAYS, found.cells, strict=True)
        for hour, value in enumerate(row)
    ]


def tasks(home: Home, choice: Choice) -> list[Record]:
    from fleet.history.reports.tasks import task_uses

    with ledger(home) as connection:
        found = task_uses(connection, choice)
    return [
        {
            "task": one.task,
            "project": one.project,
            "tier": one.tier,
            "attempts": one.attempts,
            "first_at": iso(one.first_ms),
            "last_at": iso(one.last_ms),
            **_figures(one.use),
        }
        for one in found
    ]


def burn(home: Home, choice: Choice) -> list[Record]:
    """Open windows. Readings are those of the ledger, and those of the fleet's own store."""
    from fleet.history.reports.burn import projections
    from fleet.history.reports.readings import readings
    from fleet.views.history.readings import latest_of_store

    with ledger(home) as connection:
        every = readings(connection, choice)
        every += [one for one in latest_of_store(home) if choice.account in (None, one.account)]
        found = projections(connection, every, _now_ms())
    return [
        {
            "account": one.account,
            "bucket": one.bucket,
            "utilization": one.utilization,
            "read_at": iso(one.read_ms),
            "used_since": one.used_since,
            "now": one.now,
            "per_hour": one.per_hour,
            "resets_at": iso(one.resets_ms),
            "full_at": iso(one.full_ms),
            "at_reset_p10": one.low,
            "at_reset_p50": one.middle,
            "at_reset_p90": one.high,
        }
        for one in found
    ]


def unused(home: Home, choice: Choice, *, each: bool) -> list[Record]:
    """By bucket, or `each` window. Windows that are over, as far as they were seen."""
    from fleet.history.reports.readings import readings, windows
    from fleet.history.reports.unused import by_bucket, expired

    now_ms = _now_ms()
    with ledger(home) as connection:
        every = windows(readings(connection, choice))
        found = expired(every, choice.since_ms or 0, min(choice.until_ms or now_ms, now_ms))
    if each:
        return [_with_times(asdict(one)) for one in found]
    return [_with_times(asdict(one)) for one in by_bucket(found)]


def _with_times(record: Record) -> Record:
    """Times as ISO, spans of time in hours."""
    return dict(_told(key, value) for key, value in record.items())


def _told(key: str, value: Any) -> tuple[str, Any]:
    if key == "resets_ms":
        return "reset_at", iso(value)
    if key.startswith("unseen_ms"):
        return key.replace("_ms", "_hours"), value / 3_600_000
    return key, value


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
