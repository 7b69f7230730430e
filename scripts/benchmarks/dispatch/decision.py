"""How long a decision takes: one step that places a task, without and with prices, and one where nothing can be placed,
by length of queue.

The engine's time for one event on a store in memory, and the exponent of growth fitted over the lengths (1 is linear).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from time import process_time_ns

from benchmarks.dispatch.growth import exponent
from benchmarks.figure import Figure, Options
from fleet.core import events
from fleet.core.model import Account, Attempt, Bucket, Fleet, Host, Task, TaskSpec, bucket_key, queue_of
from fleet.engine import Engine
from fleet.planning import plan
from fleet.virtual.memory_store import Memory, MemoryStore

LENGTHS = (100, 1_000, 10_000)
ACCOUNTS = 20
TIERS = ("haiku", "sonnet", "opus")
NOW_MS = 1_760_000_000_000
ROUNDS = 15
PLANNING_S = 60.0
TARGET_MS = 10.0
EXPONENT_MAX = 1.15
"""n log n from 100 to 10,000 tasks grows 200-fold: log 200 / log 100."""


def fleet_of(length: int, *, full: bool, classes: bool) -> Fleet:
    """`length` queued tasks on 20 accounts with four windows each. `full`: no account takes one more worker. `classes`:
    half of the tasks have a session, which stays on its account."""
    accounts = {f"a{n}": _account(n, full=full) for n in range(ACCOUNTS)}
    tasks = {f"t{n}": _task(n, classes=classes) for n in range(1, length + 1)}
    return Fleet(
        now_ms=NOW_MS,
        home_id="bench",
        tasks=tasks,
        accounts=accounts,
        buckets={bucket_key(b.pool, b.name): b for n in range(ACCOUNTS) for b in _buckets(n, full=full)},
        hosts={"here": Host("here", workers_max=1_000, memory_free_bytes=10**13)},
        queue=queue_of(tasks.values()),
        tasks_made=length,
    )


def _account(n: int, *, full: bool) -> Account:
    tiers = tuple((tier, tier) for tier in TIERS)
    busy_until_ms = NOW_MS + 60_000 if full and n % 2 else 0
    return Account(
        f"a{n}", "subscription", tiers, 50, f"a{n}", NOW_MS, allowance=50, busy_until_ms=busy_until_ms
    )


def _buckets(n: int, *, full: bool) -> list[Bucket]:
    refused_until_ms = NOW_MS + 3_600_000 if full and n % 2 == 0 else None
    names = (("five_hour", None), ("seven_day", None), ("seven_day_opus", "opus"), ("month", None))
    return [
        Bucket(
            f"a{n}",
            name,
            scope,
            NOW_MS,
            "stream",
            0.01 * n,
            NOW_MS + 7_200_000,
            refused_until_ms=refused_until_ms,
        )
        for name, scope in names
    ]


def _task(n: int, *, classes: bool) -> Task:
    spec = TaskSpec(
        "do it", "/repo", f"task {n}", TIERS[n % 3 :] or TIERS, "main", priority=n % 5 if classes else 0
    )
    task = Task(id=f"t{n}", number=n, spec=spec, created_ms=NOW_MS, state="queued")
    return (
        replace(task, session_id=f"s{n}", session_account=f"a{n % ACCOUNTS}") if classes and n % 2 else task
    )


def milliseconds(fleet: Fleet, rounds: int) -> float:
    """The median of milliseconds that the engine takes for one event, state and decisions committed."""
    took = []
    for n in range(rounds):
        engine = Engine(MemoryStore(Memory(fleet)))
        event = events.Beat(at_ms=NOW_MS + n, id=f"e{n}")
        begun = process_time_ns()
        engine.apply([event])
        took.append(process_time_ns() - begun)
    return sorted(took)[rounds // 2] / 1e6


def one_place(fleet: Fleet) -> Fleet:
    """The fleet with a host that has room for exactly one more worker."""
    return replace(fleet, hosts={"here": Host("here", workers_max=1, memory_free_bytes=10**13)})


def priced(fleet: Fleet) -> Fleet:
    """The fleet with the prices of a plan, as it has them between two plans."""
    return replace(fleet, prices=plan(fleet, time_limit_s=PLANNING_S))


def half_closed(fleet: Fleet) -> Fleet:
    """The even accounts have no place left, so that each session on them has to wait, and every task is looked at."""
    tied = replace(fleet.tasks["t1"], spec=replace(fleet.tasks["t1"].spec, tiers=("opus",)))
    tasks = {
        key: replace(task, spec=tied.spec, session_id=f"s{key}", session_account=f"a{task.number % 10 * 2}")
        for key, task in fleet.tasks.items()
    }
    crowd = {f"x.{n}.{k}": _worker(f"x.{n}.{k}", f"a{n}") for n in range(0, ACCOUNTS, 2) for k in range(50)}
    return replace(
        fleet,
        tasks={**tasks, "x": replace(tied, id="x", number=0, state="running")},
        attempts=crowd,
        queue=queue_of(tasks.values()),
        hosts={"here": Host("here", workers_max=10_000, memory_free_bytes=10**13)},
    )


def _worker(attempt_id: str, account: str) -> Attempt:
    return Attempt(attempt_id, "x", 1, account, "opus", "opus", "here", "s", NOW_MS, "running", answers=1)


CASES: dict[str, Callable[[int], Fleet]] = {
    "places one": lambda length: one_place(fleet_of(length, full=False, classes=True)),
    "places one, priced": lambda length: priced(one_place(fleet_of(length, full=False, classes=True))),
    "no account gives": lambda length: fleet_of(length, full=True, classes=True),
    "every task looked at, none placed": lambda length: half_closed(
        fleet_of(length, full=False, classes=True)
    ),
}


def measure(options: Options) -> list[Figure]:
    """For each case the time at the longest queue, and the exponent of its growth."""
    figures = []
    for name, make in CASES.items():
        took = [milliseconds(make(length), 3 if options.quick else ROUNDS) for length in LENGTHS]
        told = {f"{n} tasks": f"{ms:.3f} ms" for n, ms in zip(LENGTHS, took, strict=True)}
        figures.append(Figure(f"decision, {name}", round(took[-1], 3), TARGET_MS, "ms", told))
        figures.append(Figure(f"growth, {name}", round(exponent(LENGTHS, took), 2), EXPONENT_MAX, "exp"))
    return figures
