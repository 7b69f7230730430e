"""Rules for accounts whose credential is in a keyring: one that cannot be reached says nothing of them.

A keyring is one thing for all of them. So the first start that it fails makes each of them wait, with the reason; the
coordinator goes on asking it (`shell/waiting_for_keyring`), and what it answers then is the verdict: the credential is
there, and the account takes work again, or it really is gone.
"""

from __future__ import annotations

from dataclasses import replace

from fleet.core.draft import Draft
from fleet.core.events import CredentialsRead
from fleet.core.model import Account

GONE = "the keyring has no token for it any more"


def cannot_be_reached(draft: Draft, why: str) -> None:
    waiting = [a for a in draft.accounts.values() if a.secret and a.state == "ready" and not a.unreached]
    for account in waiting:
        draft.put_account(replace(account, unreached=why, unreached_ms=draft.now_ms))
    if waiting:
        told = f"{_named(waiting)} until the keyring can be reached, then by itself on again: {why}"
        draft.note("warning", "keyring.away", told, accounts=tuple(account.name for account in waiting))


def credentials_read(draft: Draft, event: CredentialsRead) -> None:
    """Reports of accounts that have not waited any more are void."""
    still = dict(event.unreached)
    for account in [account for account in draft.accounts.values() if account.unreached]:
        if account.name in event.found:
            draft.put_account(replace(account, unreached="", unreached_ms=None))
            draft.note(
                "info",
                "keyring.back",
                "its credential can be reached again: it takes work",
                account=account.name,
            )
        elif account.name in event.missing:
            lost = replace(account, unreached="", unreached_ms=None, state="quarantined", reason=GONE)
            draft.put_account(lost)
            advice = f"`fleet account token {account.name}` gives it a new one"
            draft.note(
                "error",
                "account.quarantined",
                f"{GONE}: {advice}",
                account=account.name,
                cause="credential gone",
            )
        elif account.name in still:
            draft.put_account(replace(account, unreached=still[account.name]))
        draft.settle = True


def _named(accounts: list[Account]) -> str:
    names = ", ".join(sorted(account.name for account in accounts))
    return f"account {names} waits" if len(accounts) == 1 else f"accounts {names} wait"
