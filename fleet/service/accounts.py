"""Adds, changes, pauses and removes accounts."""

from __future__ import annotations

import json
import os
import subprocess
from functools import partial

from fleet import streams
from fleet.core.events import AccountAdded, AccountRemoved, AccountSet
from fleet.core.model import Account
from fleet.core.rules.accounts import name_taken
from fleet.errors import NotDone, NotKnown
from fleet.home import Home
from fleet.service.clients import pins_of, proved_client
from fleet.service.credentials import (
    Login,
    known_account,
    login_of,
    refuse_same_login,
    refuse_same_token,
)
from fleet.service.making_home import home_id
from fleet.service.requests import submit
from fleet.shell.stamp import stamp
from fleet.shell.starting import profile_of
from fleet.views.snapshot import snapshot
from profiles.errors import NoUsableKeyring
from profiles.isolation import is_loopback
from profiles.login import LoginUnknown, login_command, login_state
from profiles.profile import InvalidProfile, Profile, Spend, make_profile
from profiles.secrets import MARK, Secrets, open_secrets
from profiles.token import InvalidToken, read_token

TERMS = "https://code.claude.com/docs/en/legal-and-compliance"

THEIR_OWN = f"each plan must be your own, and its terms must allow this use: {TERMS}"


def is_further_subscription(home: Home, profile: Profile) -> bool:
    """Whether the home has a subscription beside this one already. A server of this machine's own (a stand-in, as in
    tests) is nobody's plan."""
    others = (a for a in snapshot(home).accounts.values() if a.name != profile.name and a.state != "removed")
    return _is_plan(profile) and any(_is_plan(other) for other in others)


def _is_plan(account: Account | Profile) -> bool:
    return account.kind == "subscription" and not is_loopback(account.base_url)


def has_confirmed(home: Home) -> bool:
    """Whether the person has confirmed before that all their plans are theirs."""
    return any(account.mine for account in snapshot(home).accounts.values())


def add(home: Home, profile: Profile, raw_token: str | None, *, mine: bool = False) -> str | None:
    """Adds the account; its token, if it has one, goes to the keyring first. Returns a warning. `mine`: the person has
    confirmed that it is theirs, which a further subscription needs, once.
    Raises NotDone: then the keyring is as it was, unless it is NotKnown whether the account was added."""
    warning = None
    secrets: Secrets | None = None
    before: str | None = None
    accounts = snapshot(home).accounts
    existing = accounts.get(profile.name)
    if existing is not None and existing.in_use:
        raise NotDone(
            f"there is an account {profile.name} already: remove it first (fleet account remove {profile.name})"
        )
    taken = name_taken(accounts.values(), profile.name)
    if taken:
        raise NotDone(taken)
    if is_further_subscription(home, profile) and not (mine or has_confirmed(home)):
        raise NotDone(f"{THEIR_OWN}; confirm it with --mine")
    try:
        if raw_token is not None:
            token = read_token(raw_token, profile.kind)
            warning = token.warning
            home.make()
            secrets = open_secrets(home_id(home), home.root)
            refuse_same_token(accounts.values(), secrets, profile, token.text)
            before = secrets.get(profile.name)
            secrets.put(profile.name, token.text)
        elif profile.login:
            home_id(home)  # a directory of an account without a database would say that one was lost
            _log_in(home, profile)
    except (InvalidToken, NoUsableKeyring, InvalidProfile) as failed:
        raise NotDone(str(failed)) from failed
    try:
        submit(
            home, AccountAdded(**stamp(), account=_account(profile, secret=secrets is not None, mine=mine))
        )
    except NotKnown:
        # The account may be there, and then it needs its token.
        raise
    except NotDone as failed:
        if secrets is not None:
            _put_back(secrets, profile.name, before, failed)
        raise
    return warning


def _put_back(secrets: Secrets, name: str, before: str | None, because: NotDone) -> None:
    """No token stays without its account, and one that was there before comes back. Raises NotDone."""
    try:
        if before is None:
            secrets.delete(name)
        else:
            secrets.put(name, before)
    except NoUsableKeyring as failed:
        raise NotDone(f"{because}. The token given now is still in the keyring: {failed}") from failed


def _account(profile: Profile, *, secret: bool, mine: bool) -> Account:
    at_ms = int(stamp()["at_ms"])
    return Account(
        name=profile.name,
        kind=profile.kind,
        tiers=tuple(profile.tiers.items()),
        concurrency=profile.concurrency,
        spend=profile.spend,
        pool=profile.pool,
        added_ms=at_ms,
        base_url=profile.base_url,
        login=profile.login,
        secret=secret,
        env=tuple(profile.extra_env.items()),
        pass_env=profile.pass_env,
        token_ms=at_ms if secret else None,
        mine=mine,
    )


def _log_in(home: Home, profile: Profile) -> None:
    """The client's own login, at this terminal, in the account's own directory. Its credential never passes through
    our hands."""
    client = proved_client(home, os.environ)
    config_dir = home.config_dir(profile.name)
    pins = pins_of(config_dir)
    command = login_command(client.path, profile, config_dir, os.environ, pins)
    out, err = streams.lent()
    ended = subprocess.run(command.argv, env=dict(command.env), stdout=out, stderr=err, check=False)
    try:
        state = login_state(client.path, profile, config_dir, os.environ, pins)
    except LoginUnknown as failed:
        raise NotDone(str(failed)) from failed
    if ended.returncode != 0 or not state.logged_in:
        raise NotDone(f"the client's login for {profile.name} did not succeed; nothing was added")
    others = [a for a in snapshot(home).accounts.values() if a.name != profile.name]
    refuse_same_login(others, Login(config_dir, state), partial(login_of, home, client.path))


def change(
    home: Home,
    name: str,
    *,
    base_url: str | None = None,
    tiers: dict[str, str] | None = None,
    concurrency: int | None = None,
    spend: Spend | None = None,
) -> None:
    """Changes those settings that are not None; an empty `base_url` is the client's own address. They hold from the
    next start of a worker on. Raises NotDone."""
    now = profile_of(known_account(home, name))
    try:
        wanted = make_profile(
            **now.model_dump(exclude={"base_url", "tiers", "concurrency", "spend"}),
            base_url=now.base_url if base_url is None else base_url or None,
            tiers=tiers or now.tiers,
            concurrency=concurrency or now.concurrency,
            spend=spend or now.spend,
        )
    except InvalidProfile as failed:
        raise NotDone(str(failed)) from failed
    submit(
        home,
        AccountSet(
            **stamp(),
            name=name,
            base_url=None if base_url is None else wanted.base_url or "",
            tiers=None if tiers is None else tuple(wanted.tiers.items()),
            concurrency=concurrency,
            spend=spend,
        ),
    )


def remove(home: Home, name: str) -> None:
    """Its work goes on elsewhere; its token is forgotten. Its directory stays: sessions in it may still be needed.
    Of an account that is removed the token is looked for again: there may have been no keyring then. Raises NotDone."""
    account = snapshot(home).accounts.get(name)
    if account is None or account.state != "removed" or not _forget(home, account):
        submit(home, AccountRemoved(**stamp(), name=name))
        _forget(home, snapshot(home).accounts.get(name))


def _forget(home: Home, account: Account | None) -> bool:
    """Takes its token out of the keyring; whether there was one. Raises NotDone."""
    if account is None or not account.secret:
        return False
    try:
        secrets = open_secrets(home_id(home), home.root)
        there = secrets.get(account.name) is not None
        secrets.delete(account.name)
        if not any(a.secret and a.state != "removed" for a in snapshot(home).accounts.values()):
            secrets.delete(MARK)
    except NoUsableKeyring as failed:
        raise NotDone(
            f"{account.name} is removed, but its token is still in the keyring ({failed.brief}): where that can be "
            f"reached, run fleet account remove {account.name} again"
        ) from failed
    return there


def parse_env(pairs: list[str]) -> dict[str, str]:
    """`NAME=VALUE` each. Raises NotDone."""
    env = dict(pair.partition("=")[::2] for pair in pairs)
    if any("=" not in pair for pair in pairs):
        raise NotDone(f"write --env NAME=VALUE, not {json.dumps(pairs)}")
    return env
