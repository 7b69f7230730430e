"""The credentials of accounts, compared without being kept anywhere else: one token is one account."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from hmac import compare_digest
from itertools import combinations

from fleet.core.model import Account
from fleet.core.rules.accounts import name_taken
from fleet.errors import NotDone
from fleet.home import Home
from fleet.views.snapshot import snapshot
from profiles.profile import Profile
from profiles.secrets import Secrets


def known_account(home: Home, name: str) -> Account:
    """Raises NotDone for one that there is not."""
    account = snapshot(home).accounts.get(name)
    if account is None or account.state == "removed":
        raise NotDone(f"there is no account {name}: see `fleet account list`")
    return account


def refuse_same_token(
    accounts: Iterable[Account], secrets: Secrets, profile: Profile | Account, token: str
) -> None:
    """Raises NotDone when another account has this very token, NoUsableKeyring when that can't be known."""
    for other in accounts:
        if other.name != profile.name and _may_share_none(other, profile):
            kept = secrets.get(other.name)
            if kept is not None and _are_same(kept, token):
                raise NotDone(
                    f"this is the token of account {other.name}: two accounts on one token would draw on the same "
                    "windows, counted twice. Nothing was changed"
                )


def _may_share_none(one: Account, other: Profile | Account) -> bool:
    """Whether the same token would make them the same account. A local server often takes any word for one, and at
    another address it is another one's."""
    return (
        one.secret
        and one.state != "removed"
        and "local" not in (one.kind, other.kind)
        and one.base_url == other.base_url
    )


def _are_same(one: str, other: str) -> bool:
    return compare_digest(one.encode(), other.encode())


def same_accounts(accounts: Iterable[Account], secrets: Secrets) -> Iterator[tuple[str, str, str]]:
    """Pairs that a home of an older release may have, and what is the same of them. Raises NoUsableKeyring."""
    there = sorted((a for a in accounts if a.state != "removed"), key=lambda account: account.name)
    yield from (
        (a.name, b.name, "name but for its case")
        for a, b in combinations(there, 2)
        if name_taken([a], b.name)
    )
    tokens = {a.name: secrets.get(a.name) for a in there if a.secret}
    for one, other in combinations((a for a in there if a.secret), 2):
        first, second = tokens[one.name], tokens[other.name]
        if first and second and _may_share_none(one, other) and _are_same(first, second):
            yield one.name, other.name, "token"
