"""What one event costs in a fleet that works: a worker's end and the placement that follows, one whose task has been
verified before it, an answer, twenty of them, a host that is seen, a task that is added, a beat; by the number of
workers, as many tasks queued, half of them with a session. And the longest slice when a hundred places come free at
once.

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
from fleet.shell.facts import folded
from fleet.virtual.memory_store import Memory, MemoryStore

WORKERS = (200, 1_000, 10_000)
TARGETS_MS = {1_000: 5.0, 10_000: 25.0}
"""Of a worker's end with the placement that follows."""

ADDED_MS = 200.0
"""Of a task that is added to a fleet of 200 workers."""

SLICE_MS = 50.0
"""Of the longest slice of a round."""

FREED = 100
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


def _spooled(at_ms: int, name: str, attempt: str, *facts: events.Fact) -> events.Event:
    return events.Spooled(at_ms=at_ms, id=name, attempt=attempt, start=0, end=100, facts=facts)


def _answers(count: int) -> events.Fact:
    """As following tells them."""
    said = [events.Answered(f"m{n}", Tokens(1, 1)) for n in range(count)]
    return next(folded(said))


BEFORE: dict[str, Callable[[int, str, str], list[events.Event]]] = {
    "a worker's end and a placement, its task verified": lambda at_ms, name, attempt: [
        _spooled(at_ms, f"{name}t", attempt, events.TurnEnded("finished", "")),
    ],
}
"""What happens before it, and is not counted."""

KINDS: dict[str, Callable[[int, str, str], events.Event]] = {
    "a worker's end and a placement": lambda at_ms, name, attempt: events.WorkerLost(
        at_ms=at_ms, id=name, attempt=attempt, detail="gone"
    ),
    "a worker's end and a placement, its task verified": lambda at_ms, name, attempt: events.WorkChecked(
        at_ms=at_ms,
        id=name,
        task=attempt.rpartition(".")[0],
        attempt=attempt,
        ok=True,
        commit="c",
        output="",
    ),
    "an answer": lambda at_ms, name, attempt: _spooled(at_ms, name, attempt, _answers(1)),
    "twenty answers": lambda at_ms, name, attempt: _spooled(at_ms, name, attempt, _answers(20)),
    "a host that is seen": lambda at_ms, name, _: _host_seen(at_ms, name, 50),
    "a task that is added": lambda at_ms, name, _: _added(at_ms, name),
    "a beat": lambda at_ms, name, _: events.Beat(at_ms=at_ms, id=name),
}


AFTER: dict[str, Callable[[int, str, str], list[events.Event]]] = {
    "a worker's end and a placement, its task verified": lambda at_ms, name, attempt: [
        events.Spooled(
            at_ms=at_ms,
            id=f"{name}x",
            attempt=attempt,
            start=100,
            end=200,
            facts=(events.Exited("stopped", 0, ""),),
        ),
    ],
}
"""What follows from it, and is counted."""


def _settled(fleet: Fleet) -> Engine:
    """With all free places filled."""
    engine = Engine(MemoryStore(Memory(fleet)))
    more = engine.apply([events.Beat(at_ms=NOW_MS, id="first")]).more
    while more:
        more = engine.apply([events.RoundGoesOn(at_ms=NOW_MS, id="more")]).more
    return engine


def milliseconds(fleet: Fleet, kind: str, rounds: int) -> float:
    """The median for one event of the kind, each about a worker of its own, one after the other."""
    engine = _settled(fleet)
    attempts = sorted(engine.fleet.attempts)
    took = []
    for n in range(rounds):
        about = (NOW_MS + n, f"e{n}", attempts[n])
        engine.apply(BEFORE[kind](*about) if kind in BEFORE else [])
        counted = [KINDS[kind](*about), *(AFTER[kind](*about) if kind in AFTER else [])]
        took.append(sum(_applied(engine, event) for event in counted))
    return median(took)


def _applied(engine: Engine, event: events.Event) -> float:
    """How long it took, in milliseconds."""
    began = process_time_ns()
    engine.apply([event])
    return (process_time_ns() - began) / 1e6


def longest_slice(fleet: Fleet) -> float:
    """Of the rounds that fill a hundred places which come free at once, in milliseconds."""
    engine = _settled(fleet)
    places = engine.fleet.hosts["h1"].workers_max + FREED
    event: events.Event = _host_seen(NOW_MS + 1, "free", places)
    took, more = [], True
    while more:
        began = process_time_ns()
        more = engine.apply([event]).more
        took.append((process_time_ns() - began) / 1e6)
        event = events.RoundGoesOn(at_ms=NOW_MS + 1, id=f"g{len(took)}")
    # In a small fleet a few of the queued tasks need what no account has left.
    assert sum(attempt.host == "h1" for attempt in engine.fleet.attempts.values()) >= places - FREED // 10
    return max(took)


def _host_seen(at_ms: int, name: str, places: int) -> events.Event:
    return events.HostSeen(
        at_ms=at_ms,
        id=name,
        host="h1",
        workers_max=places,
        memory_free_bytes=10**13,
        cores=256,
        load=1.0,
    )


def measure(options: Options) -> list[Figure]:
    """A placement at each number of workers, and how each kind of event grows."""
    numbers = WORKERS[:2] if options.quick else WORKERS
    fleets = {number: fleet_of(Shape(number)) for number in numbers}
    figures = []
    for kind in KINDS:
        took = {number: milliseconds(fleet, kind, ROUNDS) for number, fleet in fleets.items()}
        detail: dict[str, object] = {f"{number}_ms": round(ms, 2) for number, ms in took.items()}
        detail |= {"exponent": round(exponent(numbers, list(took.values())), 2), **beside()}
        if kind.endswith("a placement"):
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
    slices = {number: longest_slice(fleet) for number, fleet in fleets.items()}
    detail = {f"{number}_ms": round(ms, 2) for number, ms in slices.items()} | beside()
    name = f"the longest slice of a round, {numbers[-1]:,} workers"
    figures.append(Figure(name, round(slices[numbers[-1]], 2), SLICE_MS, "ms", detail))
    return figures
