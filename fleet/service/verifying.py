"""Tries an account's credential with one small real request; and a new one, before it takes the place of the old."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any

from fleet.core.events import AccountVerified, WindowReading
from fleet.core.model import Account
from fleet.errors import NotDone
from fleet.home import Home
from fleet.moments import iso
from fleet.ports import NotAsked
from fleet.service.clients import proved_client
from fleet.service.credentials import known_account, refuse_same_token
from fleet.service.making_home import home_id
from fleet.service.requests import submit
from fleet.shell.proving import ask
from fleet.shell.stamp import stamp
from fleet.views.snapshot import snapshot
from profiles.errors import NoUsableKeyring
from profiles.secrets import kept_token, open_secrets
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


def verify(home: Home, name: str) -> Verified:
    """Sends one small real request with the account's credential (it costs a few tokens) and records what came of it.
    A quarantined account that answers is ready again, one whose credential is refused is quarantined; what says nothing
    of the credential (no network, say) leaves it as it was. Raises NotDone."""
    account = known_account(home, name)
    verified = _ask(home, account)
    if verified.ok or verified.refused:
        detail = "" if verified.ok else verified.story
        submit(
            home,
            AccountVerified(
                **stamp(),
                name=name,
                ok=verified.ok,
                detail=detail,
                answered=verified.answered,
                readings=verified.readings,
            ),
        )
    return verified


def renew(home: Home, name: str, raw_token: str) -> tuple[Verified, str | None]:
    """Gives the account a new token, in place of the one it has: once it has answered a small request. Returns what
    came of that, and a warning. Raises NotDone; then the account has the token that it had."""
    account = known_account(home, name)
    _refuse_without_token(account)
    try:
        token = read_token(raw_token, account.kind)
        secrets = open_secrets(home_id(home), home.root)
        refuse_same_token(snapshot(home).accounts.values(), secrets, account, token.text)
        verified = _ask(home, account, token.text)
        if not verified.answered:
            said = "was refused" if verified.refused else "could not be tried"
            raise NotDone(f"the new token {said}, and {name} keeps the one it has: {verified.story}")
        secrets.put(name, token.text)
    except (InvalidToken, NoUsableKeyring) as failed:
        raise NotDone(str(failed)) from failed
    try:
        submit(
            home,
            AccountVerified(
                **stamp(), name=name, ok=True, answered=True, readings=verified.readings, renewed=True
            ),
        )
    except NotDone as failed:
        raise NotDone(
            f"{failed}. {name} has the new token all the same: fleet account verify {name}"
        ) from failed
    return verified, token.warning


def _refuse_without_token(account: Account) -> None:
    """Raises NotDone."""
    if account.login:
        raise NotDone(
            f"account {account.name} has no token, the client keeps its login and renews it by itself; where it has "
            f"ended: fleet account remove {account.name}, then add it again with --login"
        )
    if not account.secret:
        raise NotDone(
            f"account {account.name} was added without a token: remove it, and add it again with --token-stdin"
        )


def _ask(home: Home, account: Account, token: str | None = None) -> Verified:
    """With `token`, else with the credential that the account has. Raises NotDone."""
    client = proved_client(home, os.environ)
    try:
        reply = ask(
            client.path,
            account,
            home.config_dir(account.name),
            os.environ,
            f"verify-{account.name}",
            lambda: token or kept_token(open_secrets(home_id(home), home.root), account.name),
        )
    except NotAsked as failed:
        raise NotDone(str(failed)) from failed
    # A limit shows that the credential works, as an answer does; so does a server that is overloaded.
    ok = reply.answered or reply.limited or reply.kind is listen.Kind.BUSY
    return Verified(
        ok,
        "" if reply.answered else reply.story,
        refused=reply.refused,
        answered=reply.answered or reply.limited,
        readings=reply.readings,
    )
