"""Whether a home stays small: a hundred days of a thousand landed tasks each, cleaned every tenth day and not at all.

Tasks go in by way of the store, with an attempt, a removed worktree and a history each; runs and logs lie on the disk.
"""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from benchmarks.adding import repository
from benchmarks.figure import Figure, Options
from benchmarks.machine import beside
from fleet.core.decisions import Note
from fleet.core.model import Account, Attempt, Task, TaskSpec, Worktree
from fleet.home import Home
from fleet.ports import Change
from fleet.service.cleaning import clean
from fleet.shell.cleaning import Rule
from fleet.spoken.spans import DAY_MS
from fleet.store.sqlite import SqliteStore

DAYS = 100
A_DAY = 1_000
CLEANED_EVERY = 10
OLD_MS = 10 * DAY_MS
LINES = 8
"""Of a task's history."""
SPOOL_BYTES = 8_000
RUNS_OF = 10
"""One task of so many has a run and a log on the disk."""
TARGET = 0.5
"""What a cleaned home has at most, of one that is not: 20 of 100 days would be 0.2."""


def measure(options: Options) -> list[Figure]:
    a_day = A_DAY // 20 if options.quick else A_DAY
    with tempfile.TemporaryDirectory(prefix="fleet-bench-") as scratch:
        repo = repository(Path(scratch) / "repo")
        kept, cleaned = Home(Path(scratch) / "kept"), Home(Path(scratch) / "cleaned")
        took, most = [], {"database": 0, "runs": 0}
        for home in (kept, cleaned):
            home.make()
        began_ms = time.time_ns() // 1_000_000 - DAYS * DAY_MS
        for first in range(1, DAYS + 1, CLEANED_EVERY):
            days = {day: began_ms + day * DAY_MS for day in range(first, first + CLEANED_EVERY)}
            for home in (kept, cleaned):
                _pass(home, repo, days, a_day, runs=home is cleaned)
            most = {name: max(size, most[name]) for name, size in _sizes(cleaned).items()}
            before = time.perf_counter()
            older_ms = time.time_ns() // 1_000_000 - max(days.values()) + OLD_MS
            clean(cleaned, Rule(older_than_ms=older_ms), os.environ)
            took.append(time.perf_counter() - before)
        whole, left = _sizes(kept)["database"], _sizes(cleaned)
        told = {"not_cleaned_mb": whole / 1e6, "most_mb": most["database"] / 1e6}
        return [
            Figure(
                f"database of {DAYS * a_day:,} tasks, cleaned / not",
                round(most["database"] / whole, 3),
                TARGET,
                detail={**{name: round(mb, 1) for name, mb in told.items()}, **beside()},
            ),
            Figure("… after the last cleaning", round(left["database"] / 1e6, 1), None, "MB"),
            Figure("… runs and logs, at most", round(most["runs"] / 1e6, 1), None, "MB"),
            Figure("… runs and logs, after it", round(left["runs"] / 1e6, 1), None, "MB"),
            Figure("… the longest cleaning", round(max(took), 1), None, "s"),
        ]


def _pass(home: Home, repo: Path, days: Mapping[int, int], a_day: int, *, runs: bool) -> None:
    """Days, each with its end (ms), on which so many tasks land."""
    store = SqliteStore(home.database)
    fleet = store.load().fleet
    for day, at_ms in days.items():
        tasks = {f"t{n}": _task(n, repo, at_ms) for n in range((day - 1) * a_day + 1, day * a_day + 1)}
        attempts = [_attempt(task, at_ms) for task in tasks.values()]
        notes = [(at_ms, _note(name, line)) for name in tasks for line in range(LINES)]
        after = replace(
            fleet,
            tasks={**fleet.tasks, **tasks},
            worktrees={
                **fleet.worktrees,
                **{name: Worktree(name, str(repo), 0, "removed") for name in tasks},
            },
            accounts=fleet.accounts or {"work": Account("work", "subscription", (("s", "s"),), 4, "work", 1)},
            tasks_made=day * a_day,
        )
        store.commit(Change(fleet, after, ended=attempts, notes=notes))
        fleet = after
        for attempt in attempts[::RUNS_OF] if runs else ():
            (home.runs / attempt.id).mkdir(parents=True)
            (home.runs / attempt.id / "spool").write_bytes(b"o" * SPOOL_BYTES)
            home.checks.mkdir(exist_ok=True)
            (home.checks / f"{attempt.id}.log").write_bytes(b"ok\n" * 100)
    store.close()


def _task(number: int, repo: Path, at_ms: int) -> Task:
    spec = TaskSpec(
        prompt=f"Change number {number}. {'Keep to its style. ' * 20}",
        repo=str(repo),
        title=f"Change number {number}",
        tiers=("sonnet",),
        target="main",
        land="merge",
        verify=("make test",),
    )
    return Task(
        f"t{number}",
        number,
        spec,
        at_ms,
        "landed",
        attempt=f"t{number}.1",
        attempts=1,
        branch=f"fleet/t{number}-change-number-{number}",
        landed_commit="c" * 40,
        ended_ms=at_ms,
    )


def _attempt(task: Task, at_ms: int) -> Attempt:
    session = f"00000000-0000-4000-8000-{task.number:012}"
    started = Attempt(f"{task.id}.1", task.id, 1, "work", "sonnet", "s", "local", session, at_ms)
    return replace(started, state="ended", reason="finished", ended_ms=at_ms)


def _note(task: str, line: int) -> Note:
    text = f"what is told of it, line {line}, with as many words as such a line has"
    return Note(id="", cause="bench", level="info", type="task.released", text=text, task=task)


def _sizes(home: Home) -> dict[str, int]:
    database = sum(path.stat().st_size for path in home.root.glob("fleet.db*"))
    folders = (home.runs, home.checks)
    runs = sum(p.stat().st_size for f in folders if f.is_dir() for p in f.rglob("*") if p.is_file())
    return {"database": database, "runs": runs}
