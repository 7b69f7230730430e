"""Turning placements into attempts."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from fleet.core import headroom
from fleet.core.decisions import StartWorker
from fleet.core.dispatch import Placement, Quote, Refusal
from fleet.core.draft import Draft
from fleet.core.model import Account, Attempt, Fleet, Task, Worktree
from fleet.core.wording import fresh_session_id

REFUSALS_TOLD = 8
"""Of what was refused when a task was placed, so that many accounts fill no journal."""


Choose = Callable[[Fleet], Iterator[Placement]]
"""A rule of dispatch: the placements to make now, in their order."""


def place(draft: Draft, choose: Choose) -> None:
    """Makes every placement that can be made now."""
    for placement in choose(draft.peek()):
        _place(draft, placement)


def _place(draft: Draft, placement: Placement) -> None:
    task = draft.tasks[placement.task]
    attempt = draft.put_attempt(_attempt(draft, task, placement))
    _restart_ramp(draft, attempt.account)
    draft.put_task(
        replace(
            task, state="running", attempt=attempt.id, attempts=attempt.number, reason="", not_before_ms=0
        )
    )
    _claim_worktree(draft, task)
    draft.decide(StartWorker, attempt=attempt.id)
    how = f"starts on {attempt.account}"
    if attempt.resumes:
        how = f"goes on on {attempt.account}"
    if attempt.carry_from:
        how = f"moves from {attempt.carry_from} to {attempt.account}, with its session"
    draft.note("info", f"{task.spec.title}: {how} ({attempt.tier})", attempt=attempt)
    if placement.quote is not None:
        draft.note("info", in_words(placement.quote), attempt=attempt)
    if placement.refused:
        draft.note("debug", _in_words(placement.refused, draft.now_ms), attempt=attempt)


def in_words(quote: Quote) -> str:
    """The arithmetic of a placement in one line."""
    charges = "".join(
        f" − {share:.2%} of {bucket} at {price:.3g}"
        for bucket, share, price in quote.charges
        if share * price
    )
    charges += f" − its place {quote.place:.3g}" if quote.place else ""
    charges += f" − its bill {quote.money:.3g}" if quote.money else ""
    charges += f" + {quote.after:.3g} by a stronger tier after it" if quote.after else ""
    worth = f"worth {quote.worth:.3g} × chance {quote.chance:.0%}"
    charges = charges or " − nothing, its capacity is free,"
    return f"{quote.account} with {quote.tier}: {worth}{charges} = {quote.net:.3g}"


def _in_words(refused: Sequence[Refusal], now_ms: int) -> str:
    """What was considered for a placement and not taken."""
    shown = [
        f"not {r.account} ({r.tier}): {r.why}{_for_how_long(r, now_ms)}" for r in refused[:REFUSALS_TOLD]
    ]
    further = len(refused) - len(shown)
    return "; ".join([*shown, f"and {further} more"] if further else shown)


def _for_how_long(refusal: Refusal, now_ms: int) -> str:
    if refusal.until_ms is None:
        return ""
    minutes = -(-(refusal.until_ms - now_ms) // 60_000)
    return (
        f", for {minutes // 60} h {minutes % 60} min still" if minutes >= 60 else f", for {minutes} min still"
    )


def _restart_ramp(draft: Draft, name: str) -> None:
    """An account that is tried again after a pause starts its ramp anew, as TCP does after an idle time."""
    account = draft.accounts[name]
    if account.allowance > 1 and not headroom.is_proven(draft.peek(), account):
        draft.put_account(replace(account, allowance=1))


def _attempt(draft: Draft, task: Task, placement: Placement) -> Attempt:
    number = task.attempts + 1
    attempt_id = f"{task.id}.{number}"
    account = draft.accounts[placement.account]
    resumes = task.session_id is not None
    planning = _planning_model(task, account)
    moved = resumes and task.session_account != account.name
    return Attempt(
        id=attempt_id,
        task=task.id,
        number=number,
        account=account.name,
        tier=placement.tier,
        model=(planning or account.model_of(placement.tier)) or placement.tier,
        plans=planning is not None,
        host=placement.host,
        session_id=task.session_id or fresh_session_id(draft.before.home_id, attempt_id),
        started_ms=draft.now_ms,
        resumes=resumes,
        carry_from=task.session_account if moved else None,
        opening=task.words,
    )


def _planning_model(task: Task, account: Account) -> str | None:
    """The model that makes the plan; None where none is asked for, it is made, or the account has no such tier."""
    plan = task.spec.plan_tier
    return None if plan is None or task.planned else account.model_of(plan)


def _claim_worktree(draft: Draft, task: Task) -> None:
    before = draft.worktrees.get(task.id)
    if before is not None and before.state != "removed":
        return
    taken = {w.slot for w in draft.worktrees.values() if w.state != "removed"}
    slot = next(n for n in range(len(taken) + 1) if n not in taken)
    preserved = before.preserved if before else None
    draft.put_worktree(Worktree(task=task.id, repo=task.spec.repo, slot=slot, preserved=preserved))
