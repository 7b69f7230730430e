"""What a worker's spool says: each fact of it, applied once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import singledispatch

from fleet.core import headroom
from fleet.core.decisions import CheckWork
from fleet.core.draft import Draft
from fleet.core.events import (
    Answered,
    Began,
    Exited,
    Fact,
    Garbled,
    Spooled,
    TurnEnded,
    WindowReading,
    WindowsRead,
    WordTaken,
)
from fleet.core.model import Attempt
from fleet.core.wording import opening_id
from fleet.core.workers import backoff_ms, end, stop


def spooled(draft: Draft, event: Spooled) -> None:
    """Applies the facts of one piece of spool, at the attempt's own offset only."""
    attempt = draft.attempts.get(event.attempt)
    if attempt is None or event.start != attempt.offset:
        return
    draft.put_attempt(replace(attempt, offset=event.end))
    for fact in event.facts:
        now = draft.attempts.get(event.attempt)
        if now is None or now.state == "ended":
            return
        apply(fact, draft, now)


@singledispatch
def apply(fact: Fact, draft: Draft, attempt: Attempt) -> None:
    """One fact. Each kind has its own rule below."""
    raise TypeError(f"no rule for {type(fact).__name__}")


@apply.register
def _(fact: Began, draft: Draft, attempt: Attempt) -> None:
    draft.note("debug", f"client {fact.version}", attempt=attempt)


@apply.register
def _(fact: Answered, draft: Draft, attempt: Attempt) -> None:
    """An answer proves the account, ends rows of faults, and lets the account's allowance grow."""
    new = fact.message_id != attempt.answer_id
    draft.put_attempt(
        replace(
            attempt,
            answers=attempt.answers + new,
            answer_id=fact.message_id,
            tokens=attempt.tokens + attempt.answer_tokens if new else attempt.tokens,
            answer_tokens=fact.tokens,
        )
    )
    task = draft.tasks[attempt.task]
    if task.faults:
        draft.put_task(replace(task, faults=0))
    if new:
        _account_answered(draft, attempt)


def _account_answered(draft: Draft, attempt: Attempt) -> None:
    account = draft.accounts[attempt.account]
    allowance = min(max(account.concurrency, 1), account.allowance * 2)
    draft.settle = draft.settle or allowance != account.allowance or account.answered_ms is None
    draft.put_account(replace(account, allowance=allowance, answered_ms=draft.now_ms, busy_count=0))
    for bucket in headroom.drawn_on(draft.before, account, attempt.tier):
        cleared = headroom.cleared_by_answer(bucket, draft.now_ms)
        if cleared is not bucket:
            draft.put_bucket(f"{bucket.pool}/{bucket.name}", cleared)


@apply.register
def _(fact: WindowsRead, draft: Draft, attempt: Attempt) -> None:
    read_windows(draft, attempt, fact.readings, fact.at_ms)


def read_windows(
    draft: Draft, attempt: Attempt, readings: tuple[WindowReading, ...], at_ms: int, source: str = "stream"
) -> None:
    """Merges readings into the pool's buckets. A refusal closes them, and shuts the account's allowance to
    one."""
    account = draft.accounts[attempt.account]
    changed = headroom.merged(
        draft.buckets,
        account.pool,
        readings,
        at_ms=at_ms,
        now_ms=draft.now_ms,
        source=source,
        settings=draft.before.settings,
    )
    for key, bucket in changed.items():
        before = draft.buckets.get(key)
        newly = bucket.refused_until_ms is not None and (
            before is None or before.refused_until_ms != bucket.refused_until_ms
        )
        draft.put_bucket(key, bucket)
        if newly:
            draft.put_account(replace(draft.accounts[account.name], allowance=1))
            draft.note("warning", f"limit reached: {bucket.name} refuses", attempt=attempt)
            draft.settle = True


@apply.register
def _(fact: WordTaken, draft: Draft, attempt: Attempt) -> None:
    """Words taken up by the client are no longer owed to the session."""
    draft.put_attempt(replace(attempt, told=tuple(w for w in attempt.told if w != fact.word)))
    taken = {fact.word}
    if fact.word == opening_id(attempt.id):
        taken |= {word.id for word in attempt.opening}
    task = draft.tasks[attempt.task]
    if any(word.id in taken for word in task.words):
        draft.put_task(replace(task, words=tuple(w for w in task.words if w.id not in taken)))


@apply.register
def _(fact: Garbled, draft: Draft, attempt: Attempt) -> None:
    draft.put_attempt(replace(attempt, malformed=attempt.malformed + fact.count))
    draft.note(
        "warning",
        f"{fact.count} lines of the client could not be read; they are kept in its spool",
        attempt=attempt,
    )


@apply.register
def _(fact: TurnEnded, draft: Draft, attempt: Attempt) -> None:
    attempt = draft.put_attempt(_with_totals(attempt, fact))
    read_windows(draft, attempt, fact.readings, draft.now_ms)
    if fact.denials:
        draft.note("warning", f"{fact.denials} tool calls were denied: see --allow-tool", attempt=attempt)
    if attempt.state == "running":
        rule = _RULES.get(fact.outcome, _retry)
        rule(draft, attempt, fact)


def _with_totals(attempt: Attempt, fact: TurnEnded) -> Attempt:
    """The process's own totals count subagents too, so they replace the sum of answers when they are larger."""
    counted = attempt.tokens + attempt.answer_tokens
    if fact.tokens is not None and fact.tokens.total >= counted.total:
        counted = fact.tokens
    cost = attempt.cost_usd if fact.cost_usd is None else fact.cost_usd
    return replace(attempt, tokens=counted, answer_tokens=type(counted)(), answer_id=None, cost_usd=cost)


def _finished(draft: Draft, attempt: Attempt, fact: TurnEnded) -> None:
    """The worker is done when its turn has ended and it has taken up everything it was told."""
    if attempt.told:
        return
    task = draft.tasks[attempt.task]
    if task.state != "running":
        return
    draft.put_task(replace(task, state="checking"))
    draft.decide(CheckWork, attempt=attempt.id)
    draft.note("info", "turn finished; its work is committed and verified", attempt=attempt)


def _limited(draft: Draft, attempt: Attempt, fact: TurnEnded) -> None:
    stop(draft, attempt, "limited", how="quick", detail=fact.detail)


def _busy(draft: Draft, attempt: Attempt, fact: TurnEnded) -> None:
    account = draft.accounts[attempt.account]
    count = account.busy_count + 1
    until = draft.now_ms + backoff_ms(draft, count, account.name)
    draft.put_account(replace(account, busy_until_ms=until, busy_count=count))
    draft.note(
        "warning",
        "its server is overloaded: not the account's limit, so its work stays there",
        attempt=attempt,
    )
    stop(draft, attempt, "busy", how="quick", detail=fact.detail)


def _login(draft: Draft, attempt: Attempt, fact: TurnEnded) -> None:
    account = draft.accounts[attempt.account]
    if account.state == "ready":
        draft.put_account(replace(account, state="quarantined", reason=fact.detail))
        draft.note(
            "error",
            f"its credential was refused ({fact.detail}): renew it, then `fleet account verify {account.name}`",
            account=account.name,
        )
    stop(draft, attempt, "login", how="quick", detail=fact.detail)


def _no_model(draft: Draft, attempt: Attempt, fact: TurnEnded) -> None:
    """The account does not give that model: closed for this tier until the guess has passed."""
    reading = WindowReading(f"model_{attempt.tier}", attempt.tier, None, None, "rejected", refused=True)
    read_windows(draft, attempt, (reading,), draft.now_ms, source="client")
    stop(draft, attempt, "limited", how="quick", detail=fact.detail)


def _retry(draft: Draft, attempt: Attempt, fact: TurnEnded) -> None:
    stop(draft, attempt, fact.outcome, how="quick", detail=fact.detail)


_Rule = Callable[[Draft, Attempt, TurnEnded], None]
_RULES: dict[str, _Rule] = {
    "finished": _finished,
    "limited": _limited,
    "busy": _busy,
    "login": _login,
    "no_model": _no_model,
}


@apply.register
def _(fact: Exited, draft: Draft, attempt: Attempt) -> None:
    if attempt.state == "stopping":
        end(draft, attempt, attempt.reason, attempt.detail)
        return
    reason = "crashed" if fact.cause == "exited" else fact.cause
    detail = fact.detail or (f"exit code {fact.code}" if fact.code is not None else "")
    if draft.tasks[attempt.task].state == "checking":
        reason = "finished"
    end(draft, attempt, reason, detail)
