"""The same case otherwise: what a run of it comes to tells what one property of the case is worth."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

from fleet.simulate.cases import Case, Job, Way
from fleet.simulate.scenario import Past
from fleet.spoken.spans import WEEK_MS

PIECES = 4


def as_drawn(case: Case) -> Case:
    return case


def unreserved(case: Case) -> Case:
    """Nothing is kept for the persons, who ask for the same."""
    return replace(case, scenario=case.scenario.model_copy(update={"reservations": ()}))


def expected(case: Case) -> Case:
    """Each task's size says what it truly takes, and the week before was like the one that comes: so much as the engine
    can be told. When exactly a task arrives it still doesn't know."""
    jobs = tuple(_certain(job) for job in case.jobs)
    scenario = case.scenario.model_copy(update={"noise": 0.0})
    history = () if scenario.known == "all" else tuple(_before(job) for job in jobs)
    return replace(case, scenario=scenario, jobs=jobs, history=history)


def divided(case: Case) -> Case:
    """As `expected`, with each task cut into `PIECES` of equal size, value and time; a piece waits for the same piece
    of what its task waits for, as in the clairvoyant's programme."""
    jobs = tuple(piece for job in case.jobs for piece in _pieces(job))
    return expected(replace(case, jobs=jobs))


VARIANTS: dict[str, Callable[[Case], Case]] = {
    "as drawn": as_drawn,
    "unreserved": unreserved,
    "expected": expected,
    "divided": divided,
}


def _certain(job: Job) -> Job:
    factor = job.ways[0].work / job.ways[0].expected_work
    ways = tuple(replace(w, expected_work=float(w.work), expected_ms=float(w.ms)) for w in job.ways)
    return replace(job, size=job.size * factor, ways=ways)


def _before(job: Job) -> Past:
    return Past(kind=job.kind, ago=WEEK_MS - job.at_ms, project=job.project, size=job.size, value=job.value)


def _pieces(job: Job) -> Iterator[Job]:
    for n in range(PIECES):
        yield replace(
            job,
            key=f"{job.key}/{n}",
            value=job.value / PIECES,
            size=job.size / PIECES,
            after=tuple(f"{parent}/{n}" for parent in job.after),
            ways=tuple(_piece(way) for way in job.ways),
        )


def _piece(way: Way) -> Way:
    return replace(
        way,
        expected_work=way.expected_work / PIECES,
        expected_ms=way.expected_ms / PIECES,
        work=max(1, round(way.work / PIECES)),
        ms=max(1, round(way.ms / PIECES)),
    )
