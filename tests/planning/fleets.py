"""Small fleets to plan for: costs as the core expects them before it has learned anything, unless taught here."""

from __future__ import annotations

from dataclasses import replace

from fleet.core.capacity import costs, rates
from fleet.core.model import Account, Bucket, Fleet, Host, Task, TaskSpec, bucket_key

HOUR = 3_600_000
NOW = 1_000 * 24 * HOUR


def account(name: str, tiers: str = "sonnet", concurrency: int = 100, pool: str = "") -> Account:
    return Account(
        name=name,
        kind="subscription",
        tiers=tuple((tier, f"model-{tier}") for tier in tiers.split()),
        concurrency=concurrency,
        pool=pool or name,
        added_ms=0,
    )


def bucket(
    pool: str,
    name: str = "seven_day",
    used: float | None = 0.0,
    resets_in_h: float | None = 200.0,
    scope: str | None = None,
) -> Bucket:
    resets = None if resets_in_h is None else NOW + round(resets_in_h * HOUR)
    return Bucket(pool, name, scope, NOW, "told", utilization=used, resets_ms=resets)


def task(
    number: int,
    value: float = 1.0,
    size: float = 1.0,
    tiers: str = "sonnet",
    due_h: float | None = None,
    kind: str = "execution",
    project: str = "",
    after: tuple[str, ...] = (),
    on: str | None = None,
) -> Task:
    spec = TaskSpec(
        prompt="",
        repo="repo",
        title="",
        tiers=tuple(tiers.split()),
        target="main",
        value=value,
        size=size,
        kind=kind,
        project=project,
        deadline_ms=None if due_h is None else NOW + round(due_h * HOUR),
    )
    return Task(
        id=f"t{number:05}",
        number=number,
        spec=spec,
        created_ms=NOW,
        state="waiting" if after else "queued",
        after=after,
        session_id=None if on is None else "session",
        session_account=on,
    )


def fleet_of(
    tasks: list[Task], accounts: list[Account], buckets: list[Bucket], workers: int = 1_000
) -> Fleet:
    return Fleet(
        now_ms=NOW,
        tasks={t.id: t for t in tasks},
        accounts={a.name: a for a in accounts},
        buckets={bucket_key(b.pool, b.name): b for b in buckets},
        hosts={"here": Host("here", workers)},
    )


def share(fleet: Fleet, key: str, tier: str, kind: str = "execution") -> float:
    """Of the bucket, by one task of size 1."""
    found = fleet.buckets[key]
    spec = replace(next(iter(fleet.tasks.values())).spec, kind=kind, size=1.0)
    return costs.expected(fleet, spec, tier).work * rates.rate(fleet, found.pool, found.name, tier)


def chance(fleet: Fleet, tier: str, kind: str = "execution") -> float:
    spec = replace(next(iter(fleet.tasks.values())).spec, kind=kind)
    return costs.expected(fleet, spec, tier).chance
