"""How long `fleet status` takes on a large home, against the interpreter importing sqlite3.

Whole processes, taking turns, so that the median of the ratios of neighbours holds on a machine that does other things
too.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import sysconfig
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from benchmarks.figure import Figure, Options, spread
from fleet.core.decisions import Note
from fleet.core.model import Account, Attempt, Bucket, Fleet, Host, Task, TaskSpec, Worktree, bucket_key
from fleet.core.model.lifecycles import TASK_ENDS, TaskState
from fleet.ports import Change
from fleet.store.sqlite import SqliteStore

TASKS = 10_000
ACCOUNTS = 50
WORKERS = 20
HOSTS = 20
ROUNDS = 25
WARM_UPS = 2
"""The first rounds compile and warm the caches."""
TARGET = 2.0
STATES: tuple[TaskState, ...] = ("queued", "waiting", "landed", "failed", "cancelled")
WINDOWS = (("five_hour", None), ("seven_day", None), ("seven_day_opus", "opus"))


def fill(home: Path) -> float:
    """Fills the home by way of the store; returns the seconds that it takes to load it again."""
    store = SqliteStore(home / "fleet.db")
    before = store.load().fleet
    after = _fleet(before.home_id, time.time_ns() // 1_000_000)
    notes = [
        (after.now_ms, Note(id="", cause="bench", level="info", type="task.released", text="added", task=id_))
        for id_ in after.tasks
    ]
    ended = [_attempt(task, "ended") for task in after.tasks.values() if task.state in TASK_ENDS]
    store.commit(Change(before, after, ended=ended, notes=notes))
    started = time.perf_counter()
    store.load()
    took = time.perf_counter() - started
    store.close()
    return took


def _fleet(home_id: str, now_ms: int) -> Fleet:
    tasks = [_task(number, now_ms) for number in range(1, TASKS + 1)]
    running = tasks[-WORKERS:]
    accounts = [_account(number, now_ms) for number in range(ACCOUNTS)]
    buckets = [_bucket(a.pool, name, scope, now_ms) for a in accounts for name, scope in WINDOWS]
    return Fleet(
        now_ms=now_ms,
        home_id=home_id,
        tasks={task.id: task for task in tasks},
        attempts={f"{task.id}.1": _attempt(task, "running") for task in running},
        accounts={account.name: account for account in accounts},
        buckets={bucket_key(bucket.pool, bucket.name): bucket for bucket in buckets},
        hosts={"local": Host("local", WORKERS, 8_000_000_000, now_ms), **_hosts(now_ms)},
        worktrees={task.id: Worktree(task.id, task.spec.repo, slot) for slot, task in enumerate(running)},
        tasks_made=TASKS,
    )


def _hosts(now_ms: int) -> dict[str, Host]:
    names = [f"box{number}" for number in range(HOSTS)]
    return {
        name: Host(name, 8, 8_000_000_000, now_ms, address=f"ssh://fleet@{name}", labels=("gpu",))
        for name in names
    }


def _task(number: int, now_ms: int) -> Task:
    state = "running" if number > TASKS - WORKERS else STATES[number % len(STATES)]
    prompt = (
        f"Change number {number}. "
        + "Read the code around it first, keep to its style, and add a test. " * 10
    )
    spec = TaskSpec(
        prompt, "/srv/repository", f"Change {number}", ("sonnet", "opus"), "main", verify=("make test",)
    )
    ended = now_ms if state in TASK_ENDS else None
    return Task(f"t{number}", number, spec, now_ms, state, attempt=f"t{number}.1", attempts=1, ended_ms=ended)


def _attempt(task: Task, state: str) -> Attempt:
    account = f"account{task.number % ACCOUNTS}"
    return Attempt(
        id=f"{task.id}.1",
        task=task.id,
        number=1,
        account=account,
        tier="sonnet",
        model="sonnet",
        host="local",
        session_id=f"session-{task.id}",
        started_ms=task.created_ms,
        state="ended" if state == "ended" else "running",
    )


def _account(number: int, now_ms: int) -> Account:
    name = f"account{number}"
    return Account(name, "subscription", (("sonnet", "sonnet"), ("opus", "opus")), 4, name, now_ms)


def _bucket(pool: str, name: str, scope: str | None, now_ms: int) -> Bucket:
    resets_ms = now_ms + 3_600_000
    return Bucket(pool, name, scope, now_ms, "stream", utilization=0.4, resets_ms=resets_ms, status="allowed")


def seconds(command: Sequence[str], environment: Mapping[str, str], cwd: Path) -> float:
    started = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, env=environment, cwd=cwd)
    return time.perf_counter() - started


def measure(options: Options) -> list[Figure]:
    """The commands and the bare interpreter take turns; each round gives one ratio."""
    rounds = 5 if options.quick else ROUNDS
    fleet = str(Path(sysconfig.get_path("scripts")) / "fleet")
    commands = {
        "sqlite3": [sys.executable, "-I", "-c", "import sqlite3"],
        "status": [fleet, "status"],
        "status_json": [fleet, "status", "--json"],
        "help": [fleet, "--help"],
    }
    with tempfile.TemporaryDirectory(prefix="fleet-bench-") as scratch:
        home = Path(scratch)
        loaded_s = fill(home)
        environment = {"PATH": os.environ["PATH"], "HOME": scratch, "FLEET_HOME": scratch}
        took: dict[str, list[float]] = {name: [] for name in commands}
        for number in range(-WARM_UPS, rounds):
            for name, command in commands.items():
                took_s = seconds(command, environment, home)
                if number >= 0:
                    took[name].append(took_s)
    told = {"rounds": rounds, **spread("status", took["status"]), **spread("sqlite3", took["sqlite3"])}
    return [
        Figure("fleet status / import sqlite3", _ratio(took["status"], took["sqlite3"]), TARGET, detail=told),
        Figure("fleet status --json / import sqlite3", _ratio(took["status_json"], took["sqlite3"]), None),
        Figure("fleet --help / import sqlite3", _ratio(took["help"], took["sqlite3"]), None),
        Figure("loading that home", round(loaded_s * 1000, 1), None, "ms"),
    ]


def _ratio(these: Sequence[float], those: Sequence[float]) -> float:
    return round(statistics.median(a / b for a, b in zip(these, those, strict=True)), 3)
