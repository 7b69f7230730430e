"""Ledgers made by hand: answers, tasks and readings at given moments, with the sums that a scan would keep."""

from __future__ import annotations

import sqlite3
import weakref
from dataclasses import dataclass
from datetime import datetime
from itertools import count
from pathlib import Path
from types import TracebackType
from zoneinfo import ZoneInfo

from fleet.history.ledger import DATABASE, Ledger

SUMS = """count(*), sum(input), sum(output), sum(cache_write_5m), sum(cache_write_1h), sum(cache_read),
    coalesce(sum(cost_usd), 0), sum(cost_usd IS NULL) FROM answers AS a JOIN places AS p ON p.id = a.place"""


def ms(text: str, zone: str = "UTC") -> int:
    """Epoch milliseconds of a local time; a trailing `*` is the second of two, where the clocks go back."""
    at = datetime.fromisoformat(text.rstrip("*")).replace(tzinfo=ZoneInfo(zone), fold=int(text.endswith("*")))
    return round(at.timestamp() * 1000)


@dataclass(frozen=True)
class Where:
    account: str = "work"
    project: str = "/src/app"
    model: str = "claude-sonnet-5"
    tier: str = "sonnet"
    session: str = "s1"
    task: str = ""


HERE = Where()


class Made:
    """Writes within a `with` block; the sums are made at its end."""

    def __init__(self, home: Path) -> None:
        self._ledger = Ledger(home / DATABASE)
        weakref.finalize(self, self._ledger.close)
        self._keys = count()

    @property
    def connection(self) -> sqlite3.Connection:
        return self._ledger.connection

    def __enter__(self) -> Made:
        self.connection.execute("BEGIN")
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self.connection.execute("DELETE FROM quarters")
        self.connection.execute("DELETE FROM sessions")
        self.connection.execute(
            "INSERT INTO quarters SELECT at_ms / 900000, a.account, project, model, attempt <> 0, "
            f"{SUMS} GROUP BY 1, 2, 3, 4, 5"
        )
        self.connection.execute(
            "INSERT INTO sessions SELECT session, a.account, project, model, task, attempt, min(at_ms), max(at_ms), "
            f"{SUMS} GROUP BY 1, 2, 3, 4, 5, 6"
        )
        self.connection.execute("COMMIT")

    def answer(
        self,
        at_ms: int,
        where: Where = HERE,
        *,
        tokens: tuple[int, int, int, int, int] = (1, 2, 3, 4, 5),
        usd: float | None = 1.0,
        times: int = 1,
    ) -> None:
        account, project, model, task = map(
            self._text, (where.account, where.project, where.model, where.task)
        )
        session, attempt = self._text(where.session), self._text(f"{where.task}.1" if where.task else "")
        self.connection.execute("INSERT OR IGNORE INTO models VALUES (?, ?)", (model, self._text(where.tier)))
        place = (account, account, project, 0, session, 0, 0)
        self.connection.execute(
            "INSERT OR IGNORE INTO places (config_dir, account, project, branch, session, agent, sidechain) "
            "VALUES (?, ?, ?, ?, ?, ?, ?)",
            place,
        )
        ((place_id,),) = self.connection.execute(
            "SELECT id FROM places WHERE session = ? AND project = ? AND account = ?",
            (session, project, account),
        ).fetchall()
        if where.task:
            self.connection.execute(
                "INSERT OR IGNORE INTO runs (session, task, attempt, project, account, tier, from_ms, to_ms) "
                "VALUES (?, ?, ?, ?, ?, ?, 0, 0)",
                (session, task, attempt, project, account, self._text(where.tier)),
            )
        for _ in range(times):
            key = next(self._keys)
            self.connection.execute(
                "INSERT INTO answers (message, request, preference, batch, at_ms, place, model, account, task, "
                "attempt, input, output, cache_write_5m, cache_write_1h, cache_read, cost_usd) "
                "VALUES (?, 0, 0, 0, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (key, at_ms, place_id, model, account, task, attempt, *tokens, usd),
            )

    def reading(
        self,
        at_ms: int,
        used: float | None,
        resets_ms: int | None,
        bucket: str = "five_hour",
        status: str = "",
    ) -> None:
        texts = self._text("test"), self._text(status)
        self.connection.execute(
            "INSERT INTO readings VALUES (?, ?, ?, ?, ?, ?, ?)",
            (self._text("work"), self._text(bucket), at_ms, *texts, used, resets_ms),
        )

    def _text(self, text: str) -> int:
        self.connection.execute("INSERT OR IGNORE INTO texts (text) VALUES (?)", (text,))
        ((number,),) = self.connection.execute("SELECT id FROM texts WHERE text = ?", (text,)).fetchall()
        return int(number)
