"""What changes rows that are there: the fleet's own runs, and prices."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import astuple, dataclass
from typing import Any

from fleet.history.ledger.file import Ledger, transaction
from fleet.history.ledger.statements import statements, sum_again
from fleet.history.ledger.texts import Texts
from fleet.history.prices import Tokens
from fleet.history.transcripts.answers import Prices
from fleet.history.transcripts.limits import Reading

PRICES = "prices"
"""The name in `meta` of the digest of the prices that all costs were made with."""


@dataclass(frozen=True, slots=True)
class Run:
    """An attempt of the fleet's. This session's answers from `from_ms` to `to_ms` (None: it still runs) are its own."""

    session: str
    task: str
    attempt: str
    project: str
    account: str
    tier: str
    from_ms: int
    to_ms: int | None


def put_runs(ledger: Ledger, runs: Iterable[Run]) -> int:
    """Makes the runs known, gives their answers to them, and sums anew. Returns how many were new or different."""
    connection, sql = ledger.connection, statements()
    with transaction(connection):
        make_touched(connection)
        texts = Texts(connection)
        changed = 0
        for run in runs:
            row = tuple(texts.id(told) if isinstance(told, str) else told for told in astuple(run))
            if connection.execute(sql["put_run"], row).rowcount > 0:
                connection.execute(sql["touch_session"], row[:1])
                changed += 1
        if changed:
            connection.execute(sql["quarters_of_sessions"])
            connection.execute(sql["apply_runs"])
            sum_again(connection, "touched")
    return changed


def add_readings(
    connection: sqlite3.Connection, texts: Texts, account: str, readings: Sequence[Reading]
) -> int:
    """Within a transaction of the caller's. Returns how many were new."""
    if not readings:
        return 0
    told = texts.id(account)
    rows = [
        (
            told,
            texts.id(r.bucket),
            r.at_ms,
            texts.id(r.source),
            texts.id(r.status),
            r.utilization,
            r.resets_at_ms,
        )
        for r in readings
    ]
    return max(0, connection.executemany(statements()["put_reading"], rows).rowcount)


def _are_priced_with(connection: sqlite3.Connection, prices: Prices) -> bool:
    """Whether all costs were made with these prices."""
    found = connection.execute(statements()["get_meta"], (PRICES,)).fetchone()
    return found is not None and found[0] == prices.digest


def price_again(connection: sqlite3.Connection, prices: Prices) -> int:
    """Makes all costs anew where they were made with other prices, within a transaction of the caller's. Returns how
    many changed."""
    if _are_priced_with(connection, prices):
        return 0
    sql = statements()
    changed = list(_other_costs(connection.execute(sql["costs"]), prices))
    connection.executemany(sql["put_cost"], changed)
    if changed:
        sum_again(connection, "all")
    connection.execute(sql["put_meta"], (PRICES, prices.digest))
    return len(changed)


def _other_costs(rows: Iterable[tuple[Any, ...]], prices: Prices) -> Iterator[tuple[float | None, int]]:
    for rowid, model, at_ms, *tokens, batch, before in rows:
        cost = prices.price(model, at_ms, Tokens(*tokens), batch=bool(batch))
        if cost != before:
            yield cost, rowid


def make_touched(connection: sqlite3.Connection) -> None:
    """The temporary tables of what a small change touches, empty."""
    for name in ("messages", "quarters", "sessions"):
        connection.execute(statements()[f"make_touched_{name}"])
        connection.execute(statements()[f"forget_touched_{name}"])
