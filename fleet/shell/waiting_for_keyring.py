"""Asks a keyring that could not be reached again, until it can: accounts wait for it, nobody has to call them back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import inf

from fleet.core.model import Fleet
from fleet.ports import Lookup
from profiles.errors import NoUsableKeyring
from profiles.secrets import Secrets, kept_token

PAUSE_S_FIRST = 1.0
PAUSE_S_MAX = 30.0


@dataclass(frozen=True, slots=True)
class KeyringReader:
    """A `ports.CredentialReader`."""

    secrets: Secrets

    def __call__(self, accounts: Sequence[str]) -> Lookup:
        found: list[str] = []
        missing: list[str] = []
        unreached = []
        for name in accounts:
            try:
                (missing if kept_token(self.secrets, name) is None else found).append(name)
            except NoUsableKeyring as failed:
                unreached.append((name, failed.brief))
            except OSError as failed:  # a full disk: the veil keeps no fingerprint of it
                unreached.append((name, str(failed)))
        return Lookup(tuple(found), tuple(missing), tuple(unreached))


@dataclass
class Waiting:
    """When it is asked again: at once, since it may have been one item only, then ever more seldom, down to every
    `PAUSE_S_MAX` seconds."""

    _pause_s: float = PAUSE_S_FIRST
    _due_s: float = -inf

    def due(self, fleet: Fleet, now_s: float) -> list[str]:
        """The accounts to ask for now, by name; `now_s`: of the monotonic clock."""
        names = sorted(account.name for account in fleet.accounts.values() if account.unreached)
        if not names:
            self._pause_s, self._due_s = PAUSE_S_FIRST, -inf
        return names if now_s >= self._due_s else []

    def asked(self, now_s: float) -> None:
        self._due_s = now_s + self._pause_s
        self._pause_s = min(self._pause_s * 2, PAUSE_S_MAX)
