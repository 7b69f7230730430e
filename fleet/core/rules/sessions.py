"""Sessions that an account does not take: where they go on, and when their work goes on with a new one.

A session that is refused goes back to the account that answered it last. Where there is no such account, or it is
closed for long, a new session goes on with the work so far, and is told what is known of it (`fleet.core.handoff`).
Nothing is tried in the same way more than twice in a row.
"""

from __future__ import annotations

from fleet.core.capacity import headroom
from fleet.core.dispatch.tiers import allowed, is_for_project
from fleet.core.draft import Draft
from fleet.core.model import Account, Attempt, Fleet, Task, is_shunning
from fleet.core.model.replacing import replace


def without_session(task: Task) -> Task:
    """Its next worker begins a new session, on the work so far."""
    return replace(
        task,
        session_id=None,
        session_account=None,
        answered_by=None,
        shuns=(),
        bound=False,
        unanswered=0,
        renewed_for="",
    )


def answered(task: Task, account: str) -> Task:
    """Its session was answered there. What happened elsewhere was then no fault of the session, unless it was refused
    there as it stands. The same task where that is known already, as with most answers."""
    shuns = task.shuns if task.bound else ()
    if (task.answered_by, task.unanswered, task.renewed, task.shuns) == (account, 0, False, shuns):
        return task
    return replace(
        task,
        answered_by=account,
        unanswered=0,
        renewed=False,
        shuns=shuns,
    )


def unanswered(draft: Draft, task: Task, attempt: Attempt) -> Task:
    """After an end without an answer: with the second in a row it tries another account."""
    count = task.unanswered + 1
    if count < draft.before.settings.unanswered_max:
        return replace(task, unanswered=count)
    return replace(_shunning(task, attempt.account), unanswered=0)


def refused(draft: Draft, task: Task, attempt: Attempt) -> Task | None:
    """After its account refused the session itself. None when a new one has to take its place."""
    if attempt.reason == "credits":
        return None if task.renewed else _shunning(task, attempt.account)
    if attempt.reason == "context":
        return None
    home = task.answered_by
    if home is not None and home != attempt.account and _may_take(draft.peek(), task, home):
        return replace(_shunning(task, attempt.account), session_account=home, bound=True, unanswered=0)
    if home == attempt.account and not task.unanswered and not task.renewed:
        # The client takes out of a history what it can: an image that could not be read, say.
        return replace(task, unanswered=1)
    return None


def _shunning(task: Task, account: str) -> Task:
    return task if account in task.shuns else replace(task, shuns=(*task.shuns, account))


def may_renew(draft: Draft, task: Task) -> bool:
    """Whether one new session more may go on with the work: not when the last one, too, got no answer at all."""
    return not task.renewed and task.renewals < draft.before.settings.renewals_max


def renewed(draft: Draft, task: Task, why: str) -> Task:
    draft.note(
        "warning",
        "task.session_renewed",
        f"a new session goes on with its work so far: {why}",
        task=task.id,
        renewals=task.renewals + 1,
    )
    return replace(without_session(task), renewed=True, renewals=task.renewals + 1, renewed_for=why)


def renew_where_nobody_takes(draft: Draft) -> None:
    """Gives queued tasks a new session where no account that takes theirs opens soon, and one is open to a new one."""
    fleet = draft.peek()
    shunning = [rank[3] for lane, ranks in fleet.queue.items() if is_shunning(lane) for rank in ranks]
    for task in (fleet.tasks[name] for name in shunning):
        soon = [
            name for name in fleet.accounts if _may_take(fleet, task, name) and _opens_soon(fleet, task, name)
        ]
        if _prefers_in_vain(fleet, task):
            draft.put_task(replace(task, shuns=()))
            continue
        if not soon or any(name not in task.shuns and _takes_it(task, name) for name in soon):
            continue
        if task.judging is not None and task.session_id is None:
            draft.put_task(replace(task, shuns=()))  # nothing refused it: another account was only preferred
        elif may_renew(draft, task):
            names = ", ".join(sorted(task.shuns))
            draft.put_task(renewed(draft, task, f"{names} did not take the one it had"))
        else:
            draft.put_task(replace(task, shuns=(), bound=False))


def _prefers_in_vain(fleet: Fleet, task: Task) -> bool:
    """Whether a review has waited for another account than the one that made the work for as long as is worth it, be it
    for a host or for a window."""
    waited_ms = fleet.now_ms - (task.since_ms or 0)
    return (
        task.judging is not None
        and task.session_id is None
        and waited_ms >= fleet.settings.session_patience_ms
    )


def _takes_it(task: Task, account: str) -> bool:
    return not task.bound or account == task.session_account


def _may_take(fleet: Fleet, task: Task, name: str) -> bool:
    account = fleet.accounts.get(name)
    return (
        account is not None
        and account.is_open
        and (account.spends == "free" or name in (task.session_account, task.answered_by))
        and is_for_project(fleet, task, account)
        and any(account.model_of(tier) for tier in allowed(fleet, task))
    )


def _opens_soon(fleet: Fleet, task: Task, name: str) -> bool:
    account: Account = fleet.accounts[name]
    blocks = [
        headroom.block_of(fleet, account, tier) for tier in allowed(fleet, task) if account.model_of(tier)
    ]
    latest_ms = fleet.now_ms + fleet.settings.session_patience_ms
    return any(block is None or block.until_ms <= latest_ms for block in blocks)
