"""Adds, verifies and removes accounts."""

from __future__ import annotations

import json
import os
import subprocess
from dataclasses import dataclass
from typing import Any

from fleet import streams
from fleet.core.events import AccountAdded, AccountRemoved, AccountVerified, WindowReading
from fleet.core.model import Account
from fleet.errors import NotDone, NotKnown
from fleet.home import Home
from fleet.ports import NotAsked
from fleet.service.clients import pins_of, proved_client
from fleet.service.making_home import home_id
from fleet.service.requests import submit
from fleet.shell.proving import ask
from fleet.shell.stamp import stamp
from fleet.views.light.records import iso
from fleet.views.snapshot import snapshot
from profiles.errors import NoUsableKeyring
from profiles.login import LoginUnknown, login_command, login_state
from profiles.profile import InvalidProfile, Profile
from profiles.secrets import MARK, Secrets, kept_token, open_secrets
from profiles.token import InvalidToken, read_token
from workers.client import listen


@dataclass(frozen=True, slots=True)
class Verified:
    """`refused`: the credential itself was, and nothing else went wrong on the way. `answered`: the account answered,
    if only with a limit. `story` is empty where there is nothing to add. `readings`: the windows that the client
    named."""

    ok: bool
    story: str
    refused: bool = False
    answered: bool = False
    readings: tuple[WindowReading, ...] = ()

    @property
    def windows(self) -> list[dict[str, Any]]:
        """As the read models show buckets; of several readings of one window the last."""
        last = {reading.name: reading for reading in self.readings}
        return [
            {
                "name": reading.name,
                "scope": reading.scope,
                "utilization": reading.utilization,
                "resets_at": iso(reading.resets_ms),
                "status": "rejected" if reading.refused else reading.status or "unknown",
            }
            for reading in last.values()
        ]


def add(home: Home, profile: Profile, raw_token: str | None) -> str | None:
    """Adds the account; its token, if it has one, goes to the keyring first. Returns a warning.
    Raises NotDone: then the keyring is as it was, unless it is NotKnown whether the account was added."""
    warning = None
    secrets: Secrets | None = None
    before: str | None = None
    existing = snapshot(home).accounts.get(profile.name)
    if existing is not None and existing.state == "ready":
        raise NotDone(
            f"there is an account {profile.name} already: remove it first (fleet account remove {profile.name})"
        )
    try:
        if raw_token is not None:
            token = read_token(raw_token, profile.kind)
            warning = token.warning
            home.make()
            secrets = open_secrets(home_id(home), home.root)
            before = secrets.get(profile.name)
            secrets.put(profile.name, token.text)
        elif profile.login:
            _log_in(home, profile)
    except (InvalidToken, NoUsableKeyring, InvalidProfile) as failed:
        raise NotDone(str(failed)) from failed
    try:
        submit(home, AccountAdded(**stamp(), account=_account(profile, secret=secrets is not None)))
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


def _account(profile: Profile, *, secret: bool) -> Account:
    return Account(
        name=profile.name,
        kind=profile.kind,
        tiers=tuple(profile.tiers.items()),
        concurrency=profile.concurrency,
        spend=profile.spend,
        pool=profile.pool,
        added_ms=int(stamp()["at_ms"]),
        base_url=profile.base_url,
        login=profile.login,
        secret=secret,
        env=tuple(profile.extra_env.items()),
        pass_env=profile.pass_env,
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


def verify(home: Home, name: str) -> Verified:
    """Sends one small real request with the account's credential (it costs a few tokens) and records what came of it.
    A quarantined account that answers is ready again, one whose credential is refused is quarantined; what says nothing
    of the credential (no network, say) leaves it as it was. Raises NotDone."""
    account = snapshot(home).accounts.get(name)
    if account is None or account.state == "removed":
        raise NotDone(f"there is no account {name}: see `fleet account list`")
    verified = _ask(home, account)
    if verified.ok or verified.refused:
        detail = "" if verified.ok else verified.story
        submit(
            home,
            AccountVerified(**stamp(), name=name, ok=verified.ok, detail=detail, readings=verified.readings),
        )
    return verified


def _ask(home: Home, account: Account) -> Verified:
    client = proved_client(home, os.environ)
    try:
        reply = ask(
            client.path,
            account,
            home.config_dir(account.name),
            os.environ,
            f"verify-{account.name}",
            lambda: kept_token(open_secrets(home_id(home), home.root), account.name),
        )
    except NotAsked as failed:
        raise NotDone(str(failed)) from failed
    # A limit shows that the credential works, as an answer does; so does a server that is overloaded.
    ok = reply.answered or reply.limited or reply.kind is listen.Kind.BUSY
    return Verified(
        ok,
        "" if reply.answered else reply.story,
        refused=reply.refused or reply.kind is listen.Kind.BILLING,
        answered=reply.answered or reply.limited,
        readings=reply.readings,
    )


def parse_env(pairs: list[str]) -> dict[str, str]:
    """`NAME=VALUE` each. Raises NotDone."""
    env = dict(pair.partition("=")[::2] for pair in pairs)
    if any("=" not in pair for pair in pairs):
        raise NotDone(f"write --env NAME=VALUE, not {json.dumps(pairs)}")
    return env
