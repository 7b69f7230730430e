"""Which placements a task may have now, and for every other one the reason why not.

Why a session cannot flap between accounts: it leaves its account only when that account is *closed* to it
(`is_closed`). That is so

1. when the account is quarantined, paused or removed: until a person acts; when its credential cannot be had, as the
   keyring cannot be reached: until it can; or when it is silent, after two ends in a row without an answer: until it
   has answered a question;
2. when the project may not use it, or none of the tiers it has, or its `spend` is never: until a person sets the
   project or the account anew;
3. when it did not take this very session;
4. when the tiers it has are below the one that failed: for good, because escalation only goes upward;
5. when for every tier left a bucket is blocked: refused or full until a reset, and a refusal outranks all readings
   but of what was granted later (`headroom`); or down to what is kept for persons, until `Bucket.protected_until_ms`:
   half an hour or the reset, whatever is read meanwhile, unless a person takes back what is kept.

No price, reading, ranking or momentary crowding moves it. Each of these lasts, so an account that was left stays closed
until then; and between two departures from one account lies the reset of a bucket that refused or was full, the end of
a pause before what is kept, an outage of the keyring, an answered question, an escalation, or a person's act. The
number of moves is at most the number of those events. `tests.faults.safety` counts them from outside, and
`tests/faults` holds every seed to that bound.

The order of the reasons: docs/dispatch.md, "1. What is feasible". The proof in full: "Why a session can't flap" there.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import inf

from fleet.core.capacity.costs import Expected
from fleet.core.dispatch.price import Quote
from fleet.core.dispatch.shares import Shares
from fleet.core.dispatch.slots import Slots
from fleet.core.dispatch.tiers import allowed, is_for_project
from fleet.core.model import Account, Fleet, Host, Task, Unfit

PAUSED = "paused by you"


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why one account and tier was not taken. `until_ms` is when that will have changed, None where nobody
    knows; `lasting` means only a person can change it; `crowded` that it changes when a worker ends or answers."""

    account: str
    tier: str
    why: str
    until_ms: int | None = None
    lasting: bool = False
    crowded: bool = False


@dataclass(frozen=True, slots=True)
class Placement:
    """`refused` is what was considered for it and not taken, by account and tier; `quote` its arithmetic, where the
    rule that chose it has one."""

    task: str
    account: str
    tier: str
    host: str
    refused: tuple[Refusal, ...] = ()
    quote: Quote | None = None


def refusal(fleet: Fleet, slots: Slots, task: Task, account: Account, tier: str) -> Refusal | None:
    """The first reason against `task` on `account` with `tier` but for capacity, None when there is none."""
    return standing(fleet, slots, task, account, tier) or crowded(slots, task, account, tier)


def standing(fleet: Fleet, slots: Slots, task: Task, account: Account, tier: str) -> Refusal | None:
    """The first reason that stays for the whole round, and is the same for all tasks of a lane. What only a person can
    change comes before a bucket that is blocked, which passes."""
    against = closed(fleet, slots, account, tier)
    if against is not None and against.lasting:
        return against
    return (
        _not_for_project(fleet, task, account, tier)
        or _not_taken(task, account, tier)
        or against
        or _cannot_plan(slots, task, account, tier)
        or _warm_elsewhere(fleet, slots, task, account, tier)
        or _busy(fleet, account, tier)
    )


def gives(fleet: Fleet, slots: Slots, account: Account, tier: str) -> bool:
    """Whether the account gives work of the tier to some task now."""
    return closed(fleet, slots, account, tier) is None and _busy(fleet, account, tier) is None


def suits(fleet: Fleet, slots: Slots, task: Task, account: Account) -> bool:
    """Whether nothing stands against a task whose session stays nowhere, on an account that gives to the tier
    (`standing`)."""
    return (
        _not_taken(task, account, "") is None
        and _not_for_project(fleet, task, account, "") is None
        and (task.plans_with is None or _cannot_plan(slots, task, account, "") is None)
    )


def suits_all(fleet: Fleet, task: Task) -> bool:
    """Whether it `suits` every account."""
    project = fleet.projects.get(task.spec.project_name)
    for_all = project is None or not project.accounts
    return for_all and not task.shuns and not task.bound and task.plans_with is None


def beyond_means(
    fleet: Fleet, shares: Shares, task: Task, account: Account, tier: str, need: Expected
) -> Refusal | None:
    """Why what the work needs is not to be had there now: a bucket that has too little left, or a budget."""
    limit = shares.budgets.against(task, account, tier, need)
    if limit is not None:
        waits = limit.until_ms is None and not limit.lasting
        return Refusal(account.name, tier, limit.why, limit.until_ms, lasting=limit.lasting, crowded=waits)
    short = shares.too_little(account, tier, need)
    if short is None:
        return None
    kept = f", beside what is kept ({short.kept:.0%})" if short.guarded else ""
    why = f"{short.bucket} has {short.left:.1%} left{kept}, and it may need {short.need:.1%}"
    return Refusal(account.name, tier, why, short.until_ms, crowded=short.until_ms is None)


def _not_for_project(fleet: Fleet, task: Task, account: Account, tier: str) -> Refusal | None:
    if is_for_project(fleet, task, account):
        return None
    return Refusal(account.name, tier, f"is not for project {task.spec.project_name}", lasting=True)


def _not_taken(task: Task, account: Account, tier: str) -> Refusal | None:
    """What the account, or another one, made of the task's session. Where nothing else is left a new one takes its
    place, so nobody has to act."""
    if account.name in task.shuns and task.judging is not None and task.session_id is None:
        return Refusal(account.name, tier, "made the work, so that another account is to review it")
    if account.name in task.shuns:
        return Refusal(account.name, tier, "did not take its session")
    if task.bound and account.name != task.session_account:
        return Refusal(account.name, tier, f"its session is taken by {task.session_account} only")
    return None


def closed(fleet: Fleet, slots: Slots, account: Account, tier: str) -> Refusal | None:
    """Why the account gives nothing to `tier` at all now: its state, its tiers, a bucket that is blocked."""
    against = unavailable(fleet, account, tier)
    if against is not None:
        return against
    if account.model_of(tier) is None:
        return Refusal(account.name, tier, f"has no tier {tier}", lasting=True)
    if account.spends == "never":
        return Refusal(account.name, tier, "takes no work: its spend is never", lasting=True)
    block = slots.block_of(account, tier)
    if block is None:
        return None
    why = f"{block.bucket} {block.how}"
    return Refusal(account.name, tier, why, block.until_ms)


def unavailable(fleet: Fleet, account: Account, tier: str = "") -> Refusal | None:
    """Why the account gets no work of any tier, None when it is open."""
    if account.state == "quarantined":
        return Refusal(account.name, tier, f"quarantined: {account.reason}", lasting=True)
    if account.state == "silent":
        why = f"gives no answer ({account.reason}), and is asked now and then"
        return Refusal(account.name, tier, why, account.asked_next_ms, lasting=account.needs_person)
    if account.paused:
        why, until_ms = (
            f"{PAUSED}{f': {account.paused_why}' if account.paused_why else ''}",
            account.paused_until_ms,
        )
        return Refusal(account.name, tier, why, until_ms, lasting=until_ms is None)
    if account.unreached:
        why = f"waits for its credential: {account.unreached}"
        return Refusal(account.name, tier, why, lasting=_needs_a_person(fleet, account))
    return None


def _needs_a_person(fleet: Fleet, account: Account) -> bool:
    """A keyring that has been away for so long hardly comes back by itself."""
    since_ms = account.unreached_ms or fleet.now_ms
    return fleet.now_ms - since_ms >= fleet.settings.keyring_patience_ms


def any_account_gives(fleet: Fleet, slots: Slots) -> bool:
    """Whether some account would take one more worker of some task."""
    return any(
        account.is_open
        and account.spends != "never"
        and not slots.account_is_full(account)
        and _busy(fleet, account, "") is None
        and any(slots.block_of(account, tier) is None for tier, _ in account.tiers)
        for account in fleet.accounts.values()
    )


def _cannot_plan(slots: Slots, task: Task, account: Account, tier: str) -> Refusal | None:
    """A task that has to be planned first is closed out by the planning tier's buckets, too."""
    plan = task.plans_with
    if plan is None or account.model_of(plan) is None:
        return None
    block = slots.block_of(account, plan)
    if block is None:
        return None
    return Refusal(account.name, tier, f"{block.bucket}, for its plan, {block.how}", block.until_ms)


def is_closed(fleet: Fleet, slots: Slots, task: Task, account: Account) -> bool:
    """Whether the account is closed to every tier the task may use: only then may its session move."""
    return not account.is_open or all(
        closed(fleet, slots, account, t)
        or _not_for_project(fleet, task, account, t)
        or _not_taken(task, account, t)
        or _cannot_plan(slots, task, account, t)
        for t in allowed(fleet, task)
    )


def warm_account(fleet: Fleet, slots: Slots, task: Task) -> Account | None:
    """The account that the task's session has to stay on: the one its cache is warm on, unless that is
    closed."""
    account = fleet.accounts.get(task.session_account or "")
    if account is None or task.session_id is None or is_closed(fleet, slots, task, account):
        return None
    return account


def _warm_elsewhere(fleet: Fleet, slots: Slots, task: Task, account: Account, tier: str) -> Refusal | None:
    if account.name == task.session_account:
        return None
    warm = warm_account(fleet, slots, task)
    if warm is None:
        return None
    there = "its cache is warm" if task.answered_by == warm.name else "it began"
    return Refusal(account.name, tier, f"its session stays on {warm.name}, where {there}")


def crowded(slots: Slots, task: Task, account: Account, tier: str) -> Refusal | None:
    """Why there is no place for one more worker: the project has all it may have, or the account."""
    full = slots.project_refusal(task)
    if full is not None:
        return Refusal(account.name, tier, full, crowded=True)
    if not slots.account_is_full(account):
        return None
    workers, limit = slots.workers_on(account), slots.limit_of(account)
    why = f"has {workers} of {limit} workers it may have now"
    if limit < account.concurrency:
        why += f" (being tried out: up to {account.concurrency} once it has answered)"
    return Refusal(account.name, tier, why, crowded=True)


def _busy(fleet: Fleet, account: Account, tier: str) -> Refusal | None:
    left = account.busy_until_ms - fleet.now_ms
    if not 0 < left <= fleet.settings.backoff_max_ms:  # longer: set by a clock that has since been put right
        return None
    return Refusal(account.name, tier, "its server is overloaded, trying again", account.busy_until_ms)


def held_back(fleet: Fleet, task: Task) -> str:
    """What of its own past a queued task waits for: a worker or a worktree that is still going, or work on a host that
    does not answer. Empty when nothing."""
    if task.attempt in fleet.attempts:
        return f"its worker {task.attempt} is still being stopped"
    worktree = fleet.worktrees.get(task.id)
    if worktree is None:
        return ""
    if worktree.state == "removing":
        return "its old worktree is still being removed"
    silent = [name for name in worktree.hosts if _is_silent(fleet, name)]
    if silent:
        return f"its work lies on host {silent[0]}, which does not answer"
    refused = work_on_unfit(fleet, task)
    if refused is None or refused[1].shut_until(fleet.now_ms, fleet.settings.backoff_max_ms) is None:
        return ""
    return f"its work lies on host {refused[0].name}, whose git refuses the repository now: {refused[1].why}"


def _is_silent(fleet: Fleet, name: str) -> bool:
    host = fleet.hosts.get(name)
    return host is not None and host.state == "suspected"


def work_on_unfit(fleet: Fleet, task: Task) -> tuple[Host, Unfit] | None:
    """The host that has the task's work and whose git refuses its repository, None where there is none such."""
    worktree = fleet.worktrees.get(task.id)
    for host in (fleet.hosts.get(name) for name in (() if worktree is None else worktree.hosts)):
        unfit = None if host is None else host.unfit_for(task.spec.repo)
        if host is not None and unfit is not None:
            return host, unfit
    return None


def needs_mending(fleet: Fleet, unfit: Unfit | None) -> bool:
    """Whether what a host's git refuses hardly passes by itself any more."""
    return unfit is not None and unfit.lasting and unfit.times >= fleet.settings.faults_max


def waits_for(fleet: Fleet, task: Task) -> list[Task]:
    """The tasks it waits for that have not landed."""
    return [fleet.tasks[t] for t in task.after if not fleet.tasks[t].releases]


def backs_off_until(fleet: Fleet, task: Task) -> int | None:
    """When its back-off ends, None when it has none. One further away than any back-off can be was set by a
    clock that has since been put right, and doesn't count."""
    left = task.not_before_ms - fleet.now_ms
    return task.not_before_ms if 0 < left <= fleet.settings.backoff_max_ms else None


def backs_off_from(fleet: Fleet, task: Task) -> float:
    """From when on a back-off counts that is too far away now to be one; never, where there is none."""
    begins_ms = task.not_before_ms - fleet.settings.backoff_max_ms
    return begins_ms if begins_ms > fleet.now_ms else inf
