"""Turning placements into attempts."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from fleet.core.capacity import headroom
from fleet.core.decisions import StartWorker
from fleet.core.dispatch import REFUSALS_TOLD, Placement, Quote, Refusal
from fleet.core.dispatch.price import fresh
from fleet.core.draft import Draft
from fleet.core.model import NEVER_MS, Account, Attempt, Fleet, Task, bucket_key
from fleet.core.rules.worktrees import claim_worktree
from fleet.core.wording import fresh_session_id
from fleet.spoken import spans

AFTER_TOLD = 4
"""Of the tasks that a dependant waited for, in the line that says that it starts."""

SOON_MS = 90 * 60_000
"""A window that resets within this time is about to expire. Shorter windows always are: of those nothing is told."""


Choose = Callable[[Fleet], Iterator[Placement]]
"""A rule of dispatch: the placements to make now, in their order."""


def place(draft: Draft, choose: Choose) -> None:
    """Makes every placement that can be made now."""
    for placement in choose(draft.peek()):
        _place(draft, placement)


def _place(draft: Draft, placement: Placement) -> None:
    task = draft.tasks[placement.task]
    made_with = task.made_with if task.judging is not None else placement.tier
    attempt = draft.put_attempt(_attempt(draft, task, placement))
    _restart_ramp(draft, attempt.account)
    draft.put_task(
        replace(
            task,
            state="running",
            attempt=attempt.id,
            attempts=attempt.number,
            made_with=made_with,
            reason="",
            not_before_ms=0,
            unanswered=0 if attempt.carry_from else task.unanswered,
        )
    )
    claim_worktree(draft, task, attempt.host)
    draft.decide(StartWorker, attempt=attempt.id)
    how = f"{'its review ' * attempt.judges}starts on {attempt.account}"
    if attempt.resumes:
        how = f"{'its review ' * attempt.judges}continues on {attempt.account}"
    if attempt.carry_from:
        how = f"{'its review ' * attempt.judges}moves from {attempt.carry_from} to {attempt.account}, with its session"
    where, released = _where(draft, attempt), _released(task, attempt)
    draft.note(
        "info",
        "task.placed",
        f"{task.spec.title}: {how} ({attempt.tier}){where}{released}",
        attempt=attempt,
        tier=attempt.tier,
        resumes=attempt.resumes,
        moves_from=attempt.carry_from,
    )
    if placement.quote is not None:
        draft.note(
            "debug",
            "task.priced",
            in_words(placement.quote) + _filling(draft.peek(), placement),
            attempt=attempt,
            tier=attempt.tier,
        )
    if placement.refused:
        draft.note(
            "debug",
            "task.compared",
            _in_words(placement.refused, draft.now_ms),
            attempt=attempt,
            refused=len(placement.refused),
        )


def _where(draft: Draft, attempt: Attempt) -> str:
    """The host, where there is more than one to choose from."""
    if len(draft.hosts) < 2:
        return ""
    moves_from = draft.worktrees[attempt.task].moves_from
    return f" on host {attempt.host}" + (f", with its work from {moves_from}" if moves_from else "")


def _released(task: Task, attempt: Attempt) -> str:
    """What a dependant had to wait for."""
    if attempt.number > 1 or not task.after:
        return ""
    names = ", ".join(task.after[:AFTER_TOLD]) + (" …" if len(task.after) > AFTER_TOLD else "")
    return f", as {names} {'has' if len(task.after) == 1 else 'have'} landed"


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


def _filling(fleet: Fleet, placement: Placement) -> str:
    """Which buckets it uses that would otherwise expire: that nobody else wants, and whose reset is near."""
    prices = fresh(fleet)
    if prices is None:
        return ""
    filled = [
        f"{bucket.name}, which resets in {spans.in_words(bucket.resets_ms - fleet.now_ms)}"
        for bucket in headroom.drawn_on(fleet, fleet.accounts[placement.account], placement.tier)
        if bucket.resets_ms is not None
        and 0 < bucket.resets_ms - fleet.now_ms <= SOON_MS < (headroom.length_of(bucket) or NEVER_MS)
        and not prices.buckets.get(bucket_key(bucket.pool, bucket.name))
    ]
    return f"; fills {' and '.join(filled)}" if filled else ""


def _in_words(refused: Sequence[Refusal], now_ms: int) -> str:
    """What was considered for a placement and not taken."""
    shown = [
        f"not {r.account} ({r.tier}): {r.why}{_for_how_long(r, now_ms)}" for r in refused[:REFUSALS_TOLD]
    ]
    return "; ".join([*shown, "and others"] if len(refused) > len(shown) else shown)


def _for_how_long(refusal: Refusal, now_ms: int) -> str:
    if refusal.until_ms is None:
        return ""
    return f", for {spans.in_words(refusal.until_ms - now_ms)} still"


def _restart_ramp(draft: Draft, name: str) -> None:
    """An account that is tried again after a pause starts its ramp anew, as TCP does after an idle time."""
    account, fleet = draft.accounts[name], draft.peek()
    drawn = headroom.drawn_on(fleet, account, None)
    if account.allowance > 1 and not headroom.is_proven(fleet, account, drawn):
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
        judges=task.judging is not None,
        host=placement.host,
        session_id=task.session_id or fresh_session_id(draft.before.home_id, attempt_id),
        started_ms=draft.now_ms,
        resumes=resumes,
        carry_from=task.session_account if moved else None,
        opening=task.words,
    )


def _planning_model(task: Task, account: Account) -> str | None:
    """The model that makes the plan; None where none is asked for, it is made, or the account has no such tier."""
    return None if task.plans_with is None else account.model_of(task.plans_with)
