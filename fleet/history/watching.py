"""Readings of buckets as they are told while the client runs, between scans. Light: a status line waits for it."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass

from fleet.history.ledger.file import Ledger, transaction

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

PATIENCE_MS = 50
"""A scan that writes right now is not waited for: the next line tells the same again."""

AGAIN_MS = 600_000
"""What has not changed is told again after so long: it says that nothing was used meanwhile."""

RESET_JITTER_MS = 60_000
"""Resets of one and the same window are told with a jitter of seconds."""


@dataclass(frozen=True, slots=True)
class Level:
    """How full a bucket was said to be. `utilization` is 0–1, `resets_ms` epoch milliseconds; None: it was not said."""

    bucket: str
    utilization: float | None
    resets_ms: int | None


@dataclass(frozen=True, slots=True)
class Latest:
    """The last reading of a bucket that told its utilization."""

    account: str
    bucket: str
    at_ms: int
    utilization: float
    resets_ms: int | None


_BEFORE = """
SELECT at_ms, utilization, resets_at_ms FROM readings
WHERE account = (SELECT id FROM texts WHERE text = ?) AND bucket = (SELECT id FROM texts WHERE text = ?)
ORDER BY at_ms DESC LIMIT 1
"""

_PUT = """
INSERT OR IGNORE INTO readings (account, bucket, at_ms, source, status, utilization, resets_at_ms)
SELECT account.id, bucket.id, ?, source.id, 0, ?, ?
FROM texts AS account, texts AS bucket, texts AS source
WHERE account.text = ? AND bucket.text = ? AND source.text = ?
"""

_LATEST = """
SELECT account.text, bucket.text, r.at_ms, r.utilization, r.resets_at_ms
FROM texts AS account CROSS JOIN texts AS bucket
JOIN readings AS r ON r.account = account.id AND r.bucket = bucket.id
WHERE account.id IN (SELECT account FROM readings) AND bucket.id IN (SELECT bucket FROM readings)
    AND r.at_ms = (
        SELECT max(at_ms) FROM readings
        WHERE account = account.id AND bucket = bucket.id AND utilization IS NOT NULL
    )
    AND r.utilization IS NOT NULL
ORDER BY 1, 2
"""


def take(ledger: Ledger, account: str, told: Iterable[Level], at_ms: int, source: str) -> int:
    """Puts down what has changed; how many readings that was. Raises sqlite3.OperationalError when another process
    writes the ledger for longer than `PATIENCE_MS`, and then it is as it was."""
    new = [one for one in told if _is_news(ledger.connection, account, one, at_ms)]
    if not new:
        return 0
    with ledger.patient(PATIENCE_MS), transaction(ledger.connection):
        for one in new:
            texts = (account, one.bucket, source)
            ledger.connection.executemany(
                "INSERT OR IGNORE INTO texts (text) VALUES (?)", [(text,) for text in texts]
            )
            ledger.connection.execute(_PUT, (at_ms, one.utilization, one.resets_ms, *texts))
    return len(new)


def _is_news(connection: sqlite3.Connection, account: str, told: Level, at_ms: int) -> bool:
    before = connection.execute(_BEFORE, (account, told.bucket)).fetchone()
    if before is None:
        return True
    before_ms, utilization, resets_ms = before
    if utilization != told.utilization or at_ms - before_ms >= AGAIN_MS:
        return True
    if resets_ms is None or told.resets_ms is None:
        return resets_ms is not told.resets_ms
    return abs(int(resets_ms) - told.resets_ms) > RESET_JITTER_MS


def latest(connection: sqlite3.Connection) -> list[Latest]:
    """Of each account and bucket, by their names."""
    return [Latest(*row) for row in connection.execute(_LATEST)]
