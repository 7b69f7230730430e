"""The measures of a run, from its record alone."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from fleet.core.capacity.worth import LATE
from fleet.simulate.record import Course, Past, Record
from fleet.simulate.waste import Waste, waste


@dataclass(frozen=True, slots=True)
class OfBucket:
    """Shares of one whole bucket: `used` in all its windows by tasks and persons, `expired` unused while feasible work
    waited. `windows` that began; `refusals` of answers and requests."""

    account: str
    bucket: str
    windows: int
    used: float
    expired: float
    refusals: int


@dataclass(frozen=True, slots=True)
class Score:
    """`value`: of tasks verified by the horizon, `LATE` of it where that was after the deadline; `value_share` is its
    share of all tasks' value, `bound_share` that of `bound`, the clairvoyant optimum, where it was asked for.
    `expired_share`: see `fleet.simulate.waste`. `availability`: persons' requests served at once, None without any."""

    policy: str
    value: float
    value_share: float
    bound: float | None
    bound_share: float | None
    expired_share: float
    availability: float | None
    requests: int
    requests_served: int
    deadlines: int
    deadlines_met: int
    tasks: int
    tasks_started: int
    tasks_finished: int
    tasks_failed: int
    moves: int
    attempts: int
    work: int
    plans: int
    events: int
    buckets: tuple[OfBucket, ...]
    digest: str


def score(record: Record, bound: float | None = None) -> Score:
    courses = list(record.courses.values())
    value = sum(worth(course, record.start_ms) for course in courses)
    of_all = sum(course.job.value for course in courses)
    stays = [stay for course in courses for stay in course.stays]
    due = [course for course in courses if course.job.deadline_ms is not None]
    served = sum(request.served for request in record.requests)
    wasted = waste(record)
    return Score(
        policy=record.policy,
        value=value,
        value_share=value / of_all if of_all else 1.0,
        bound=bound,
        bound_share=value / bound if bound else None,
        expired_share=wasted.share,
        availability=served / len(record.requests) if record.requests else None,
        requests=len(record.requests),
        requests_served=served,
        deadlines=len(due),
        deadlines_met=sum(_is_in_time(course, record.start_ms) for course in due),
        tasks=len(courses),
        tasks_started=sum(bool(course.stays) for course in courses),
        tasks_finished=sum(course.done_ms is not None for course in courses),
        tasks_failed=sum(course.failed for course in courses),
        moves=sum(stay.moved for stay in stays),
        attempts=len(stays),
        work=sum(stay.work for stay in stays),
        plans=record.plans,
        events=record.events,
        buckets=tuple(_of_buckets(record.buckets, wasted)),
        digest=record.digest,
    )


def worth(course: Course, start_ms: int) -> float:
    """What the task came to: its value when it was verified in time, a part of it later, nothing when never."""
    if course.done_ms is None:
        return 0.0
    return course.job.value * (1.0 if _is_in_time(course, start_ms) else LATE)


def _is_in_time(course: Course, start_ms: int) -> bool:
    deadline_ms = course.job.deadline_ms
    return course.done_ms is not None and (deadline_ms is None or course.done_ms <= start_ms + deadline_ms)


def _of_buckets(pasts: list[Past], wasted: Waste) -> Iterator[OfBucket]:
    for past in pasts:
        yield OfBucket(
            account=past.account,
            bucket=past.bucket,
            windows=len(past.periods),
            used=sum(period.used - period.first for period in past.periods) / past.capacity,
            expired=wasted.buckets.get((past.account, past.bucket), 0.0) / past.capacity,
            refusals=past.refusals,
        )
