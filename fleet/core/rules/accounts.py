"""Rules for what persons ask of accounts."""

from __future__ import annotations

from dataclasses import replace

from fleet.core.capacity import headroom, rates
from fleet.core.draft import Draft
from fleet.core.events import AccountAdded, AccountRemoved, AccountVerified
from fleet.core.model.lifecycles import AccountState
from fleet.core.rules.attempts import stop
from fleet.core.rules.tasks import Refused


def account_added(draft: Draft, event: AccountAdded) -> None:
    """Adds an account, or replaces the settings of one that was removed or has to be renewed."""
    before = draft.accounts.get(event.account.name)
    if before is not None and before.state == "ready":
        raise Refused(
            f"there is an account {before.name} already: remove it first (`fleet account remove {before.name}`)"
        )
    draft.put_account(event.account)
    draft.note("info", f"account added: {event.account.kind}", account=event.account.name)
    draft.settle = True


def account_removed(draft: Draft, event: AccountRemoved) -> None:
    """No further work goes to it; running work is stopped and goes on elsewhere."""
    account = draft.accounts.get(event.name)
    if account is None or account.state == "removed":
        raise Refused(f"there is no account {event.name}: see `fleet account list`")
    draft.put_account(replace(account, state="removed", reason="removed by a person"))
    draft.note("info", "account removed", account=account.name)
    for attempt in list(draft.attempts.values()):
        if attempt.account == account.name and attempt.state != "stopping":
            stop(draft, attempt, "account removed", how="ladder")
    draft.settle = True


def account_verified(draft: Draft, event: AccountVerified) -> None:
    account = draft.accounts.get(event.name)
    if account is None or account.state == "removed":
        raise Refused(f"there is no account {event.name}: see `fleet account list`")
    changed = headroom.merged(
        draft.buckets,
        account.pool,
        event.readings,
        at_ms=event.at_ms,
        now_ms=draft.now_ms,
        source="verify",
        settings=draft.before.settings,
    )
    for key, bucket in changed.items():
        rates.observed(draft, draft.buckets.get(key), draft.put_bucket(key, bucket))
    state: AccountState = "ready" if event.ok else "quarantined"
    draft.put_account(replace(account, state=state, reason=event.detail))
    draft.note("info" if event.ok else "warning", f"verified: {state} {event.detail}", account=account.name)
    draft.settle = True
