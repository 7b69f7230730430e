"""Random scenarios from a seed and a family, for the benchmark and the tests.

Sizes are such as people report: a full five-hour window is about a tenth of a week, a stronger tier has a week of its
own at half of that, a task takes 0.5 to 5 % of a window and 5 to 60 minutes. Where the load asks for more than 1,000
such tasks, the tasks are larger instead.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import exp
from random import Random
from typing import Literal

from fleet.simulate.scenario import (
    Account,
    Bucket,
    Doing,
    Kind,
    Past,
    Person,
    Reservation,
    Scenario,
    Stretch,
    Task,
    Tier,
)
from fleet.spoken.spans import DAY_MS, HOUR_MS, MINUTE_MS, WEEK_MS

Family = Literal["known", "arriving", "chances"]
FAMILIES: tuple[Family, ...] = ("known", "arriving", "chances")
"""`known`: all tasks at the start, costs certain, a tier does a kind or doesn't. `arriving`: unannounced through the
week, costs off by σ = 0.5. `chances`: besides, a cheap tier may fail and the task must escalate."""

WINDOW = 100e6
"""Capacity of a five-hour window, in work units at weight 1."""

LADDER = (("haiku", 1.0), ("sonnet", 3.0), ("opus", 5.0), ("fable", 10.0))
STRENGTH_SAVES = 0.9
"""A stronger tier needs so much of the work of the one below it."""

HOURS = (1, 1, 1, 1, 1, 1, 2, 4, 7, 9, 9, 8, 6, 8, 9, 9, 8, 6, 4, 3, 3, 2, 2, 1)
SIZE_SIGMA, VALUE_SIGMA = 0.7, 1.0
TASKS_MIN, TASKS_MAX = 50, 1000


@dataclass(frozen=True, slots=True)
class Shape:
    """What a generated scenario is like; `load` is the expected work of all tasks with the cheapest tier that does
    them, as a share of what the accounts' weeks give."""

    load: float
    accounts: int
    tiers: int
    tasks: int
    chained: float
    due: float
    persons: bool


def shape(family: Family, seed: int) -> Shape:
    """Drawn so that over some tens of seeds every value comes up."""
    rng = Random(f"{family}/shape/{seed}")
    load = rng.choice((0.5, 0.75, 1.0, 1.25, 1.5, 2.0))
    accounts = rng.choice((1, 2, 3, 4, 6, 8, 12))
    wanted = round(load * accounts * 10 / 0.02)
    return Shape(
        load=load,
        accounts=accounts,
        tiers=rng.choice((3, 4)),
        tasks=max(TASKS_MIN, min(TASKS_MAX, wanted)),
        chained=rng.choice((0.0, 0.1, 0.2, 0.3)),
        due=rng.choice((0.0, 0.2, 0.4)),
        persons=rng.random() < 1 / 3,
    )


def generate(family: Family, seed: int, wanted: Shape | None = None) -> Scenario:
    """The same scenario for the same arguments."""
    shaped = wanted or shape(family, seed)
    rng = Random(f"{family}/{seed}")
    ladder = LADDER[: shaped.tiers]
    accounts = tuple(_account(f"account-{n + 1:02}", ladder, rng) for n in range(shaped.accounts))
    kinds = _kinds(family, ladder)
    tasks = [*_tasks(family, shaped, kinds, Random(f"{family}/{seed}/tasks"))]
    scale = shaped.load * sum(_gives(account) for account in accounts) / _takes(tasks, kinds, ladder)
    persons, reservations = _persons(accounts, rng) if shaped.persons else ((), ())
    return Scenario(
        version=1,
        name=f"{family}-{seed}",
        known="all" if family == "known" else "arrivals",
        noise=0.0 if family == "known" else 0.5,
        tiers=tuple(Tier(name=name, weight=weight) for name, weight in ladder),
        accounts=accounts,
        kinds=tuple(_scaled(kind, scale) for kind in kinds),
        tasks=tuple(tasks),
        history=() if family == "known" else tuple(_history(family, shaped, kinds, seed)),
        persons=persons,
        reservations=reservations,
    )


def _account(name: str, ladder: tuple[tuple[str, float], ...], rng: Random) -> Account:
    weights = dict(ladder)
    week = WINDOW * rng.uniform(8.0, 12.0)
    clock = rng.random() < 0.5
    resets = round(rng.uniform(0.2, 0.95) * WEEK_MS)
    start: Literal["first-use"] | int = resets if clock else "first-use"
    used = 1.0 - resets / WEEK_MS if clock else 0.0
    strong = ladder[-1][0]
    return Account(
        name=name,
        concurrency=rng.randint(3, 6),
        buckets=(
            Bucket(name="five_hour", length=5 * HOUR_MS, capacity=WINDOW, weights=weights),
            Bucket(name="seven_day", length=WEEK_MS, capacity=week, weights=weights, start=start, used=used),
            Bucket(
                name=f"seven_day_{strong}",
                length=WEEK_MS,
                capacity=week * rng.uniform(0.4, 0.6),
                weights={strong: weights[strong]},
                start=start,
                used=used,
            ),
        ),
    )


def _gives(account: Account) -> float:
    """What the account's week gives until the horizon, in units of its capacity."""
    week = account.buckets[1]
    return week.capacity * (2.0 - week.used if isinstance(week.start, int) else 1.0)


def _kinds(family: Family, ladder: tuple[tuple[str, float], ...]) -> tuple[Kind, ...]:
    """Execution is done by every tier, judgement from the second on, reasoning by the strongest only."""
    names = [name for name, _ in ladder]
    chances = {
        "execution": [0.8, 0.93, 0.98, 0.99],
        "judgement": [0.3, 0.8, 0.95, 0.98],
        "reasoning": [0.0, 0.45, 0.85, 0.95],
    }
    found = []
    for least, (kind, by_tier) in enumerate(chances.items()):
        first = least if least < 2 else len(names) - 1
        doing: dict[str, Doing] = {}
        for n, name in enumerate(names):
            chance = by_tier[n] if family == "chances" else float(n >= first)
            if chance > 0.0:
                work = 1e6 * STRENGTH_SAVES ** (n - first if n > first else 0) / ladder[first][1]
                doing[name] = Doing(work=work, duration=20 * MINUTE_MS, chance=chance)
        found.append(Kind(name=kind, doing=doing))
    return tuple(found)


def _scaled(kind: Kind, scale: float) -> Kind:
    """The work scaled to the load; the time with its root, so that it stays between some minutes and some hours."""
    typical = scale * 1e6 / WINDOW / 0.016
    duration = round(min(90.0, max(10.0, 20.0 * typical**0.5)) * MINUTE_MS)
    return Kind(
        name=kind.name,
        doing={
            tier: Doing(work=does.work * scale, duration=duration, chance=does.chance)
            for tier, does in kind.doing.items()
        },
    )


def _takes(tasks: list[Task], kinds: tuple[Kind, ...], ladder: tuple[tuple[str, float], ...]) -> float:
    """Expected draw of all tasks with the cheapest tier that more likely than not does them."""
    weights = dict(ladder)
    cheapest = {
        kind.name: min(does.work * weights[tier] for tier, does in kind.doing.items() if does.chance >= 0.5)
        for kind in kinds
    }
    return sum(cheapest[task.kind] * task.size for task in tasks)


def _tasks(family: Family, shaped: Shape, kinds: tuple[Kind, ...], rng: Random) -> Iterator[Task]:
    arrivals = sorted(_arrival(family, rng) for _ in range(shaped.tasks))
    for n, at in enumerate(arrivals):
        kind = rng.choices(kinds, weights=(5, 3, 2))[0]
        size = min(3.2, max(0.32, exp(SIZE_SIGMA * rng.gauss(0.0, 1.0))))
        within = rng.uniform(6.0, 60.0 if family != "known" else 160.0) * HOUR_MS
        due = rng.random() < shaped.due
        chained = n > 0 and rng.random() < shaped.chained
        before = rng.randint(max(0, n - 8), n - 1) if chained else 0
        yield Task(
            key=f"task-{n + 1}",
            kind=kind.name,
            at=at,
            value=exp(VALUE_SIGMA * rng.gauss(0.0, 1.0)),
            size=size,
            deadline=round(at + within) if due else None,
            after=(f"task-{before + 1}",) if chained else (),
            project=rng.choice(("atlas", "borealis")),
        )


def _arrival(family: Family, rng: Random) -> int:
    """Given their number, the arrivals of a Poisson process are independent draws of its rate over the week."""
    if family == "known":
        return 0
    hour = rng.choices(range(24), weights=HOURS)[0]
    return int(rng.randrange(7) * DAY_MS + (hour + rng.random()) * HOUR_MS)


def _history(family: Family, shaped: Shape, kinds: tuple[Kind, ...], seed: int) -> Iterator[Past]:
    """What arrived in an independent week before."""
    for task in _tasks(family, shaped, kinds, Random(f"{family}/{seed}/before")):
        yield Past(
            kind=task.kind,
            ago=WEEK_MS - task.at,
            project=task.project,
            size=task.size,
            value=task.value,
        )


def _persons(
    accounts: tuple[Account, ...], rng: Random
) -> tuple[tuple[Person, ...], tuple[Reservation, ...]]:
    """Somebody sits down at the first account on three evenings, with a tenth to two fifths of a window reserved."""
    account, tier = accounts[0], "sonnet"
    amount = rng.choice((0.2, 0.3, 0.4))
    sessions = tuple(
        Stretch(begins=day * DAY_MS + 19 * HOUR_MS, ends=day * DAY_MS + 22 * HOUR_MS) for day in (1, 3, 5)
    )
    per_hour = 20.0
    work = 0.6 * amount * WINDOW / 3.0 / (3 * per_hour)
    person = Person(account=account.name, tier=tier, sessions=sessions, per_hour=per_hour, work=work)
    return (person,), (Reservation(account=account.name, tier=tier, amount=amount, spans=sessions),)
