"""A case as the clairvoyant bound wants it: everything that truly happens, known beforehand."""

from __future__ import annotations

from fleet.core.capacity.worth import LATE
from fleet.planning import bound
from fleet.simulate.cases import Case, Job
from fleet.simulate.run import ANSWERS
from fleet.simulate.scenario import Account, Bucket
from fleet.spoken.spans import HOUR_MS


def clairvoyant(case: Case, *, periods: int = bound.PERIODS, time_limit_s: float = 120.0) -> float:
    """The most value that any policy could complete in this case that serves its persons. Raises NoPlan."""
    return bound.bound(known(case), periods=periods, time_limit_s=time_limit_s).value


def known(case: Case) -> bound.Known:
    """Persons' requests are taken off the capacity: a policy that turns them away could do better than this."""
    scenario = case.scenario
    return bound.Known(
        jobs=tuple(_job(job) for job in case.jobs),
        sources=tuple(
            bound.Source(
                account.name,
                scenario.tiers_of(account),
                account.concurrency,
                tuple(_meter_name(account, bucket) for bucket in account.buckets),
            )
            for account in scenario.accounts
        ),
        meters=tuple(_meter(account, bucket) for account in scenario.accounts for bucket in account.buckets),
        horizon_h=scenario.horizon / HOUR_MS,
        workers=scenario.workers,
        parts=ANSWERS,
        drawn=tuple(
            bound.Drawn(
                _meter_name(account, bucket),
                request.at_ms / HOUR_MS,
                request.work * bucket.weights[request.tier],
            )
            for request in case.requests
            for account in scenario.accounts
            if account.name == request.account
            for bucket in account.buckets
            if request.tier in bucket.weights
        ),
    )


def _meter_name(account: Account, bucket: Bucket) -> str:
    return f"{account.name}/{bucket.name}"


def _meter(account: Account, bucket: Bucket) -> bound.Meter:
    return bound.Meter(
        name=_meter_name(account, bucket),
        length_h=bucket.length / HOUR_MS,
        capacity=bucket.capacity,
        weights=bucket.weights,
        fixed=isinstance(bucket.start, int),
        first_reset_h=bucket.start / HOUR_MS if isinstance(bucket.start, int) else None,
        used=bucket.used * bucket.capacity,
    )


def _job(job: Job) -> bound.Job:
    """Only with the tiers that succeed: a clairvoyant makes no attempt in vain."""
    return bound.Job(
        name=job.key,
        arrival_h=job.at_ms / HOUR_MS,
        value=job.value,
        options=tuple(
            bound.Option(way.tier, float(way.work), way.ms / HOUR_MS) for way in job.ways if way.succeeds
        ),
        deadline_h=None if job.deadline_ms is None else job.deadline_ms / HOUR_MS,
        late_value=LATE * job.value,
        after=job.after,
    )
