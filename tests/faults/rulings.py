"""What persons lay down in a seed, and take back again: reservations, floors, limits, projects, strategy, forecast,
breaker.

Sensible or not, and some of it refused. When faults are healed, all that could keep work from ending is taken back.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from random import Random

from fleet.core import events
from fleet.core.events import Event
from fleet.core.model import Fleet
from fleet.core.model.policy import STRATEGIES, Floor, Limit, Project, Reservation, Scope, Unit
from fleet.core.model.protection import Protections
from tests.faults.coordinator import Ask
from tests.faults.meters import DAY_MS, HOUR_MS
from tests.faults.repos import REPOS
from tests.faults.world import TIERS, World

PROJECTS = ("", "", "night")
WINDOWS = ("five_hour", "five_hour", "seven_day", "seven_day_opus")


def lay_down(world: World, fleet: Fleet, rng: Random, at_ms: int, name: str) -> Event:
    """Something new, or something that is there taken back."""
    there = [*_taken_back(fleet)]
    if there and rng.random() < 0.4:
        return rng.choice(there)(at_ms, name)
    what = rng.choices(
        ["reservation", "floor", "limit", "project", "strategy", "protections", "breaker"],
        weights=[6, 4, 4, 4, 1, 1, 1],
    )[0]
    if what == "reservation":
        return events.ReservationAdded(at_ms=at_ms, id=name, reservation=_reservation(world, rng, at_ms))
    if what == "floor":
        return events.FloorAdded(at_ms=at_ms, id=name, floor=_floor(world, rng))
    if what == "limit":
        return events.LimitAdded(at_ms=at_ms, id=name, limit=_limit(world, fleet, rng, at_ms))
    if what == "project":
        return events.ProjectSet(at_ms=at_ms, id=name, project=_project(world, rng))
    if what == "strategy":
        return events.StrategySet(at_ms=at_ms, id=name, strategy=rng.choice(STRATEGIES))
    if what == "protections":
        return events.ProtectionSet(at_ms=at_ms, id=name, on=not fleet.policy.protect_by_forecast)
    return events.BreakerSet(
        at_ms=at_ms, id=name, why="a person opens it", faults_max=rng.choice([None, 3, 8, 20])
    )


def undone(fleet: Fleet) -> Iterator[Ask]:
    """What takes back all that has been laid down."""
    yield from _taken_back(fleet)
    for project in fleet.projects.values():
        if replace(project, paused=None) != Project(project.name):
            yield _forgetting(project.name)
    if fleet.protections is not None and fleet.protections.by_bucket:
        yield lambda at_ms, event: events.ProtectionsMade(
            at_ms=at_ms, id=event, protections=Protections(at_ms)
        )


def _taken_back(fleet: Fleet) -> Iterator[Ask]:
    for name in fleet.reservations:
        yield _releasing(name)
    for name in [*fleet.limits, *fleet.floors]:
        yield _lifting(name)
    if fleet.policy.breaker:
        yield lambda at_ms, event: events.BreakerSet(at_ms=at_ms, id=event, why="")


def _forgetting(project: str) -> Ask:
    return lambda at_ms, event: events.ProjectSet(at_ms=at_ms, id=event, project=Project(project))


def _releasing(reservation: str) -> Ask:
    return lambda at_ms, event: events.ReservationRemoved(at_ms=at_ms, id=event, name=reservation)


def _lifting(limit: str) -> Ask:
    return lambda at_ms, event: events.LimitRemoved(at_ms=at_ms, id=event, name=limit)


def _reservation(world: World, rng: Random, at_ms: int) -> Reservation:
    """Once, or again on the following days; it may have begun already."""
    start_ms = at_ms + rng.randint(-2 * HOUR_MS, 12 * HOUR_MS)
    length_ms = rng.randint(HOUR_MS // 2, 5 * HOUR_MS)
    days = rng.choice([1, 1, 1, 3])
    return Reservation(
        id="",
        account=rng.choice(world.accounts).name,
        tier=rng.choice([None, *TIERS]),
        amount=rng.choice([0.1, 0.4, 0.8, 1.0]),
        spans=tuple((start_ms + n * DAY_MS, start_ms + n * DAY_MS + length_ms) for n in range(days)),
        bucket=rng.choice(WINDOWS),
        said="now and then",
    )


def _floor(world: World, rng: Random) -> Floor:
    return Floor(
        id="",
        share=rng.choice([0.05, 0.2, 0.5, 0.9]),
        account=rng.choice([None, *(account.name for account in world.accounts)]),
        bucket=rng.choice([None, *WINDOWS]),
    )


def _limit(world: World, fleet: Fleet, rng: Random, at_ms: int) -> Limit:
    scope: Scope = rng.choice(["fleet", "account", "project", "task"])
    names = {
        "fleet": [""],
        "account": [account.name for account in world.accounts],
        "project": [*REPOS, "night"],
        "task": [*fleet.tasks] or [""],
    }
    unit: Unit = rng.choice(["tokens", "usd", "share"])
    amount = rng.choice({"tokens": [100.0, 100_000.0], "usd": [0.01, 5.0], "share": [0.1, 0.5]}[unit])
    return Limit(
        id="",
        scope=scope,
        name=rng.choice(names[scope]),
        per=rng.choice(["minute", "hour", "day", "total"]),
        unit=unit,
        amount=amount * rng.uniform(0.5, 2.0),
        anchor_ms=at_ms - at_ms % DAY_MS,
        bucket=rng.choice(WINDOWS) if unit == "share" else None,
    )


def _project(world: World, rng: Random) -> Project:
    names = [account.name for account in world.accounts]
    return Project(
        name=rng.choice([*REPOS, "night"]),
        weight=rng.choice([0.2, 1.0, 1.0, 5.0]),
        accounts=tuple(rng.sample(names, rng.randint(0, len(names)))),
        tiers=tuple(rng.sample(TIERS, rng.choice([0, 0, 1, 2]))),
    )
