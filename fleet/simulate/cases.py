"""A scenario with everything in it that is random drawn from a seed: what truly happens, whatever the policy."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import exp
from random import Random

from fleet.simulate.scenario import Doing, Past, Scenario, Stream
from fleet.spoken.spans import DAY_MS, HOUR_MS, WEEK_MS


@dataclass(frozen=True, slots=True)
class Way:
    """A task with one tier: `work` and `ms` as they truly are, the `expected_` ones as experience has them."""

    tier: str
    expected_work: float
    expected_ms: float
    chance: float
    work: int
    ms: int
    succeeds: bool


@dataclass(frozen=True, slots=True)
class Job:
    """One task of the case. Times count from the start (ms). `ways` in the order of capability."""

    key: str
    kind: str
    project: str
    at_ms: int
    value: float
    size: float
    deadline_ms: int | None
    after: tuple[str, ...]
    ways: tuple[Way, ...]

    def way(self, tier: str) -> Way:
        return next(way for way in self.ways if way.tier == tier)


@dataclass(frozen=True, slots=True)
class Request:
    """A person's own request: `work` units with `tier` on `account`."""

    at_ms: int
    account: str
    tier: str
    work: int


@dataclass(frozen=True, slots=True)
class Case:
    """`jobs` in the order of their arrival; `history` is what arrived before the start, the oldest first."""

    scenario: Scenario
    seed: int
    jobs: tuple[Job, ...]
    requests: tuple[Request, ...]
    history: tuple[Past, ...]


def draw(scenario: Scenario, seed: int) -> Case:
    """The same case for the same scenario and seed; each part has a stream of random numbers of its own."""
    jobs = [*_given(scenario, seed)]
    for stream in scenario.streams:
        jobs += _arriving(scenario, stream, Random(f"{seed}/stream/{stream.name}"), scenario.horizon)
    jobs = [job for job in jobs if job.at_ms < scenario.horizon]
    order = {job.key: n for n, job in enumerate(jobs)}
    jobs.sort(key=lambda job: (job.at_ms, order[job.key]))
    requests = sorted(_requests(scenario, seed), key=lambda r: (r.at_ms, r.account, r.tier))
    return Case(scenario, seed, tuple(jobs), tuple(requests), tuple(_history(scenario, seed)))


def _given(scenario: Scenario, seed: int) -> Iterator[Job]:
    for task in scenario.tasks:
        rng = Random(f"{seed}/task/{task.key}")
        factor, luck = _factor(scenario, rng), rng.random()
        yield Job(
            key=task.key,
            kind=task.kind,
            project=task.project,
            at_ms=0 if scenario.known == "all" else task.at,
            value=task.value,
            size=task.size,
            deadline_ms=task.deadline,
            after=task.after,
            ways=_ways(
                scenario,
                task.kind,
                task.tiers,
                task.size,
                factor if task.factor is None else task.factor,
                luck if task.luck is None else task.luck,
            ),
        )


def _factor(scenario: Scenario, rng: Random) -> float:
    """True work over the expected: log-normal with mean 1, so exp(σ z − σ²/2)."""
    sigma = scenario.noise
    return exp(sigma * rng.gauss(0.0, 1.0) - sigma * sigma / 2)


def _ways(
    scenario: Scenario, kind: str, tiers: tuple[str, ...], size: float, factor: float, luck: float
) -> tuple[Way, ...]:
    doing = next(k.doing for k in scenario.kinds if k.name == kind)
    allowed = scenario.allowed(kind, tiers)
    return tuple(_way(tier, doing[tier], size, factor, luck) for tier in allowed)


def _way(tier: str, doing: Doing, size: float, factor: float, luck: float) -> Way:
    """A duration grows with the work."""
    work, ms = doing.work * size, doing.duration * size
    return Way(
        tier,
        work,
        ms,
        doing.chance,
        max(1, round(work * factor)),
        max(1, round(ms * factor)),
        luck < doing.chance,
    )


def _arriving(scenario: Scenario, stream: Stream, rng: Random, until_ms: int) -> Iterator[Job]:
    """A Poisson process whose rate follows the hours of the day, by thinning (Lewis and Shedler 1979)."""
    hours = stream.hours or (1.0,) * 24
    peak = max(hours) / (sum(hours) / 24)
    at, n = 0.0, 0
    while True:
        at += rng.expovariate(stream.per_week * peak / WEEK_MS)
        if at >= until_ms:
            return
        if rng.random() * max(hours) >= hours[int(at % DAY_MS) // HOUR_MS]:
            continue
        n += 1
        size = stream.size * exp(stream.size_sigma * rng.gauss(0.0, 1.0))
        value = stream.value * exp(stream.value_sigma * rng.gauss(0.0, 1.0))
        due = rng.random() < stream.due_share
        within = rng.uniform(0.25, 1.0) * stream.due_within
        factor, luck = _factor(scenario, rng), rng.random()
        yield Job(
            key=f"{stream.name}-{n}",
            kind=stream.kind,
            project=stream.project,
            at_ms=0 if scenario.known == "all" else int(at),
            value=value,
            size=size,
            deadline_ms=int(at + within) if due else None,
            after=(),
            ways=_ways(scenario, stream.kind, stream.tiers, size, factor, luck),
        )


def _requests(scenario: Scenario, seed: int) -> Iterator[Request]:
    for n, person in enumerate(scenario.persons):
        rng = Random(f"{seed}/person/{n}")
        for session in person.sessions:
            at = float(session.begins)
            while (at := at + rng.expovariate(person.per_hour / HOUR_MS)) < min(
                session.ends, scenario.horizon
            ):
                yield Request(int(at), person.account, person.tier, max(1, round(person.work)))


def _history(scenario: Scenario, seed: int) -> list[Past]:
    """As given, and for each stream an independent draw of the week before."""
    if scenario.known == "all":
        return []
    found = [*scenario.history]
    for stream in scenario.streams:
        for job in _arriving(scenario, stream, Random(f"{seed}/before/{stream.name}"), WEEK_MS):
            found.append(
                Past(
                    kind=job.kind,
                    ago=WEEK_MS - job.at_ms,
                    project=job.project,
                    tiers=stream.tiers,
                    size=job.size,
                    value=job.value,
                )
            )
    return sorted(found, key=lambda past: -past.ago)
