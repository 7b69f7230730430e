"""The credentials of accounts, compared without being kept anywhere else: one token is one account."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from hmac import compare_digest
from itertools import combinations
from pathlib import Path

from fleet.core.model import Account
from fleet.core.rules.accounts import name_taken
from fleet.errors import NotDone
from fleet.home import Home
from fleet.service.clients import pins_of
from fleet.shell.starting import profile_of
from fleet.views.snapshot import snapshot
from profiles.login import LoginState, LoginUnknown, login_state, share_a_login
from profiles.profile import Profile
from profiles.secrets import Secrets


@dataclass(frozen=True, slots=True)
class Login:
    """What an account's directory holds, and what its client says of it."""

    directory: Path
    state: LoginState

    def is_same(self, other: Login) -> bool:
        return self.state.is_of(other.state) or share_a_login(self.directory, other.directory)


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


def login_of(home: Home, client: Path, account: Account) -> Login | None:
    """None where its client does not say: what is not known is no other's."""
    config_dir = home.config_dir(account.name)
    try:
        state = login_state(client, profile_of(account), config_dir, os.environ, pins_of(config_dir))
    except LoginUnknown:
        return None
    return Login(config_dir, state)


def refuse_same_login(
    others: Iterable[Account], mine: Login, login: Callable[[Account], Login | None]
) -> None:
    """Raises NotDone when another account has this login."""
    for other in others:
        theirs = login(other) if other.login and other.state != "removed" else None
        if theirs is not None and mine.is_same(theirs):
            raise NotDone(
                f"this is the login of account {other.name}: two accounts on one login would draw on the same windows, "
                "counted twice. Nothing was added; run the same command again to log in as another"
            )


def same_logins(
    accounts: Iterable[Account], login: Callable[[Account], Login | None]
) -> Iterator[tuple[str, str]]:
    """Pairs of accounts that have one login, in a home of a release that did not refuse that."""
    there = sorted(
        (a for a in accounts if a.login and a.state != "removed"), key=lambda account: account.name
    )
    found = {account.name: login(account) for account in there} if len(there) > 1 else {}
    for one, other in combinations(found, 2):
        first, second = found[one], found[other]
        if first is not None and second is not None and first.is_same(second):
            yield one, other


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
