"""Transcripts for tests: records as the client writes them, with only the fields that matter."""

from __future__ import annotations

import json
import weakref
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fleet.history.ledger import Ledger
from fleet.history.prices import Tokens
from fleet.history.scan import ConfigDir, ScanResult, scan

Line = dict[str, Any]
START_MS = 1_790_000_000_000
SECOND = "2026-09-21T12:26:{:02d}.{:03d}Z"


class FlatPrices:
    """A cent for a token of output, whatever the model; models of the name `unknown` have no price."""

    def __init__(self, digest: str = "flat", usd: float = 0.01) -> None:
        self.digest = digest
        self.usd = usd

    def price(self, model: str, at_ms: int, tokens: Tokens, *, batch: bool = False) -> float | None:
        return None if model == "unknown" else tokens.output * self.usd


def answer(
    message: str | None = "msg_1",
    request: str | None = "req_1",
    *,
    output: int = 100,
    second: int = 0,
    uuid: str = "",
    parent: str = "",
    session: str = "s1",
    model: str = "claude-sonnet-5-5",
    usage: Mapping[str, Any] | None = None,
    **more: Any,
) -> Line:
    """A copy of an answer, at that second of 2026-09-21 12:26. Ids that are None are left out."""
    used = {"input_tokens": 5, "cache_creation_input_tokens": 20, "cache_read_input_tokens": 300}
    said = {"role": "assistant", "model": model, "usage": {**used, "output_tokens": output, **(usage or {})}}
    line: Line = {
        "type": "assistant",
        "message": said if message is None else {**said, "id": message},
        "timestamp": SECOND.format(second, 0),
        "sessionId": session,
        "cwd": "/work/repo",
        "gitBranch": "main",
    }
    ids = {"requestId": request, "uuid": uuid or None, "parentUuid": parent or None}
    return line | {name: told for name, told in ids.items() if told is not None} | more


class Disk:
    """A config directory in a temporary directory, and a ledger beside it, which is closed once nobody has the disk."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.ledger = Ledger(root / "fleet.history.db")
        weakref.finalize(self, self.ledger.close)
        self.dirs = [ConfigDir(str(root / "config"), "me")]
        (root / "config" / "projects").mkdir(parents=True)

    def path(self, name: str, config_dir: str = "config") -> Path:
        path = self.root / config_dir / "projects" / "-work-repo" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        return path

    def write(self, name: str, *lines: Line | str, config_dir: str = "config") -> Path:
        path = self.path(name, config_dir)
        path.write_text("".join(text(line) + "\n" for line in lines))
        return path

    def append(self, name: str, *lines: Line | str, end: str = "\n") -> None:
        with self.path(name).open("a") as file:
            file.write("\n".join(map(text, lines)) + end)

    def scan(self, prices: FlatPrices | None = None) -> ScanResult:
        return scan(self.ledger, self.dirs, prices or FlatPrices())

    def outputs(self) -> list[int]:
        """Output tokens of each answer in the ledger."""
        return [row[0] for row in self.ask("SELECT output FROM answers ORDER BY at_ms, output")]

    def ask(self, sql: str) -> list[tuple[Any, ...]]:
        return self.ledger.connection.execute(sql).fetchall()


def text(line: Line | str) -> str:
    return line if isinstance(line, str) else json.dumps(line, separators=(",", ":"))


def told(ledger: Ledger) -> list[tuple[Any, ...]]:
    """All that the ledger says, without its own numbers: to compare two."""
    return ledger.connection.execute(
        """
        SELECT a.message, a.request, a.at_ms, model.text, account.text, project.text, branch.text, session.text,
            agent.text, p.sidechain, task.text, input, output, cache_write_5m, cache_write_1h, cache_read, cost_usd
        FROM answers AS a JOIN places AS p ON p.id = a.place JOIN texts AS model ON model.id = a.model
        JOIN texts AS account ON account.id = a.account JOIN texts AS task ON task.id = a.task
        JOIN texts AS project ON project.id = p.project JOIN texts AS branch ON branch.id = p.branch
        JOIN texts AS session ON session.id = p.session JOIN texts AS agent ON agent.id = p.agent
        ORDER BY a.message, a.request
        """
    ).fetchall()


def sums_told(ledger: Ledger) -> tuple[list[tuple[Any, ...]], list[tuple[Any, ...]]]:
    """Quarters and sessions as the ledger keeps them."""
    kept = "answers, input, output, cache_write_5m, cache_write_1h, cache_read, round(cost_usd, 6), unpriced"
    ask = ledger.connection.execute
    return (
        ask(
            f"SELECT quarter, account, project, model, fleet, {kept} FROM quarters ORDER BY 1, 2, 3, 4, 5"
        ).fetchall(),
        ask(
            f"SELECT session, account, project, model, task, attempt, first_ms, last_ms, {kept} FROM sessions"
            " ORDER BY 1, 2, 3, 4, 5, 6"
        ).fetchall(),
    )


def sums_of_answers(ledger: Ledger) -> tuple[list[tuple[Any, ...]], list[tuple[Any, ...]]]:
    """The same, made of the answers."""
    summed = (
        "count(*), sum(input), sum(output), sum(cache_write_5m), sum(cache_write_1h), sum(cache_read),"
        " round(total(cost_usd), 6), sum(cost_usd IS NULL)"
    )
    joined = "FROM answers AS a JOIN places AS p ON p.id = a.place"
    ask = ledger.connection.execute
    by_quarter = "at_ms / 900000, a.account, project, model, attempt != 0"
    quarters = f"SELECT {by_quarter}, {summed} {joined} GROUP BY 1, 2, 3, 4, 5"
    sessions = (
        f"SELECT session, a.account, project, model, task, attempt, min(at_ms), max(at_ms), {summed} {joined}"
        " GROUP BY 1, 2, 3, 4, 5, 6"
    )
    return ask(quarters).fetchall(), ask(sessions).fetchall()
