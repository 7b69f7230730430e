"""What the faces show: plain dicts and lists, ready for JSON, from the database as last committed.

Works while a coordinator runs and when none does; a home without a database is an empty one. Times are ISO 8601 in
UTC; what is unknown is None. Every function raises `fleet.store.errors.StoreUnreadable` for a database that cannot be
read. Only light modules are imported, as `fleet status` must start about as fast as the interpreter does.
"""

from __future__ import annotations

import time

from fleet.errors import NotFound
from fleet.moments import iso
from fleet.store.sqlite_reader import SqliteReader
from fleet.views.light import records
from fleet.views.light.running import coordinator
from fleet.views.needs import consents

TYPE_CHECKING = False
if TYPE_CHECKING:
    import os
    from collections.abc import Iterator

    from fleet.spoken.choice import Choice
    from fleet.views.light.records import Record

    Home = str | os.PathLike[str]


def status(home: Home, now_ms: int | None = None) -> Record:
    """The fleet at a glance. `coordinator` is None when none runs, `breaker` is why the circuit breaker is open, None
    while work may start, `breaker_until` when it closes by itself, if it does."""
    now_ms = _now_ms(now_ms)
    with SqliteReader(home) as reader:
        buckets = records.buckets_by_pool(reader.buckets(), now_ms)
        workers = [records.worker(body) for body in reader.workers()]
        in_trouble = reader.tasks_in_trouble()
        policy = reader.policy() or {}
        return {
            "accounts": [
                records.account_brief(body, buckets.get(body["pool"], []), now_ms)
                for body in reader.accounts()
            ],
            "tasks": reader.task_states(),
            "troubles": [
                {"task": body["id"], "state": body["state"], "story": records.trouble(body)}
                for body in in_trouble
                if not records.needs_consent(body)
            ],
            "needs": consents(map(records.task_brief, in_trouble)),
            "workers": workers,
            "hosts": [records.host(body, workers) for body in reader.hosts()],
            "breaker": policy.get("breaker") or "",
            "breaker_until": iso(policy.get("breaker_until_ms")),
            "paused_projects": _paused_projects(reader),
            "coordinator": coordinator(home),
        }


def paused_projects(home: Home) -> list[Record]:
    """By name, each with who has paused it, why, and until when."""
    with SqliteReader(home) as reader:
        return _paused_projects(reader)


def _paused_projects(reader: SqliteReader) -> list[Record]:
    return [
        {"name": body["name"], **(records.pause(body["paused"]) or {})} for body in reader.paused_projects()
    ]


def tasks(
    home: Home,
    choice: Choice | None = None,
    order: str = "added",
    *,
    reverse: bool = False,
    limit: int | None = None,
) -> Iterator[Record]:
    """The tasks of the choice, without one all of them, in one of `choice.ORDERS`: one at a time, at most so many."""
    with SqliteReader(home) as reader:
        yield from map(records.task_brief, reader.tasks(choice, order, reverse=reverse, limit=limit))


def tasks_count(home: Home, choice: Choice) -> int:
    with SqliteReader(home) as reader:
        return reader.tasks_count(choice)


def task(home: Home, task_id: str) -> Record:
    """Everything about one task, with its attempts and its history. Raises NotFound."""
    with SqliteReader(home) as reader:
        found = reader.task(task_id)
        if found is None:
            raise NotFound(f"there is no task {task_id}: see `fleet task list`")
        worktree = reader.worktree(task_id)
        return {
            **records.task_full(found),
            "worktree": records.worktree_brief(worktree) if worktree else None,
            "attempts": [records.attempt(body) for body in reader.attempts_of(task_id)],
            "history": [records.history_line(line) for line in reader.history(task_id)],
        }


def accounts(home: Home, now_ms: int | None = None) -> list[Record]:
    """All accounts but the removed ones, by name."""
    now_ms = _now_ms(now_ms)
    with SqliteReader(home) as reader:
        return _accounts(reader, reader.accounts(), now_ms)


def account(home: Home, name: str, now_ms: int | None = None) -> Record:
    """One account. Raises NotFound, also for a removed one."""
    now_ms = _now_ms(now_ms)
    with SqliteReader(home) as reader:
        found = reader.account(name)
        if found is None:
            raise NotFound(f"there is no account {name}: see `fleet account list`")
        return _accounts(reader, [found], now_ms)[0]


def worktrees(home: Home) -> list[Record]:
    """The worktrees that exist, and of the removed ones those with work preserved in a ref."""
    with SqliteReader(home) as reader:
        found = [records.worktree(body, state) for body, state in reader.worktrees()]
    return [one for one in found if one["state"] != "removed" or one["preserved"]]


def hosts(home: Home) -> list[Record]:
    """All hosts by name, this machine among them once it is known: with the first `fleet up`."""
    with SqliteReader(home) as reader:
        workers = [records.worker(body) for body in reader.workers()]
        return [records.host(body, workers) for body in reader.hosts()]


def host(home: Home, name: str) -> Record:
    """One host, with the worktrees on it and the last that was told of it. Raises NotFound."""
    with SqliteReader(home) as reader:
        found = reader.host(name)
        if found is None:
            raise NotFound(f"there is no host {name}: see `fleet host list`")
        workers = [records.worker(body) for body in reader.workers()]
        there = [records.worktree(*row) for row in reader.worktrees_on(name)]
        told = [records.history_line(line) for line in reader.host_history(name)]
        return records.host_full(found, workers, there, told)


def _accounts(reader: SqliteReader, bodies: list[Record], now_ms: int) -> list[Record]:
    buckets = records.buckets_by_pool(reader.buckets(), now_ms)
    workers = [records.worker(body) for body in reader.workers()]
    return [records.account(body, buckets.get(body["pool"], []), workers, now_ms) for body in bodies]


def _now_ms(now_ms: int | None) -> int:
    return time.time_ns() // 1_000_000 if now_ms is None else now_ms
