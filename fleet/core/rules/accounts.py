"""Rules for what persons ask of accounts."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from fleet.core.draft import Draft
from fleet.core.events import AccountAdded, AccountRemoved, AccountSet, AccountVerified
from fleet.core.model import Account
from fleet.core.model.account import DAY_MS, TOKEN_DAYS_TOLD
from fleet.core.model.lifecycles import AccountState
from fleet.core.rules import silence
from fleet.core.rules.attempts import stop
from fleet.core.rules.tasks import Refused


def account_added(draft: Draft, event: AccountAdded) -> None:
    """Adds an account, or replaces the settings of one that was removed or has to be renewed."""
    before = draft.accounts.get(event.account.name)
    if before is not None and before.in_use:
        raise Refused(
            f"there is an account {before.name} already: remove it first (`fleet account remove {before.name}`)"
        )
    taken = name_taken(draft.accounts.values(), event.account.name)
    if taken:
        raise Refused(taken)
    draft.put_account(event.account)
    draft.note(
        "info",
        "account.added",
        f"account added: {event.account.kind}",
        account=event.account.name,
        account_kind=event.account.kind,
        concurrency=event.account.concurrency,
    )
    draft.settle = True


def name_taken(accounts: Iterable[Account], name: str) -> str:
    """Why no account can be named so: another's name differs only by case. Empty when none does."""
    for account in accounts:
        is_other = account.state != "removed" and account.name != name
        if is_other and account.name.casefold() == name.casefold():
            return (
                f"there is an account {account.name}: names that differ only by case are one directory on some "
                "systems, and hard to tell apart on all; choose another name"
            )
    return ""


def account_set(draft: Draft, event: AccountSet) -> None:
    """What is set holds from the next start on; workers that run go on with what they were started with."""
    account = _known(draft, event.name)
    changed = {
        name: value
        for name in ("tiers", "concurrency", "spend")
        if (value := getattr(event, name)) is not None and value != getattr(account, name)
    }
    if event.base_url is not None and (event.base_url or None) != account.base_url:
        changed["base_url"] = event.base_url or None
    if not changed:
        return
    draft.put_account(replace(account, **changed))
    draft.note(
        "info",
        "account.set",
        f"settings changed: {', '.join(sorted(changed))}",
        account=account.name,
        fields=tuple(sorted(changed)),
    )
    draft.settle = True


def _known(draft: Draft, name: str) -> Account:
    account = draft.accounts.get(name)
    if account is None or account.state == "removed":
        raise Refused(f"there is no account {name}: see `fleet account list`")
    return account


def account_removed(draft: Draft, event: AccountRemoved) -> None:
    """No further work goes to it; running work is stopped and goes on elsewhere."""
    account = _known(draft, event.name)
    draft.put_account(replace(account, state="removed", reason="removed by a person"))
    draft.note("info", "account.removed", "account removed", account=account.name)
    for attempt in list(draft.attempts.values()):
        if attempt.account == account.name and attempt.state != "stopping":
            stop(draft, attempt, "account removed", how="ladder")
    draft.settle = True


def account_verified(draft: Draft, event: AccountVerified) -> None:
    account = _known(draft, event.name)
    silence.take_readings(
        draft, account, event.readings, event.at_ms, "verify", granted=event.ok and event.answered
    )
    if event.ok and account.state == "silent" and not event.answered:
        draft.note(
            "info",
            "account.verified",
            f"its credential is good, but it gives no answer: {event.detail}",
            account=account.name,
            ok=True,
            answered=False,
        )
        return
    if event.answered:
        silence.speaks(draft, draft.accounts[event.name])
    state: AccountState = "ready" if event.ok else "quarantined"
    account = replace(draft.accounts[event.name], state=state, reason=event.detail)
    account = replace(account, unanswered=0) if event.ok else account
    if event.renewed:
        account = replace(account, token_ms=draft.now_ms, token_told=None)
        draft.note(
            "info",
            "account.token_changed",
            "its token is a new one: it is used from the next start on",
            account=account.name,
        )
    draft.put_account(account)
    draft.note(
        "info" if event.ok else "warning",
        "account.verified",
        f"verified: {state} {event.detail}".rstrip(),
        account=account.name,
        ok=event.ok,
        answered=event.answered,
    )
    draft.settle = True


def tell_of_tokens(draft: Draft) -> None:
    """Ahead of a token's end, once for each of `TOKEN_DAYS_TOLD`."""
    for account in draft.accounts.values():
        left = token_days_left(account, draft.now_ms)
        if left is None or account.state == "removed":
            continue
        due = min(days for days in TOKEN_DAYS_TOLD if left <= days)
        if account.token_told is None or due < account.token_told:
            draft.put_account(replace(account, token_told=due))
            draft.note(
                "warning",
                "account.token_ends",
                token_ending(left, account.name),
                account=account.name,
                days_left=left,
            )


def token_days_left(account: Account, now_ms: int) -> int | None:
    """Whole days until its token ends at the latest, once it is time to tell of it; else None."""
    ends_ms = account.token_ends_ms
    left = None if ends_ms is None else max(ends_ms - now_ms, 0) // DAY_MS
    return left if left is not None and left <= max(TOKEN_DAYS_TOLD) else None


def token_ending(days: int, name: str) -> str:
    """What is told ahead of a token's end."""
    when = f"in {days} days at the latest" if days else "now or has ended already"
    return (
        f"its token ends {when} (it lives a year): fleet client setup-token, then fleet account token {name}"
    )
