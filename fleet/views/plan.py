"""The next hours of the fleet, as one document: what runs, what is planned, what each bucket is worth. Read-only."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import Any

from fleet.core import dispatch
from fleet.core.capacity import budgets, costs, headroom, reserved, running
from fleet.core.dispatch.feasible import unavailable, waits_for
from fleet.core.dispatch.price import fresh
from fleet.core.model import Bucket, Fleet, Host, Task
from fleet.core.model.policy import Limit
from fleet.core.rules import placing
from fleet.home import Home
from fleet.moments import iso
from fleet.planning import Answer, NoPlan, solve
from fleet.views import timeline
from fleet.views.laid_down import limit_shown, reservation_shown
from fleet.views.light.running import coordinator
from fleet.views.snapshot import snapshot
from workers.host import LocalHost

Record = dict[str, Any]

HOUR_MS = 3_600_000
WORKERS = 8
"""Workers at once that `fleet up` has unless told otherwise."""

HINDERED_MAX = 20
"""Of so many tasks that are not planned it is told why: `fleet why` tells it of each."""

SOLVE_S = 20.0
"""A person waits for this; the coordinator, which solves it again and again, does not wait so long."""


@dataclass(frozen=True, slots=True)
class Situation:
    """The fleet as it would be with a coordinator, and what the planning problem answers for it: or why it does not."""

    fleet: Fleet
    answer: Answer | None
    notice: str
    process: Record | None


def plan(home: Home, *, hours: float = 12.0, workers: int = WORKERS) -> Record:
    """See docs/plan.md for its keys. Without a coordinator: as one with so many workers on this machine would plan.
    Takes no lock and changes nothing. Raises StoreUnreadable."""
    seen = _situation(home, workers)
    fleet = seen.fleet
    until_ms = fleet.now_ms + round(hours * HOUR_MS)
    return {
        "at": iso(fleet.now_ms),
        "until": iso(until_ms),
        "coordinator": seen.process,
        "strategy": fleet.policy.strategy.name,
        "breaker": fleet.policy.breaker,
        "notice": seen.notice,
        "prices": _prices(seen),
        "running": _running(fleet),
        **(_in_order(fleet) if seen.answer is None else _planned(fleet, seen.answer, until_ms)),
        "placements": _placements(fleet),
        "accounts_without_work": _without_work(fleet),
        "buckets": _buckets(fleet, seen.answer),
        "reservations": _reservations(fleet, until_ms),
        "limits": [_limit(fleet, limit) for limit in fleet.limits.values()],
    }


def _situation(home: Home, workers: int) -> Situation:
    # The snapshot of a home without a database has no time.
    fleet = replace(snapshot(home), now_ms=time.time_ns() // 1_000_000)
    process = coordinator(home.root)
    if process is None:
        memory = LocalHost(home.runs, fleet.home_id).memory_free_bytes()
        here = Host("local", workers, memory, fleet.now_ms)
        others = {host.name: host for host in fleet.hosts.values() if not host.is_here}
        fleet = replace(fleet, draining=False, hosts={here.name: here, **others})
    try:
        answer = solve(fleet, time_limit_s=SOLVE_S)
    except NoPlan as failed:
        return Situation(fleet, None, str(failed), process)
    return Situation(replace(fleet, prices=answer.prices), answer, "", process)


def _prices(seen: Situation) -> Record | None:
    """Where the prices come from: just made, or those in force."""
    prices = fresh(seen.fleet)
    if prices is None:
        return None
    return {
        "made_at": iso(prices.at_ms),
        "source": prices.source,
        "solve_ms": round(prices.solve_ms, 1),
        "detail": prices.detail,
    }


# --- the timeline ---------------------------------------------------------------------------------------


def _running(fleet: Fleet) -> list[Record]:
    """The workers, the one first that is expected to end first."""
    rows = []
    for attempt in fleet.attempts.values():
        task = fleet.tasks[attempt.task]
        ends_ms: int | None = None
        if task.state == "running" and attempt.state != "stopping":
            ends_ms = fleet.now_ms + round(costs.remaining(fleet, task, attempt.tier).ms)
        rows.append((ends_ms or 0, attempt.id, _worker(fleet, attempt.id, ends_ms)))
    return [row for _, _, row in sorted(rows, key=lambda row: row[:2])]


def _worker(fleet: Fleet, attempt_id: str, ends_ms: int | None) -> Record:
    attempt = fleet.attempts[attempt_id]
    task = fleet.tasks[attempt.task]
    return {
        "task": task.id,
        "title": task.spec.title,
        "state": task.state,
        "attempt": attempt.id,
        "account": attempt.account,
        "tier": attempt.tier,
        "host": attempt.host,
        "started_at": iso(attempt.started_ms),
        "ends_at": iso(ends_ms),
        "resets": _reset(timeline.next_reset(fleet, attempt.account, attempt.tier, fleet.now_ms)),
    }


def _reset(found: timeline.Reset | None) -> Record | None:
    if found is None:
        return None
    return {"bucket": found.bucket, "at": iso(found.at_ms), "certain": found.certain}


def _planned(fleet: Fleet, answer: Answer, until_ms: int) -> Record:
    """What only a person can set going is not planned, whatever the programme has for it: it knows no hosts."""
    hindered = _hindered(fleet)
    rows = [row for row in timeline.laid_out(answer.planned) if row.task not in hindered]
    in_time = [row for row in rows if row.begins_ms < until_ms]
    in_time.sort(key=lambda row: (row.begins_ms, len(_ahead(fleet, row.task))))
    placed = {row.task for row in rows}
    unplanned = [task for task in _open(fleet) if task.id not in placed]
    return {
        "planned": [_row(fleet, row) for row in in_time],
        "later": sum(row.task is not None for row in rows) - sum(row.task is not None for row in in_time),
        "unplanned": [task.id for task in unplanned],
        "hindered": {
            task.id: hindered.get(task.id) or dispatch.explain(fleet, task).summary
            for task in unplanned[:HINDERED_MAX]
        },
    }


def _open(fleet: Fleet) -> list[Task]:
    return [task for task in fleet.tasks.values() if task.state in ("queued", "waiting")]


def _hindered(fleet: Fleet) -> dict[str, str]:
    """What keeps tasks of the queue until a person acts, by task: the same for a whole lane. An open breaker keeps all
    of them, and is told once."""
    if fleet.policy.breaker:
        return {}
    found: dict[str, str] = {}
    for ranks in fleet.queue.values():
        first = dispatch.explain(fleet, fleet.tasks[ranks[0][3]])
        if first.stuck:
            found.update((rank[3], first.summary) for rank in ranks)
    return found


def _ahead(fleet: Fleet, task_id: str | None) -> list[str]:
    """The open tasks that have to land first, directly or behind one another; the direct ones come first."""
    found: dict[str, None] = {}
    waiting = [] if task_id is None else [fleet.tasks[task_id]]
    while waiting:
        before = [one for one in waits_for(fleet, waiting.pop(0)) if one.id not in found]
        found.update((one.id, None) for one in before)
        waiting += before
    return list(found)


def _row(fleet: Fleet, row: timeline.Row) -> Record:
    return {
        "task": row.task,
        "title": fleet.tasks[row.task].spec.title if row.task else row.label,
        "account": row.account,
        "billed": _is_billed(fleet, row.account),
        "tier": row.tier,
        "begins_at": iso(row.begins_ms),
        "ends_at": iso(row.ends_ms),
        "resets": _reset(timeline.next_reset(fleet, row.account, row.tier, row.begins_ms)),
        "tasks": round(row.tasks, 3),
        "value": row.value,
        "why": "",
        "after": [one.id for one in waits_for(fleet, fleet.tasks[row.task])] if row.task else [],
    }


def _is_billed(fleet: Fleet, account: str | None) -> bool:
    """Whether work on that account is paid for by the token."""
    return account is not None and fleet.accounts[account].kind == "api-key"


def _in_order(fleet: Fleet) -> Record:
    """Without an answer: the same keys, without times. What is not listed comes later: the ends of long lines, and what
    waits for other tasks."""
    ordered = timeline.by_density(fleet, _hindered(fleet))
    still_to_do = sum(task.state in ("queued", "waiting") for task in fleet.tasks.values())
    return {
        "planned": [_entry(fleet, entry) for entry in ordered],
        "later": still_to_do - len(ordered),
        "unplanned": [],
        "hindered": {},
    }


def _entry(fleet: Fleet, entry: timeline.InOrder) -> Record:
    quote = entry.quote
    return {
        "task": entry.task.id,
        "title": entry.task.spec.title,
        "account": quote and quote.account,
        "billed": quote is not None and _is_billed(fleet, quote.account),
        "tier": quote and quote.tier,
        "begins_at": None,
        "ends_at": None,
        "resets": None,
        "tasks": 1.0,
        "value": None if quote is None else quote.worth * quote.chance,
        "why": entry.why,
        "after": [],
    }


def _placements(fleet: Fleet) -> list[Record]:
    """What would be started this moment."""
    return [
        {
            "task": placement.task,
            "title": fleet.tasks[placement.task].spec.title,
            "account": placement.account,
            "billed": _is_billed(fleet, placement.account),
            "tier": placement.tier,
            "host": placement.host,
            "net": placement.quote and placement.quote.net,
            "arithmetic": placement.quote and placing.in_words(placement.quote),
        }
        for placement in dispatch.choose(fleet)
    ]


def _without_work(fleet: Fleet) -> list[Record]:
    """The accounts that get nothing, whatever there is to do, and the reason."""
    found = []
    for name, account in sorted(fleet.accounts.items()):
        why = unavailable(fleet, account)
        if why is not None and account.state != "removed":
            found.append({"account": name, "why": why.why})
    return found


# --- capacity -------------------------------------------------------------------------------------------


def _buckets(fleet: Fleet, answer: Answer | None) -> list[Record]:
    pools: dict[str, list[str]] = {}
    for account in fleet.accounts.values():
        if account.state != "removed":
            pools.setdefault(account.pool, []).append(account.name)
    committed = running.committed(fleet)
    return [
        {"accounts": sorted(pools[bucket.pool]), **_bucket(fleet, key, bucket, committed, answer)}
        for key, bucket in sorted(fleet.buckets.items())
        if bucket.pool in pools
    ]


def _bucket(
    fleet: Fleet, key: str, bucket: Bucket, committed: dict[str, tuple[float, float]], answer: Answer | None
) -> Record:
    used = headroom.utilization_now(bucket, fleet.now_ms, fleet.settings)
    blocked = headroom.blocked_until(bucket, fleet.now_ms, fleet.settings)
    going = committed.get(key, (0.0, 0.0))[0]
    left = 0.0 if blocked else None if used is None else max(1.0 - used - going, 0.0)
    resets_ms = blocked.until_ms if blocked else bucket.resets_ms
    prices = fresh(fleet)
    return {
        "bucket": bucket.name,
        "scope": bucket.scope,
        "utilization": used,
        "closed": blocked.how if blocked else "",
        "committed": going,
        "headroom": left,
        "reserved": reserved.protected(fleet, bucket),
        "forecast": _forecast(fleet, key, bucket),
        "floor": reserved.floor(fleet, bucket),
        "price": None if prices is None else prices.buckets.get(key, 0.0),
        "resets_at": iso(resets_ms) if resets_ms is not None and resets_ms > fleet.now_ms else None,
        "expires_unused": None if answer is None else answer.unused.get(key),
    }


def _forecast(fleet: Fleet, key: str, bucket: Bucket) -> Record | None:
    """What the forecast alone keeps of it now, and why; None where it keeps nothing."""
    protection = None if fleet.protections is None else fleet.protections.by_bucket.get(key)
    if protection is None or not fleet.policy.protect_by_forecast:
        return None
    return {
        "kept": reserved.by_forecast(fleet, bucket),
        "expected": protection.mean,
        "sure": protection.sure,
        "like": protection.like,
    }


def _limit(fleet: Fleet, limit: Limit) -> Record:
    found = limit_shown(fleet, limit)
    return {**found, "used_up": found["left"] <= 0.0, "said": budgets.in_words(limit)}


def _reservations(fleet: Fleet, until_ms: int) -> list[Record]:
    """Those that something is kept for now, or whose hours come within the plan's."""
    return [
        reservation_shown(fleet, one)
        for one in fleet.reservations.values()
        if reserved.kept_for(fleet, one) > 0.0
        or any(start < until_ms and end > fleet.now_ms for start, end in one.spans)
    ]
