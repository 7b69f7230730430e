"""What of the state faces are shown, section by section, and how a change of the fleet shows in it.

`tasks` by id, `accounts` and `hosts` by name, `workers` by attempt, `counts` of tasks by state, and of the `fleet` its
`breaker` with `breaker_since`: each in the shape in which `fleet.views.light` shows it. Pure.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from fleet.core.decisions import Note
from fleet.core.model import Account, Fleet, Task
from fleet.core.model.maps import changed
from fleet.core.model.task import SHOWN_STATES
from fleet.store.codec import as_text, encode
from fleet.views.light import records

Record = dict[str, Any]
Thing = tuple[str, str]

SECTIONS = ("tasks", "accounts", "workers", "hosts", "counts", "fleet")


class Changes:
    """Keeps the counts from one change to the next: `fleet.shell.feed.Shape`."""

    def __init__(self) -> None:
        self._tasks: Mapping[str, Task] = {}
        self._counts: Counter[str] = Counter()

    def __call__(
        self, fleet: Fleet, touched: Mapping[str, set[str]], now_ms: int
    ) -> Iterator[tuple[Thing, Any]]:
        for key in sorted(touched.get("tasks", ())):
            task = fleet.tasks.get(key)
            yield ("tasks", key), None if task is None else records.task_brief(_body(task))
        if "tasks" in touched:
            yield from self._counted(fleet.tasks)
        for name in sorted(_touched_accounts(fleet, touched)):
            yield ("accounts", name), _account(fleet, name, now_ms)
        for key in sorted(touched.get("attempts", ())):
            attempt = fleet.attempts.get(key)
            yield ("workers", key), None if attempt is None else records.worker(_body(attempt))
        workers: list[Record] = [{"host": attempt.host} for attempt in fleet.attempts.values()]
        # Each shows how many workers it has; where one that has gone was is not known any more.
        names = {*touched.get("hosts", ()), *(fleet.hosts if "attempts" in touched else ())}
        for name in sorted(names):
            host = fleet.hosts.get(name)
            yield ("hosts", name), None if host is None else records.host(_body(host), workers)
        if "policy" in touched:
            shown = records.breaker(_body(fleet.policy))
            for key in ("breaker", "breaker_since"):
                yield ("fleet", key), shown.get(key)

    def _counted(self, tasks: Mapping[str, Task]) -> Iterator[tuple[Thing, int | None]]:
        for key in changed(self._tasks, tasks):
            was, now = self._tasks.get(key), tasks.get(key)
            if was is not None:
                self._counts[was.shown_state] -= 1
            if now is not None:
                self._counts[now.shown_state] += 1
        self._tasks = tasks
        # Also those of which there are none now: whoever follows may have seen some.
        for state in SHOWN_STATES:
            yield ("counts", state), self._counts[state] or None


def event(seq: int, at_ms: int, note: Note) -> Record:
    """A line of the journal, as `fleet.views.light.records.event` shows it."""
    about = (note.task, note.attempt, note.account, note.host)
    data = json.loads(encode(note.data))
    return records.event((seq, at_ms, note.level, note.type, *about, as_text(note.text), data))


def _touched_accounts(fleet: Fleet, touched: Mapping[str, set[str]]) -> set[str]:
    keys = touched.get("buckets", set())
    if any(key not in fleet.buckets for key in keys):
        return {*fleet.accounts, *touched.get("accounts", ())}
    pools = {fleet.buckets[key].pool for key in keys}
    drawing = {account.name for account in fleet.accounts.values() if account.pool in pools}
    return {*touched.get("accounts", ()), *drawing}


def _account(fleet: Fleet, name: str, now_ms: int) -> Record | None:
    account: Account | None = fleet.accounts.get(name)
    if account is None or account.state == "removed":
        return None
    buckets = [
        records.bucket(_body(bucket), now_ms)
        for _, bucket in sorted(fleet.buckets.items())
        if bucket.pool == account.pool
    ]
    return records.account_brief(_body(account), buckets, now_ms)


def _body(value: Any) -> Record:
    """As the store keeps it."""
    body: Record = json.loads(encode(value))
    return body
