"""What one event costs in a fleet that works: a worker's end and the placement that follows, an answer, a host that is
seen, a task that is added, a beat; by the number of workers, as many tasks queued, half of them with a session.

Time of the processor for one event, state and decisions committed to a store in memory, after a first one that is not
counted: a coordinator keeps what it has worked out. Beside it a fixed loop in the same minute, and the exponent of
growth.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from statistics import median
from time import process_time_ns

from benchmarks.dispatch.growth import exponent
from benchmarks.figure import Figure, Options
from benchmarks.machine import beside
from fleet.core import events
from fleet.core.model import (
    Account,
    Attempt,
    Bucket,
    Fleet,
    Host,
    Task,
    TaskSpec,
    Worktree,
    bucket_key,
    queue_of,
)
from fleet.core.model.tokens import Tokens
from fleet.engine import Engine
from fleet.virtual.memory_store import Memory, MemoryStore

WORKERS = (200, 1_000, 10_000)
TARGETS_MS = {1_000: 5.0, 10_000: 25.0}
"""Of a worker's end with the placement that follows."""

ADDED_MS = 200.0
"""Of a task that is added to a fleet of 200 workers."""

ROUNDS = 9
NOW_MS = 1_760_000_000_000
ELAPSED_MS = 600_000
TIERS = ("haiku", "sonnet", "opus")
PROJECTS = 20


@dataclass(frozen=True, slots=True)
class Shape:
    """How many there are of each."""

    workers: int

    @property
    def accounts(self) -> int:
        return max(5, self.workers // 40)

    @property
    def hosts(self) -> int:
        return max(2, self.workers // 50)


def fleet_of(shape: Shape) -> Fleet:
    """Every place on the hosts is taken but one; the accounts would take more."""
    accounts = {f"a{n}": _account(n) for n in range(shape.accounts)}
    running = [_task(n, shape) for n in range(1, shape.workers + 1)]
    queued = [_task(n, shape) for n in range(shape.workers + 1, 2 * shape.workers + 1)]
    attempts = {f"{task.id}.1": _attempt(task, shape) for task in running}
    tasks = [
        *(
            replace(task, state="running", attempt=f"{task.id}.1", attempts=1, session_id=f"s{task.number}")
            for task in running
        ),
        *(replace(task, session_id=f"s{task.number}") if task.number % 2 else task for task in queued),
    ]
    places = -(-(shape.workers + 1) // shape.hosts)
    return Fleet(
        now_ms=NOW_MS,
        home_id="bench",
        tasks={task.id: task for task in tasks},
        attempts=attempts,
        accounts=accounts,
        buckets={bucket_key(b.pool, b.name): b for n in range(shape.accounts) for b in _buckets(n)},
        hosts={f"h{n}": Host(f"h{n}", places, 10**13, cores=256, load=1.0) for n in range(shape.hosts)},
        worktrees={t.id: _worktree(t, shape) for t in running},
        queue=queue_of(tasks),
        tasks_made=len(tasks),
    )


def _account(n: int) -> Account:
    tiers = tuple((tier, tier) for tier in TIERS)
    return Account(
        f"a{n}", "subscription", tiers, 100, f"a{n}", NOW_MS, allowance=100, state="ready", answered_ms=NOW_MS
    )


def _buckets(n: int) -> list[Bucket]:
    names = (("five_hour", None), ("seven_day", None), ("seven_day_opus", "opus"))
    return [
        Bucket(f"a{n}", name, scope, NOW_MS, "stream", 0.01 * (n % 20), NOW_MS + 7_200_000)
        for name, scope in names
    ]


def _task(n: int, shape: Shape) -> Task:
    tiers = TIERS[n % 3 :] or TIERS
    spec = TaskSpec("do it", f"/repo{n % PROJECTS}", f"task {n}", tiers, "main", priority=n % 5)
    account = f"a{n % shape.accounts}" if n % 2 or n <= shape.workers else None
    return Task(f"t{n}", n, spec, NOW_MS - n, "queued", session_account=account)


def _attempt(task: Task, shape: Shape) -> Attempt:
    return Attempt(
        f"{task.id}.1",
        task.id,
        1,
        task.session_account or "",
        task.spec.tiers[0],
        task.spec.tiers[0],
        f"h{task.number % shape.hosts}",
        f"s{task.number}",
        NOW_MS - ELAPSED_MS,
        "running",
        answers=3,
        tokens=Tokens(10_000 + 7 * task.number, 2_000, 100_000, 5_000),
    )


def _worktree(task: Task, shape: Shape) -> Worktree:
    return Worktree(task.id, task.spec.repo, task.number, "ready", "/w", host=f"h{task.number % shape.hosts}")


def _added(at_ms: int, name: str) -> events.Event:
    spec = TaskSpec("do it", "/repo1", "another", ("sonnet", "opus"), "main")
    return events.TasksAdded(at_ms=at_ms, id=name, specs=(spec,))


KINDS: dict[str, Callable[[int, str, str], events.Event]] = {
    "a worker's end and a placement": lambda at_ms, name, attempt: events.WorkerLost(
        at_ms=at_ms, id=name, attempt=attempt, detail="gone"
    ),
    "an answer": lambda at_ms, name, attempt: events.Spooled(
        at_ms=at_ms, id=name, attempt=attempt, start=0, end=100, facts=(events.Answered("m1", Tokens(1, 1)),)
    ),
    "a host that is seen": lambda at_ms, name, _: events.HostSeen(
        at_ms=at_ms, id=name, host="h1", workers_max=50, memory_free_bytes=10**13, cores=256, load=1.0
    ),
    "a task that is added": lambda at_ms, name, _: _added(at_ms, name),
    "a beat": lambda at_ms, name, _: events.Beat(at_ms=at_ms, id=name),
}


def milliseconds(fleet: Fleet, kind: str, rounds: int) -> float:
    """The median for one event of the kind, each about a worker of its own, one after the other."""
    engine = Engine(MemoryStore(Memory(fleet)))
    engine.apply([events.Beat(at_ms=NOW_MS, id="first")])
    attempts = sorted(engine.fleet.attempts)
    took = []
    for n in range(rounds):
        event = KINDS[kind](NOW_MS + n, f"e{n}", attempts[n])
        began = process_time_ns()
        engine.apply([event])
        took.append((process_time_ns() - began) / 1e6)
    return median(took)


def measure(options: Options) -> list[Figure]:
    """A placement at each number of workers, and how each kind of event grows."""
    numbers = WORKERS[:2] if options.quick else WORKERS
    fleets = {number: fleet_of(Shape(number)) for number in numbers}
    figures = []
    for kind in KINDS:
        took = {number: milliseconds(fleet, kind, ROUNDS) for number, fleet in fleets.items()}
        detail: dict[str, object] = {f"{number}_ms": round(ms, 2) for number, ms in took.items()}
        detail |= {"exponent": round(exponent(numbers, list(took.values())), 2), **beside()}
        if "placement" in kind:
            for number, target_ms in TARGETS_MS.items():
                if number in took:
                    name = f"{kind}, {number:,} workers and as many queued"
                    figures.append(Figure(name, round(took[number], 2), target_ms, "ms", detail))
        elif "added" in kind:
            figures.append(Figure(f"{kind} to 200 workers", round(took[200], 2), ADDED_MS, "ms", detail))
        else:
            figures.append(
                Figure(f"{kind}, {numbers[-1]:,} workers", round(took[numbers[-1]], 2), None, "ms", detail)
            )
    return figures
