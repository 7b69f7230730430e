"""A home with many running attempts, as a coordinator would have left it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from fleet.core.model import HERE, Account, Attempt, Host, Task, TaskSpec, Worktree
from fleet.home import Home
from fleet.ports import Change
from fleet.store.sqlite import SqliteStore

ACCOUNTS = 10


def lay_out(root: Path, count: int, host: Host | None = None) -> list[str]:
    """Makes the home with `count` running attempts, on `host` or here; gives their ids."""
    home = Home(root)
    home.make()
    store = SqliteStore(home.database)
    empty = store.load().fleet
    accounts = [_account(f"a{number}") for number in range(ACCOUNTS)]
    tasks = [_task(number) for number in range(1, count + 1)]
    there = host.name if host else HERE
    attempts = [_attempt(task, accounts[task.number % ACCOUNTS], there) for task in tasks]
    after = replace(
        empty,
        accounts={account.name: account for account in accounts},
        tasks={task.id: task for task in tasks},
        attempts={attempt.id: attempt for attempt in attempts},
        worktrees={
            t.id: Worktree(t.id, t.spec.repo, t.number, "ready", f"/worktrees/{t.id}", host=there)
            for t in tasks
        },
        hosts={host.name: host} if host else {},
        tasks_made=count,
    )
    store.commit(Change(empty, after))
    store.close()
    for attempt in attempts:
        (runs_of(home, host) / attempt.id).mkdir(parents=True)
    return [attempt.id for attempt in attempts]


def runs_of(home: Home, host: Host | None) -> Path:
    """Where the supervisors are: there, or here."""
    return home.runs if host is None or host.directory is None else Path(host.directory, "runs")


def _account(name: str) -> Account:
    tiers = (("haiku", "haiku"), ("sonnet", "sonnet"), ("opus", "opus"))
    return Account(
        name, "subscription", tiers, concurrency=40, pool=name, added_ms=1, allowance=40, answered_ms=1
    )


def _task(number: int) -> Task:
    spec = TaskSpec("Mend the parser.", "/repo", f"Mend {number}", ("sonnet",), "main")
    return Task(
        f"t{number}",
        number,
        spec,
        1,
        "running",
        attempt=f"t{number}.1",
        attempts=1,
        session_id=_session(number),
    )


def _attempt(task: Task, account: Account, host: str) -> Attempt:
    session = task.session_id or ""
    return Attempt(
        f"{task.id}.1",
        task.id,
        1,
        account.name,
        "sonnet",
        "sonnet",
        host,
        session,
        1,
        "running",
        began=True,
    )


def _session(number: int) -> str:
    return f"7c1b3f0e-0000-4000-8000-{number:012d}"
