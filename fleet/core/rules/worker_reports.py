"""What a worker's spool says, each fact of it applied once; and what an idle account says of its windows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

from fleet.core.capacity import budgets, headroom, rates, reserved
from fleet.core.decisions import CheckWork, TellWorker
from fleet.core.draft import Draft
from fleet.core.events import (
    AccountRead,
    Answered,
    AwaitsBackground,
    Began,
    Exited,
    Fact,
    Garbled,
    Spooled,
    TurnEnded,
    Used,
    WindowReading,
    WindowsRead,
    WordLost,
    WordTaken,
)
from fleet.core.model import Account, Attempt, Bucket, Task, bucket_key
from fleet.core.model.learned import work_of
from fleet.core.model.replacing import replace
from fleet.core.model.tokens import Tokens
from fleet.core.rules import judging, models, sessions, silence, verdicts
from fleet.core.rules.attempts import backoff_ms, end, stop, takes_no_turn, tell
from fleet.core.rules.worktrees import remember_heard
from fleet.core.wording import opening_id, plan_made
from fleet.spoken import spans

DOUBLINGS_MAX = 32
"""More of them in one event would only make the number large: the account's concurrency is less."""


DENIED_TOOLS_MAX = 20
TOOL_CHARS_MAX = 80
"""Of what is kept of denials: tools are named by the worker."""


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
        _RULES[type(fact)](draft, now, fact)


def account_read(draft: Draft, event: AccountRead) -> None:
    """Readings without a worker. Those of an account that is unknown or gone are nobody's."""
    account = draft.accounts.get(event.name)
    if account is not None and account.state != "removed":
        _take(draft, account, event.readings, event.seen_ms, "usage")
        draft.settle = True


def _began(draft: Draft, attempt: Attempt, fact: Began) -> None:
    draft.note(
        "debug",
        "attempt.client",
        f"client {fact.version}",
        attempt=attempt,
        version=fact.version,
        model=fact.model,
    )
    if not attempt.answers:  # later it may have been told to go on with another tier
        models.answers_now(draft, _at_work(draft, attempt), fact.model)


def _answered(draft: Draft, attempt: Attempt, fact: Answered) -> None:
    """An answer proves the account, ends rows of faults, and lets the account's allowance grow."""
    goes_on = fact.begins_with == attempt.answer_id
    new = fact.count - goes_on
    before = attempt.running_tokens if goes_on else attempt.running_tokens + attempt.answer_tokens
    _count(
        draft,
        attempt,
        replace(
            attempt,
            answers=attempt.answers + new,
            answer_id=fact.message_id,
            running_tokens=before + fact.earlier if fact.count > 1 else before,
            answer_tokens=fact.tokens,
            awaits_background=False,
        ),
    )
    task = draft.tasks[attempt.task]
    if judging.is_of(task, attempt):
        task = sessions.answered(task, attempt.account)
    in_a_row = task.faults or task.host_faults
    if (
        in_a_row
        and judging.is_of(task, attempt)
        and attempt.answers + new >= draft.before.settings.progress_answers
    ):
        task = replace(task, faults=0, host_faults=0)
    if task is not draft.tasks[attempt.task]:
        draft.put_task(task)
    if new:
        _account_answered(draft, attempt, new)


def _count(draft: Draft, before: Attempt, after: Attempt) -> None:
    """Writes the attempt, and counts what it has used since before: a later, exact count may take some back."""
    draft.put_attempt(after)
    used, was = after.used, before.used
    work = work_of(used) - work_of(was)
    after = _at_work(draft, after)
    rates.worked(draft, after, draft.accounts[after.account], work)
    usd = (after.cost_usd or 0.0) - (before.cost_usd or 0.0)
    budgets.spend(draft, after, used.total - was.total, work, usd)


def _at_work(draft: Draft, attempt: Attempt) -> Attempt:
    """The attempt with the tier that works in it now: while it plans, the planning one."""
    plan = draft.tasks[attempt.task].plans_with
    return replace(attempt, tier=plan) if attempt.plans and plan is not None else attempt


def _account_answered(draft: Draft, attempt: Attempt, answers: int) -> None:
    account = draft.accounts[attempt.account]
    allowance = min(max(account.concurrency, 1), account.allowance << min(answers, DOUBLINGS_MAX))
    draft.settle = draft.settle or allowance != account.allowance or account.answered_ms is None
    account = silence.answered(account)
    draft.put_account(replace(account, allowance=allowance, answered_ms=draft.now_ms, busy_count=0))
    refusing = [b for b in draft.buckets.values() if b.refusals and b.pool == account.pool]
    for bucket in refusing:
        if bucket.scope in (None, _at_work(draft, attempt).tier):
            cleared = headroom.cleared_by_answer(bucket, draft.now_ms)
            draft.put_bucket(bucket_key(bucket.pool, bucket.name), cleared)


def _windows_read(draft: Draft, attempt: Attempt, fact: WindowsRead) -> None:
    read_windows(draft, attempt, fact.readings, fact.at_ms)


def read_windows(
    draft: Draft, attempt: Attempt, readings: tuple[WindowReading, ...], at_ms: int, source: str = "stream"
) -> None:
    """What an attempt heard of the windows of its account."""
    _take(draft, draft.accounts[attempt.account], readings, at_ms, source, attempt)


def _take(
    draft: Draft,
    account: Account,
    readings: tuple[WindowReading, ...],
    at_ms: int,
    source: str,
    attempt: Attempt | None = None,
) -> None:
    """Merges readings into the pool's buckets. A refusal closes them. `attempt`: whose worker heard them, if one
    did."""
    for before, bucket in silence.merge_readings(draft, account, readings, at_ms, source):
        newly = bucket.refused_until_ms is not None and (
            before is None or before.refused_until_ms != bucket.refused_until_ms
        )
        _keep_clear(draft, bucket)
        if newly:
            until = f" for {spans.in_words((bucket.refused_until_ms or 0) - draft.now_ms)} still"
            draft.note(
                "warning",
                "bucket.refused",
                f"limit reached: {bucket.name} refuses{until}",
                attempt=attempt,
                account=account.name,
                bucket=bucket.name,
                scope=bucket.scope,
                utilization=bucket.utilization,
                until_at_ms=bucket.refused_until_ms,
            )
            draft.settle = True


def _keep_clear(draft: Draft, bucket: Bucket) -> None:
    """Stops work that has come down to what is kept of the bucket: its task goes on when that is free again, or on
    another account. Automation then stays away for a while, so that nothing is begun and stopped in a circle."""
    fleet = draft.peek()
    kept = reserved.protected(fleet, bucket) + reserved.floor(fleet, bucket)
    used = headroom.utilization_now(bucket, draft.now_ms, fleet.settings)
    if kept <= 0 or used is None or used < 1.0 - kept:
        return
    until = draft.now_ms + fleet.settings.protected_pause_ms
    until = until if bucket.resets_ms is None else min(until, bucket.resets_ms)
    draft.put_bucket(bucket_key(bucket.pool, bucket.name), replace(bucket, protected_until_ms=until))
    for attempt in list(draft.attempts.values()):
        account = draft.accounts[attempt.account]
        drawn = account.pool == bucket.pool and bucket.scope in (None, _at_work(draft, attempt).tier)
        if drawn and attempt.state == "running" and draft.tasks[attempt.task].state == "running":
            draft.note(
                "info",
                "bucket.kept",
                f"{bucket.name} is down to the {kept:.0%} that are kept: it pauses",
                attempt=attempt,
                bucket=bucket.name,
                share=kept,
                until_at_ms=until,
            )
            stop(draft, attempt, "kept", how="ladder")
    draft.settle = True


def _word_taken(draft: Draft, attempt: Attempt, fact: WordTaken) -> None:
    """Words taken up by the client are no longer owed to the session."""
    draft.put_attempt(replace(attempt, told=tuple(w for w in attempt.told if w != fact.word)))
    taken = {fact.word}
    if fact.word == opening_id(attempt.id):
        taken |= {word.id for word in attempt.opening}
    task = draft.tasks[attempt.task]
    heard = tuple(word for word in task.words if word.id in taken)
    if heard:
        draft.put_task(replace(task, words=tuple(w for w in task.words if w.id not in taken)))
        remember_heard(draft, attempt, heard)


def _garbled(draft: Draft, attempt: Attempt, fact: Garbled) -> None:
    """Told at the first such line and at each tenfold of it, so that a client that babbles fills no journal."""
    malformed = attempt.malformed + fact.count
    draft.put_attempt(replace(attempt, malformed=malformed))
    if not attempt.malformed or len(str(malformed)) > len(str(attempt.malformed)):
        lines = "1 line" if malformed == 1 else f"{malformed} lines"
        draft.note(
            "warning",
            "attempt.unreadable",
            f"{lines} of the client could not be read; they are kept in its spool",
            attempt=attempt,
            lines=malformed,
        )


def _word_lost(draft: Draft, attempt: Attempt, fact: WordLost) -> None:
    draft.put_attempt(replace(attempt, told=tuple(w for w in attempt.told if w != fact.word)))


def _used(draft: Draft, attempt: Attempt, fact: Used) -> None:
    """The client prices a local server's answers, too; they cost nothing."""
    bills = fact.cost_usd is not None and draft.accounts[attempt.account].kind != "local"
    cost = (attempt.cost_usd or 0.0) + (fact.cost_usd or 0.0) if bills else attempt.cost_usd
    _count(
        draft,
        attempt,
        replace(
            attempt,
            tokens=attempt.tokens + fact.tokens,
            running_tokens=Tokens(),
            answer_tokens=Tokens(),
            answer_id=None,
            cost_usd=cost,
        ),
    )


def _awaits_background(draft: Draft, attempt: Attempt, fact: AwaitsBackground) -> None:
    draft.put_attempt(replace(attempt, awaits_background=True))
    draft.note(
        "info",
        "task.turn",
        "turn finished; it still has something running in the background",
        attempt=attempt,
        background=True,
    )


def _turn_ended(draft: Draft, attempt: Attempt, fact: TurnEnded) -> None:
    read_windows(draft, attempt, fact.readings, draft.now_ms)
    if fact.denied and not attempt.judges:  # a judge reads only, whatever its task allows
        _denied(draft, attempt, fact.denied)
    if attempt.state == "running":
        rule = _OUTCOMES.get(fact.outcome, _retry)
        rule(draft, attempt, fact)
        stopped = draft.attempts[attempt.id]
        if stopped.state == "stopping":  # its account is closed at once, not when the worker has gone
            silence.ended(draft, stopped, stopped.reason, stopped.detail)


def _denied(draft: Draft, attempt: Attempt, tools: tuple[str, ...]) -> None:
    """Tells of it, and counts with the task."""
    draft.note(
        "warning",
        "attempt.denied",
        f"{len(tools)} tool calls were denied: see --allow-tool",
        attempt=attempt,
        denials=len(tools),
    )
    task = draft.tasks[attempt.task]
    counts = Counter(dict(task.denied))
    counts.update(tool[:TOOL_CHARS_MAX] for tool in tools)
    denied = tuple(sorted(counts.items())[:DENIED_TOOLS_MAX])
    many = counts.total() >= draft.before.settings.denied_max
    since_ms = draft.now_ms if many and task.denied_ms is None else task.denied_ms
    draft.put_task(replace(task, denied=denied, denied_ms=since_ms))


def _finished(draft: Draft, attempt: Attempt, fact: TurnEnded) -> None:
    """The worker is done when it is at rest and has taken up everything it was told. What takes another turn waits
    while it is paused."""
    task = draft.tasks[attempt.task]
    if task.state != "running":
        return
    if attempt.judges:
        if not attempt.told:
            verdicts.judged(draft, attempt, fact.judgement)
        return
    has_plan = attempt.plans and not task.planned
    if (attempt.told or task.words or has_plan) and takes_no_turn(draft, attempt):
        if has_plan:
            draft.put_task(replace(task, planned=True, words=(*task.words, plan_made(attempt))))
        stop(draft, attempt, "paused", how="quick")
        return
    if attempt.told:
        return
    if has_plan:
        _carry_out(draft, attempt, task)
        return
    for word in task.words:
        tell(draft, attempt.id, word)
    if not task.words:
        _check(draft, attempt)


def _carry_out(draft: Draft, attempt: Attempt, task: Task) -> None:
    """The plan is made: the same session goes on with the tier it was placed with."""
    model = draft.accounts[attempt.account].model_of(attempt.tier) or attempt.tier
    word = plan_made(attempt)
    draft.put_task(replace(task, planned=True, words=(*task.words, word)))
    draft.put_attempt(replace(attempt, model=model, told=(*attempt.told, word.id)))
    draft.note(
        "info",
        "task.planned",
        f"its plan is made with {task.spec.plan_tier}: {attempt.tier} carries it out",
        attempt=attempt,
        plan_tier=task.spec.plan_tier,
        tier=attempt.tier,
    )
    draft.decide(TellWorker, attempt=attempt.id, word=word.id, text=word.text, model=model)


def _check(draft: Draft, attempt: Attempt) -> None:
    draft.put_task(replace(draft.tasks[attempt.task], state="checking", killed=0))
    draft.decide(CheckWork, attempt=attempt.id)
    draft.note(
        "debug", "task.checking", "turn finished; now its work is committed and verified", attempt=attempt
    )


def _limited(draft: Draft, attempt: Attempt, fact: TurnEnded) -> None:
    """A limit that named no window closes the account too, for a guessed time: else the task came straight back."""
    tier = _at_work(draft, attempt).tier
    buckets = headroom.drawn_on(draft.peek(), draft.accounts[attempt.account], tier)
    if not any((b.refused_until_ms or 0) > attempt.started_ms for b in buckets):
        reading = WindowReading(headroom.UNNAMED, None, None, None, "rejected", refused=True)
        read_windows(draft, attempt, (reading,), draft.now_ms)
    stop(draft, attempt, "limited", how="quick", detail=fact.detail)


def _busy(draft: Draft, attempt: Attempt, fact: TurnEnded) -> None:
    account = draft.accounts[attempt.account]
    count = account.busy_count + 1
    until = draft.now_ms + backoff_ms(draft, count, account.name)
    draft.put_account(replace(account, busy_until_ms=until, busy_count=count))
    draft.note(
        "warning",
        "account.busy",
        "its server is overloaded: not the account's limit, so its work stays there",
        attempt=attempt,
        until_at_ms=until,
        times=count,
    )
    stop(draft, attempt, "busy", how="quick", detail=fact.detail)


def _login(draft: Draft, attempt: Attempt, fact: TurnEnded) -> None:
    """A worker that was started before the credential was renewed has the old one: that its is refused says nothing."""
    account = draft.accounts[attempt.account]
    if account.in_use and attempt.started_ms >= (account.token_ms or 0):
        draft.put_account(replace(account, state="quarantined", reason=fact.detail))
        draft.note(
            "error",
            "account.quarantined",
            f"its credential was refused ({fact.detail}): renew it, then `fleet account verify {account.name}`",
            account=account.name,
            cause="credential refused",
        )
    stop(draft, attempt, "login", how="quick", detail=fact.detail)


def _no_model(draft: Draft, attempt: Attempt, fact: TurnEnded) -> None:
    """The account does not give that model: closed for this tier until the guess has passed."""
    tier = _at_work(draft, attempt).tier
    reading = WindowReading(f"model_{tier}", tier, None, None, "rejected", refused=True)
    read_windows(draft, attempt, (reading,), draft.now_ms, source="client")
    stop(draft, attempt, "limited", how="quick", detail=fact.detail)


def _interrupted(draft: Draft, attempt: Attempt, fact: TurnEnded) -> None:
    """A person broke the turn off to say something, which the client takes up at once; or nobody of ours did."""
    if not attempt.told:
        _retry(draft, attempt, fact)


def _retry(draft: Draft, attempt: Attempt, fact: TurnEnded) -> None:
    stop(draft, attempt, fact.outcome, how="quick", detail=fact.detail)


_OUTCOMES: dict[str, Callable[[Draft, Attempt, TurnEnded], None]] = {
    "finished": _finished,
    "limited": _limited,
    "busy": _busy,
    "login": _login,
    "no_model": _no_model,
    "interrupted": _interrupted,
}


def _exited(draft: Draft, attempt: Attempt, fact: Exited) -> None:
    if attempt.state == "stopping":
        end(draft, attempt, attempt.reason, attempt.detail)
        return
    running = draft.tasks[attempt.task].state == "running" and not attempt.judges
    if fact.cause == "stalled" and attempt.awaits_background and running:
        # Only what it left in the background was still running (a server, say): its own work is done.
        _check(draft, attempt)
    reason = "crashed" if fact.cause == "exited" else fact.cause
    detail = fact.detail or (f"exit code {fact.code}" if fact.code is not None else "")
    if draft.tasks[attempt.task].state == "checking":
        reason = "finished"
    end(draft, attempt, reason, detail)


_RULES: dict[type[Fact], Callable[[Draft, Attempt, Any], None]] = {
    Began: _began,
    Answered: _answered,
    WindowsRead: _windows_read,
    WordTaken: _word_taken,
    WordLost: _word_lost,
    Garbled: _garbled,
    Used: _used,
    AwaitsBackground: _awaits_background,
    TurnEnded: _turn_ended,
    Exited: _exited,
}
