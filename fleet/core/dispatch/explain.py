"""Why a task is where it is: what was considered, what was refused for which reason, when it expects to run."""

from __future__ import annotations

import shlex
from collections import deque
from dataclasses import replace

from fleet.core.capacity import headroom
from fleet.core.dispatch.explanation import Explanation
from fleet.core.dispatch.feasible import (
    PAUSED,
    Refusal,
    backs_off_until,
    held_back,
    needs_mending,
    standing,
    waits_for,
    work_on_unfit,
)
from fleet.core.dispatch.hosts_told import mend, no_host
from fleet.core.dispatch.price import Quote
from fleet.core.dispatch.round import Round
from fleet.core.dispatch.slots import Slots
from fleet.core.dispatch.tiers import allowed, is_for_project
from fleet.core.model import Account, Fleet, Task, Trouble
from fleet.core.model.lifecycles import TASK, TASK_ENDS

IDLE = "the coordinator isn't running: fleet up"
_NOT_BY_ITSELF = frozenset({*TASK} - {"queued", "landed"})
"""States of which a pause of the task is told beside them."""
DEAD_ENDS = frozenset({"failed", "cancelled"})


def needs_a_person(task: Task) -> bool:
    """Whether an open task cannot go on until a person has resumed it, or mended what it is in trouble for."""
    paused = task.spec.paused is not None and task.spec.paused.until_ms is None
    waits = task.state == "queued" and (paused or task.consent is not None)
    return waits or (task.trouble is not None and task.trouble.lasting and task.state not in TASK_ENDS)


def explain(fleet: Fleet, task: Task) -> Explanation:
    """Explains any task's present state."""
    explained = _explained(fleet, task)
    if task.trouble is not None and task.trouble.consent is not None:
        explained = _without_consent(explained, task, task.trouble)
    paused = _paused(fleet, task)
    told_of = ("waiting", "running", "checking") if task.spec.paused is None else _NOT_BY_ITSELF
    if paused is not None and task.state in told_of:
        ends = "its worker ends with this turn" if task.state == "running" else "no further worker is started"
        explained = replace(explained, summary=f"{explained.summary}; {ends}: {paused.summary}")
    if task.trouble is None or task.trouble.consent is not None:
        return explained
    return _troubled(explained, task.trouble)


def _paused(fleet: Fleet, task: Task) -> Explanation | None:
    """What a person has paused, and how they resume it: the task, its project, all work, its worker's account."""
    project = fleet.projects.get(task.spec.project_name)
    attempt = fleet.attempts.get(task.attempt or "")
    account = None if attempt is None else fleet.accounts[attempt.account]
    if task.spec.paused is not None:
        return _of_pause(
            task, task.spec.paused.in_words, f"fleet task resume {task.id}", task.spec.paused.until_ms
        )
    if project is not None and project.paused is not None:
        told = f"project {project.name} is {project.paused.in_words}"
        resume = f"fleet resume --project {shlex.quote(project.name)}"
        return _of_pause(task, told, resume, project.paused.until_ms)
    if fleet.policy.breaker:
        advice = "look for the cause, then: fleet breaker close"
        told = f"the circuit breaker is open: {fleet.policy.breaker}"
        return _of_pause(task, told, advice, fleet.policy.breaker_until_ms)
    if account is not None and account.paused:
        told = f"account {account.name} is {PAUSED}{f': {account.paused_why}' if account.paused_why else ''}"
        return _of_pause(task, told, f"fleet account resume {account.name}", account.paused_until_ms)
    return None


def _of_pause(task: Task, told: str, advice: str, until_ms: int | None) -> Explanation:
    stuck = until_ms is None
    return Explanation(
        task.id, task.state, told, expects_ms=until_ms, stuck=stuck, advice=advice if stuck else ""
    )


def _without_consent(explained: Explanation, task: Task, asked: Trouble) -> Explanation:
    summary = f"{explained.summary}: {asked.story}"
    return replace(
        explained, summary=summary, stuck=True, advice=f"fleet project allow {shlex.quote(task.spec.repo)}"
    )


def _troubled(explained: Explanation, trouble: Trouble) -> Explanation:
    kept = f"; its work is kept on host {trouble.host} meanwhile" if trouble.host else ""
    summary = f"{explained.summary}; trouble: {trouble.story}; it is tried again{kept}"
    if explained.stuck or not trouble.lasting:
        return replace(explained, summary=summary)
    cure = mend(trouble.host) if trouble.host else "mend the cause of the trouble"
    advice = explained.advice or f"{cure}, then it goes on by itself (fleet up)"
    return replace(explained, summary=summary, stuck=True, advice=advice)


def _explained(fleet: Fleet, task: Task) -> Explanation:
    if task.state == "queued":
        queued = _queued(fleet, task)
        if task.judging is None:
            return queued
        return replace(queued, summary=f"verified; to be reviewed by a model: {queued.summary}")
    if task.state == "waiting":
        return _waiting(fleet, task)
    return _placed(fleet, task) if task.state in ("running", "checking") else _beyond(task)


def _waiting(fleet: Fleet, task: Task) -> Explanation:
    names = ", ".join(f"{t.id} ({t.state})" for t in waits_for(fleet, task))
    summary = f"waits for {names} to land"
    blocker = _blocker(fleet, task)
    if blocker is None:
        return Explanation(task.id, task.state, summary)
    if blocker.state not in DEAD_ENDS:
        return Explanation(task.id, task.state, summary, stuck=True, advice=f"see: fleet why {blocker.id}")
    advice = (
        f"{blocker.id} ended without landing: fleet task retry {blocker.id}, or fleet task cancel {task.id}"
    )
    return Explanation(task.id, task.state, summary, stuck=True, advice=advice)


def _blocker(fleet: Fleet, task: Task) -> Task | None:
    """The nearest task, along what it waits for, that only a person can move."""
    seen = {task.id}
    frontier = deque(waits_for(fleet, task))
    while frontier:
        found = frontier.popleft()
        if found.state in (*DEAD_ENDS, "review", "held") or needs_a_person(found):
            return found
        if found.state == "queued" and _queued(fleet, found).stuck:
            return found
        if found.state == "waiting":
            further = [t for t in waits_for(fleet, found) if t.id not in seen]
            seen.update(t.id for t in further)
            frontier.extend(further)
    return None


def _queued(fleet: Fleet, task: Task) -> Explanation:
    """What only a person can change comes before what passes by itself: without it no waiting helps."""
    return _until_a_person(fleet, task) or _for_a_while(fleet, task) or _by_placement(fleet, task)


def _until_a_person(fleet: Fleet, task: Task) -> Explanation | None:
    """What keeps it from running wherever it might, until a person acts."""
    if task.consent is not None:
        return Explanation(task.id, task.state, "waits for a person", stuck=True)
    paused = _paused(fleet, task)
    if paused is not None and paused.stuck:
        return paused
    accounts = _accounts(fleet)
    if not accounts:
        advice = "fleet account add NAME --kind subscription --login"
        return Explanation(task.id, task.state, "there is no account", stuck=True, advice=advice)
    dispatch, tiers = Round(fleet, Slots(fleet)), allowed(fleet, task)
    against = {(a.name, tier): _for_good(dispatch, task, a, tier) for a in accounts for tier in tiers}
    refusals = tuple(one for one in against.values() if one is not None)
    if len(refusals) == len(against):
        return _no_account(fleet, task, accounts, tiers, refusals)
    if not fleet.hosts:
        return None
    lies_on = work_on_unfit(fleet, task)
    if lies_on is not None and needs_mending(fleet, lies_on[1]):
        behind = (
            f"its work lies on host {lies_on[0].name}, whose git refuses the repository: {lies_on[1].why}"
        )
        return Explanation(task.id, task.state, behind, refusals, stuck=True, advice=mend(lies_on[0].name))
    able = [a for a in accounts if any(against[a.name, tier] is None for tier in tiers)]
    nowhere = no_host(fleet, dispatch.slots, task, able)
    return replace(nowhere, refusals=refusals) if nowhere.stuck else None


def _for_good(dispatch: Round, task: Task, account: Account, tier: str) -> Refusal | None:
    """Why the placement cannot be made until a person acts, whatever else passes."""
    against = standing(dispatch.fleet, dispatch.slots, task, account, tier)
    if against is not None and against.lasting:
        return against
    need = dispatch.market.expected(task, tier)
    limit = dispatch.shares.budgets.against(task, account, tier, need)
    if limit is None or not limit.lasting:
        return None
    return Refusal(account.name, tier, limit.why, lasting=True)


def _for_a_while(fleet: Fleet, task: Task) -> Explanation | None:
    """What keeps it from running wherever it might, and passes."""
    paused = _paused(fleet, task)
    if paused is not None:
        return paused
    if fleet.draining:
        return Explanation(task.id, task.state, "no new workers are started: the coordinator is stopping")
    until = backs_off_until(fleet, task)
    if until is not None:
        return Explanation(task.id, task.state, f"backs off: {task.reason}", expects_ms=until)
    behind = held_back(fleet, task)
    return Explanation(task.id, task.state, behind) if behind else None


def _by_placement(fleet: Fleet, task: Task) -> Explanation:
    accounts = _accounts(fleet)
    dispatch = Round(fleet, Slots(fleet))
    refusals, quotes = _considered(dispatch, task, accounts)
    tiers = allowed(fleet, task)
    if len(refusals) < len(accounts) * len(tiers):
        against = {(r.account, r.tier) for r in refusals}
        able = [a for a in accounts if any((a.name, tier) not in against for tier in tiers)]
        return _placeable(fleet, dispatch.slots, task, able, refusals, quotes)
    if all(r.lasting for r in refusals):
        return _no_account(fleet, task, accounts, tiers, refusals)
    crowded = any(r.crowded for r in refusals)
    if not fleet.hosts:
        summary = IDLE
    elif quotes:
        summary = f"waits: on {quotes[0].account} with {quotes[0].tier} {_against(refusals, quotes[0])}"
    elif crowded:
        full = next(r for r in refusals if r.crowded)
        no_slot = dispatch.slots.project_refusal(task)
        summary = no_slot or f"no account has room now: {full.account} {full.why}"
    else:
        summary = _closed_for_now(accounts, refusals)
    expects = None if crowded else headroom.earliest(r.until_ms for r in refusals)
    return Explanation(task.id, task.state, summary, refusals, expects, quotes=quotes)


def _closed_for_now(accounts: list[Account], refusals: tuple[Refusal, ...]) -> str:
    timed = [(r.until_ms, r.account, r.why) for r in refusals if r.until_ms is not None and not r.lasting]
    if timed:
        _, name, why = min(timed)
        return f"every account it may use is closed: {name} opens first, of which {why}"
    waiting = next((a for a in accounts if a.state == "ready" and a.unreached and not a.paused), None)
    if waiting is not None:
        return f"waits for the credential of {waiting.name}, and goes on by itself: {waiting.unreached}"
    first = next(r for r in refusals if not r.lasting)
    return f"every account it may use is closed: {first.account} {first.why}"


def _accounts(fleet: Fleet) -> list[Account]:
    return [account for _, account in sorted(fleet.accounts.items()) if account.state != "removed"]


def _no_account(
    fleet: Fleet, task: Task, accounts: list[Account], tiers: tuple[str, ...], refusals: tuple[Refusal, ...]
) -> Explanation:
    """Of the accounts, the one that least is missing of is named: a new credential is sooner had than a new account."""
    names = {account.name: account for account in accounts}
    last = min(refusals, key=lambda r: (_missing(fleet, task, names[r.account], r.tier), r.account))
    advice = _what_would_help(fleet, task, names[last.account], last.tier, tiers)
    summary = f"no account can take it ({last.account}: {last.why})"
    return Explanation(task.id, task.state, summary, refusals, stuck=True, advice=advice)


def _missing(fleet: Fleet, task: Task, account: Account, tier: str) -> tuple[bool, ...]:
    """What a person would have to change, the hardest first."""
    return (
        account.model_of(tier) is None,
        not is_for_project(fleet, task, account),
        account.spends == "never",
        account.name in task.shuns or (task.bound and account.name != task.session_account),
        account.state == "quarantined",
        account.state == "silent",
        bool(account.unreached),
        account.paused,
    )


def _against(refusals: tuple[Refusal, ...], quote: Quote) -> str:
    return next(r.why for r in refusals if (r.account, r.tier) == (quote.account, quote.tier))


def _considered(
    dispatch: Round, task: Task, accounts: list[Account], but: tuple[str, str] | None = None
) -> tuple[tuple[Refusal, ...], tuple[Quote, ...]]:
    """What speaks against each account and tier, and the arithmetic of those that it came to, best first."""
    refusals: list[Refusal] = []
    quotes: list[Quote] = []
    for account in sorted(accounts, key=lambda a: a.name):
        for tier in allowed(dispatch.fleet, task):
            if (account.name, tier) == but:
                continue
            against, quote = dispatch.refusals.considered(task, account, tier)
            if against is not None:
                refusals.append(against)
            if quote is not None:
                quotes.append(quote)
    return tuple(refusals), tuple(sorted(quotes, key=lambda q: (-q.merit, q.account, q.tier)))


def _what_would_help(fleet: Fleet, task: Task, account: Account, tier: str, tiers: tuple[str, ...]) -> str:
    """What a person can do when every account is closed to the task until a person acts; it is `account`, with that
    tier, that least is missing of."""
    missing = _missing(fleet, task, account, tier)
    no_tier, not_for_it, never, strange, quarantined, silent, unreached, paused = missing
    if no_tier:
        return f"add an account that has the tier {' or '.join(tiers)}"
    if not_for_it:
        return f"fleet project set {task.spec.project_name} --account {account.name}, beside those it has"
    if never:
        return f"fleet account set {account.name} --spend free, or add another account"
    if quarantined:
        return f"renew the credential, then fleet account verify {account.name}"
    if silent:
        ask = f"fleet account verify {account.name}"
        return f"see why it gives no answer (it is asked again by itself, too), then {ask}"
    if unreached:
        return "make the keyring reachable from where `fleet up` runs (fleet doctor names the choices)"
    if paused:
        return f"fleet account resume {account.name}"
    if strange:
        return "its session is not to be had elsewhere: make that account answer, or add the task anew"
    return "let more be spent, or take the limit back: fleet limit list names it"


def _placeable(
    fleet: Fleet,
    slots: Slots,
    task: Task,
    able: list[Account],
    refusals: tuple[Refusal, ...],
    quotes: tuple[Quote, ...],
) -> Explanation:
    """The accounts that are `able` would take it: then it is the hosts, or others that are ahead of it."""
    if not fleet.hosts:
        return Explanation(task.id, task.state, IDLE, refusals, quotes=quotes)
    if not any(slots.host_for(task, account) for account in able):
        return replace(no_host(fleet, slots, task, able), refusals=refusals, quotes=quotes)
    ahead = fleet.queue[task.lane].index(task.rank)
    summary = f"next in the queue, {ahead} ahead of it" if ahead else "next in the queue"
    return Explanation(task.id, task.state, summary, refusals, fleet.now_ms, quotes=quotes)


def _placed(fleet: Fleet, task: Task) -> Explanation:
    attempt = fleet.attempts.get(task.attempt or "")
    if attempt is None:
        return Explanation(task.id, task.state, task.reason or task.state)
    doing = {
        "starting": "is being started",
        "running": "its work is being verified"
        if task.state == "checking"
        else ("reviews the verified work" if attempt.judges else "works"),
        "stopping": f"is being stopped ({attempt.reason})",
    }.get(attempt.state, attempt.state)
    account = fleet.accounts.get(attempt.account)
    left = headroom.headroom(fleet, account, attempt.tier) if account else None
    known = "headroom unknown" if left is None else f"headroom {left:.0%}"
    summary = (
        f"attempt {attempt.id} {doing} on {attempt.account} ({attempt.tier}, {known}), host {attempt.host}"
    )
    host = fleet.hosts.get(attempt.host)
    if host is not None and host.state == "suspected":
        summary += ", which does not answer: its worker is left to go on"
    others = {name: other for name, other in fleet.attempts.items() if name != attempt.id}
    without = replace(fleet, attempts=others)
    dispatch = Round(without, Slots(without))
    accounts = [a for a in fleet.accounts.values() if a.state != "removed"]
    refusals, quotes = _considered(dispatch, task, accounts, but=(attempt.account, attempt.tier))
    against = {(r.account, r.tier) for r in refusals}
    feasible = tuple((q.account, q.tier) for q in quotes if (q.account, q.tier) not in against)
    present = dispatch.market.quote(task, account, attempt.tier) if account else None
    return Explanation(
        task.id,
        task.state,
        summary,
        refusals,
        feasible=tuple(sorted(feasible)),
        quotes=quotes if present is None else (present, *quotes),
        taken=None if present is None else (present.account, present.tier),
    )


_HELD = {
    "nothing": "nothing was changed, so nothing landed",
    "denied": "its verification was denied something by the sandbox",
}


def _beyond(task: Task) -> Explanation:
    """States behind the workers: review, landing, held and the ends."""
    if task.state == "review":
        advice = (
            f'fleet task diff {task.id}, then fleet task approve {task.id}, or fleet task send-back {task.id} "…", or '
            f"fleet task reject {task.id}"
        )
        told = f"{task.reason}; " if task.reason else ""
        summary = f"verified; {told}waits for your review"
        return Explanation(task.id, task.state, summary, stuck=True, advice=advice)
    if task.state == "landing":
        if task.breaking_off:
            told = f"cancelled; its merge into {task.spec.target} is being broken off"
            return Explanation(task.id, task.state, told)
        place = "is being merged and verified" if task.landing_begun else "waits for its turn to be merged"
        return Explanation(task.id, task.state, f"verified; {place} into {task.spec.target}")
    if task.state == "held":
        summary = _HELD.get(task.held_for, "verified, but not landed")
        return Explanation(task.id, task.state, summary, stuck=True, advice=task.reason)
    if task.state == "landed":
        commit = (task.landed_commit or "")[:12]
        if task.spec.land == "merge" or task.reason:
            return Explanation(
                task.id, task.state, task.reason or f"landed on {task.spec.target} as {commit}"
            )
        told = f"verified and left on its branch {task.branch} as {commit}, merged nowhere"
        return Explanation(
            task.id, task.state, told, advice=f"to have it merged: fleet task land {task.id} --merge"
        )
    return Explanation(task.id, task.state, task.reason or task.state, advice=f"fleet task retry {task.id}")
