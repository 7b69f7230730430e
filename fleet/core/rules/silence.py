"""Accounts that answer nobody: when one is silent, what it is asked, and when it is given work again.

An account on which workers end without an answer is no use to any session, whatever its server calls the reason. So two
ends in a row close it, and one small question opens it again: no work is spent on finding that out. Why this lets no
session flap: docs/dispatch.md, "Why a session can't flap".
"""

from __future__ import annotations

from fleet.core.capacity import headroom, rates
from fleet.core.capacity.questions import pause_ms
from fleet.core.draft import Draft
from fleet.core.events import AccountProved, WindowReading
from fleet.core.model import Account, Attempt, Bucket
from fleet.core.model.lifecycles import TASK_ENDS
from fleet.core.model.replacing import replace
from fleet.spoken import spans

_OF_THE_ACCOUNT = frozenset({"error", "busy", "stalled", "unpaid"})
"""Ends of a worker that speak against its account when it had no answer. A limit, a refused credential and a model that
is not given close it in ways of their own; the rest are of the session, the client or the host."""


def ended(draft: Draft, attempt: Attempt, reason: str, detail: str) -> None:
    """Counts an end of a worker, or of the turn for which it is stopped, for its account: `unanswered_max` in a row
    without an answer make it silent, and the word that it is unpaid does at once."""
    account = draft.accounts[attempt.account]
    if account.state != "ready" or not _speaks_against(draft, account, attempt, reason):
        return
    account = draft.put_account(replace(account, unanswered=account.unanswered + 1))
    if reason == "unpaid" or account.unanswered >= draft.before.settings.unanswered_max:
        _falls_silent(draft, account, detail or reason, needs_person=reason == "unpaid")


def _speaks_against(draft: Draft, account: Account, attempt: Attempt, reason: str) -> bool:
    if reason == "unpaid":
        return True
    if attempt.answers:
        return False
    return reason in _OF_THE_ACCOUNT or (reason == "cut" and _has_a_way_of_its_own(draft, account))


def _has_a_way_of_its_own(draft: Draft, account: Account) -> bool:
    """Whether other accounts are reached at another address: else a broken way is broken for all of them."""
    others = (a for a in draft.accounts.values() if a.state == "ready" and a.name != account.name)
    return account.base_url is not None and any(a.base_url != account.base_url for a in others)


def _falls_silent(draft: Draft, account: Account, why: str, *, needs_person: bool) -> None:
    pause = pause_ms(draft.before.settings, account.silences)
    draft.put_account(
        replace(
            account,
            state="silent",
            reason=why,
            allowance=1,
            silences=account.silences + 1,
            asked_next_ms=draft.now_ms + pause,
            asked_in_vain=0,
            needs_person=needs_person,
        )
    )
    draft.note(
        "warning",
        "account.silent",
        f"gives no answer ({why}): its work goes on elsewhere, and it is asked again in {spans.in_words(pause)}",
        account=account.name,
        again_at_ms=draft.now_ms + pause,
        needs_person=needs_person,
    )
    draft.settle = True


def answered(account: Account) -> Account:
    """The account after an answer to work, which is the best proof that it gives."""
    spoken = account
    if account.unanswered or account.silences:
        spoken = replace(account, unanswered=0, silences=0)
    return _open(spoken) if account.state == "silent" else spoken


def _open(account: Account) -> Account:
    return replace(account, state="ready", reason="", unanswered=0, asked_in_vain=0, needs_person=False)


def account_proved(draft: Draft, event: AccountProved) -> None:
    """What an account made of its question. One that is gone meanwhile, or quarantined, proves nothing by it."""
    account = draft.accounts.get(event.name)
    if account is None or account.state not in ("ready", "silent"):
        return
    take_readings(draft, account, event.readings, event.at_ms, "question", granted=event.ok)
    account = draft.accounts[event.name]
    settings = draft.before.settings
    if event.refused:
        draft.put_account(replace(account, state="quarantined", reason=event.detail))
        advice = f"renew it, then `fleet account verify {account.name}`"
        draft.note(
            "error",
            "account.quarantined",
            f"its credential was refused ({event.detail}): {advice}",
            account=account.name,
            cause="credential refused",
        )
    elif event.ok:
        speaks(draft, replace(account, asked_next_ms=draft.now_ms + settings.ask_full_ms))
    else:
        _asked_in_vain(draft, account, event)
    draft.settle = True


def speaks(draft: Draft, account: Account) -> None:
    """It has answered. Where it had been silent for longer than one question, what sessions met there was its fault."""
    at_fault = account.state == "silent" and (account.asked_in_vain > 0 or account.needs_person)
    if account.state == "silent":
        draft.note("info", "account.answers", "answers again", account=account.name)
    draft.put_account(_open(account))
    for task in list(draft.tasks.values()) if at_fault else ():
        if account.name in task.shuns and not task.bound and task.state not in TASK_ENDS:
            shuns = tuple(name for name in task.shuns if name != account.name)
            draft.put_task(replace(task, shuns=shuns, faults=0))


def _asked_in_vain(draft: Draft, account: Account, event: AccountProved) -> None:
    settings = draft.before.settings
    times = account.asked_in_vain + 1
    pause = (
        pause_ms(settings, account.silences + times - 1)
        if account.state == "silent"
        else settings.ask_full_ms
    )
    draft.put_account(
        replace(
            account,
            reason=event.detail if account.state == "silent" else account.reason,
            asked_in_vain=times,
            asked_next_ms=draft.now_ms + pause,
            needs_person=account.needs_person
            or (account.state == "silent" and not event.passing and times >= settings.asked_in_vain_max),
        )
    )
    draft.note(
        "debug",
        "account.asked",
        f"was asked and gave no answer ({event.detail}); it is asked again in {spans.in_words(pause)}",
        account=account.name,
        times=times,
        again_at_ms=draft.now_ms + pause,
    )


def _shut_if_refused(draft: Draft, account: Account, readings: tuple[WindowReading, ...]) -> None:
    """A refusal shuts the allowance of all accounts of the pool to one worker: what opens again is tried with care."""
    if any(reading.refused for reading in readings):
        for one in [a for a in draft.accounts.values() if a.pool == account.pool and a.allowance > 1]:
            draft.put_account(replace(one, allowance=1))


def merge_readings(
    draft: Draft, account: Account, readings: tuple[WindowReading, ...], at_ms: int, source: str
) -> list[tuple[Bucket | None, Bucket]]:
    """Merges readings into the pool's buckets, which a refusal closes, and lets the rates learn from them. Gives each
    bucket that changed, before and after."""
    _shut_if_refused(draft, account, readings)
    changed = headroom.merged(
        draft.buckets,
        account.pool,
        readings,
        at_ms=at_ms,
        now_ms=draft.now_ms,
        source=source,
        settings=draft.before.settings,
    )
    pairs = [(draft.buckets.get(key), draft.put_bucket(key, bucket)) for key, bucket in changed.items()]
    for before, after in pairs:
        rates.observed(draft, before, after)
    return pairs


def take_readings(
    draft: Draft,
    account: Account,
    readings: tuple[WindowReading, ...],
    at_ms: int,
    source: str,
    *,
    granted: bool,
) -> None:
    """What an answer to a question said of the account's windows. A granted one also ends a refusal that named none."""
    merge_readings(draft, account, readings, at_ms, source)
    unnamed = draft.buckets.get(f"{account.pool}/{headroom.UNNAMED}")
    if granted and unnamed is not None and not any(reading.refused for reading in readings):
        draft.put_bucket(f"{account.pool}/{headroom.UNNAMED}", replace(unnamed, refused_until_ms=None))
