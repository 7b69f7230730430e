"""The fleet as the engine finds it at the start: accounts, buckets, and what it has learned in the weeks before."""

from __future__ import annotations

from collections.abc import Mapping
from math import log

from fleet.core import model
from fleet.core.capacity import demand, experience, rates
from fleet.core.draft import Draft
from fleet.core.model import policy
from fleet.core.model.learned import Demand, Experience, Rate
from fleet.simulate.cases import Case
from fleet.simulate.scenario import Reservation, Scenario
from fleet.simulate.world import Server
from fleet.spoken.spans import WEEK_MS

HOST = "simulated"
MEMORY_BYTES = 10**15
"""Memory is never what a simulated host is short of."""

LEARNED_BUCKETS = 2.0
"""Rates are known as if so many whole buckets of work had taught them."""

LEARNED_TASKS = 30
"""Costs and chances are known as if so many tasks of each class had taught them."""


def found(case: Case, servers: dict[str, Server], start_ms: int) -> model.Fleet:
    """Reads the meters as they stand, and takes the scenario's figures as learned. A failed check is final for its
    tier: the chance of success counts the repairs in."""
    scenario = case.scenario
    strategy = next(s for s in policy.STRATEGIES if s.name == scenario.strategy)
    tiers = tuple(policy.Tier(tier.name, tier.weight) for tier in scenario.tiers)
    places = scenario.workers or sum(account.concurrency for account in scenario.accounts)
    return model.Fleet(
        now_ms=start_ms,
        home_id=f"simulated/{scenario.name}",
        accounts={a.name: _account(scenario, n, start_ms) for n, a in enumerate(scenario.accounts)},
        buckets={
            model.bucket_key(bucket.pool, bucket.name): bucket
            for name in servers
            for bucket in _buckets(servers[name], start_ms)
        },
        hosts={HOST: model.Host(HOST, places, MEMORY_BYTES, start_ms)},
        reservations={
            f"r{n}": _reservation(f"r{n}", reservation, scenario, start_ms)
            for n, reservation in enumerate(scenario.reservations, start=1)
        },
        rates=_rates(servers),
        experience=_experience(case),
        demand=_demand(case, start_ms),
        policy=policy.Policy(tiers=tiers, strategy=strategy),
        settings=model.Settings(repairs_max=0),
    )


def _account(scenario: Scenario, n: int, start_ms: int) -> model.Account:
    account = scenario.accounts[n]
    return model.Account(
        name=account.name,
        kind="subscription",
        tiers=tuple((tier, tier) for tier in scenario.tiers_of(account)),
        concurrency=account.concurrency,
        pool=account.name,
        added_ms=start_ms,
    )


def _buckets(server: Server, start_ms: int) -> list[model.Bucket]:
    return [
        model.Bucket(
            pool=server.account.name,
            name=meter.name,
            scope=meter.scope,
            observed_ms=start_ms,
            source="simulated",
            utilization=meter.used / meter.capacity,
            resets_ms=meter.resets_ms,
            length_ms=meter.length_ms,
        )
        for meter in server.meters
    ]


def _reservation(name: str, asked: Reservation, scenario: Scenario, start_ms: int) -> policy.Reservation:
    weeks = range(0, scenario.horizon, WEEK_MS) if asked.weekly else (0,)
    spans = sorted(
        (start_ms + week + span.begins, start_ms + week + span.ends) for week in weeks for span in asked.spans
    )
    return policy.Reservation(name, asked.account, asked.tier, asked.amount, tuple(spans), asked.bucket)


def _rates(servers: dict[str, Server]) -> dict[str, Rate]:
    """A unit of work takes weight / capacity of a bucket."""
    found: dict[str, Rate] = {}
    for name, server in servers.items():
        for meter in server.meters:
            for tier, weight in sorted(meter.weights.items()):
                if meter.scope in (None, tier):
                    work = LEARNED_BUCKETS * meter.capacity / weight
                    key = rates.rate_key(name, meter.name, tier)
                    found[key] = Rate(name, meter.name, tier, share=LEARNED_BUCKETS, work=work)
    return found


def _experience(case: Case) -> dict[str, Experience]:
    """As if `LEARNED_TASKS` of each project, kind and tier had ended. With noise of σ the logarithm of the work has the
    mean log(work) − σ²/2 and the standard deviation σ."""
    scenario = case.scenario
    classes = {(job.project, job.kind) for job in case.jobs} | {(p.project, p.kind) for p in case.history}
    doing = {kind.name: kind.doing for kind in scenario.kinds}
    found: dict[str, Experience] = {}
    for project, kind in sorted(classes):
        spec = _spec(project, kind, (), 1.0, 1.0)
        for tier, does in sorted(doing[kind].items()):
            for n in range(LEARNED_TASKS):
                off = scenario.noise * (1 if n % 2 else -1) - scenario.noise**2 / 2
                won = int((n + 1) * does.chance + 0.5) > int(n * does.chance + 0.5)
                for key in experience.keys(spec, tier):
                    found[key] = experience.with_task(
                        found.get(key) or Experience(key),
                        log_work=log(does.work) + off,
                        log_ms=log(does.duration) + off,
                        won=won,
                    )
    return found


def _demand(case: Case, start_ms: int) -> Mapping[str, Demand]:
    """What arrived before the start, counted as the engine counts it."""
    fleet = model.Fleet()
    for past in case.history:
        tiers = case.scenario.allowed(past.kind, past.tiers)
        draft = Draft(fleet, start_ms - past.ago, "history")
        demand.arrived(draft, (_spec(past.project, past.kind, tiers, past.size, past.value),))
        fleet, _ = draft.close()
    return fleet.demand


def _spec(project: str, kind: str, tiers: tuple[str, ...], size: float, value: float) -> model.TaskSpec:
    return model.TaskSpec(
        prompt="",
        repo=project,
        title="",
        tiers=tiers,
        target="main",
        project=project,
        kind=kind,
        size=size,
        value=value,
    )
