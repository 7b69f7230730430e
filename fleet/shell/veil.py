"""Hides credentials in all that is shown and logged, also where no keyring is asked.

A process that was told a secret hides it as it is. Others (`fleet task logs`) recognise it by a *fingerprint* that the
coordinator leaves in the home: its first characters, its length, and a salted digest of the whole. From these a
credential can't be had back, as long as it can't be guessed: of short ones no fingerprint is kept.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Collection, Iterable, MutableMapping
from pathlib import Path
from typing import Any, NamedTuple

from profiles.secrets import Secrets, kept_token

_CREDENTIAL = re.compile(
    r"(?<![A-Za-z0-9])sk-[A-Za-z0-9_-]{12,}|(?i:bearer\s+)[A-Za-z0-9._~+/=-]{12,}|gh[pousr]_[A-Za-z0-9]{20,}|eyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]+"
)
HIDDEN = "[hidden]"
_SHORTEST = 20
_HEAD = 4
_SALT_BYTES = 16


class Fingerprint(NamedTuple):
    salt: str
    head: str
    length: int
    digest: str

    @classmethod
    def of(cls, secret: str) -> Fingerprint:
        salt = os.urandom(_SALT_BYTES).hex()
        return cls(salt, secret[:_HEAD], len(secret), _digest(salt, secret))

    def fits(self, text: str) -> bool:
        return len(text) == self.length and _digest(self.salt, text) == self.digest

    def hide(self, text: str) -> str:
        at = text.find(self.head)
        while at >= 0:
            if self.fits(text[at : at + self.length]):
                text = text[:at] + HIDDEN + text[at + self.length :]
            at = text.find(self.head, at + 1)
        return text


def _digest(salt: str, text: str) -> str:
    return hashlib.blake2b(
        text.encode("utf-8", "surrogatepass"), key=bytes.fromhex(salt), digest_size=32
    ).hexdigest()


class Veil:
    """Hides everything of a credential's shape, every secret it was told of, and every one whose fingerprint is in
    the file `kept`."""

    def __init__(self, kept: Path | None = None) -> None:
        self._secrets: set[str] = set()
        self._kept = kept
        self._fingerprints = _read(kept) if kept else []

    def learn(self, secret: str) -> None:
        """Raises OSError when its fingerprint can't be kept."""
        if secret in self._secrets:
            return
        self._secrets.add(secret)
        known = any(one.fits(secret) for one in self._fingerprints)
        if self._kept is not None and len(secret) >= _SHORTEST and not known:
            self._fingerprints.append(_keep(self._kept, Fingerprint.of(secret)))

    def hide(self, text: str) -> str:
        # The longest first: of two secrets one may begin with the other.
        for secret in sorted(self._secrets, key=len, reverse=True):
            text = text.replace(secret, HIDDEN)
        for fingerprint in self._fingerprints:
            text = fingerprint.hide(text)
        return _CREDENTIAL.sub(HIDDEN, text)

    def knows(self, text: str) -> bool:
        """Whether one of the secrets it was told of stands in `text`."""
        return any(secret in text for secret in self._secrets)

    def __call__(
        self, logger: object, name: str, event: MutableMapping[str, Any]
    ) -> MutableMapping[str, Any]:
        """A structlog processor: every value of the line, however deep."""
        return {str(self._veiled(key)): self._veiled(value) for key, value in event.items()}

    def _veiled(self, value: object) -> object:
        if value is None or isinstance(value, bool | int | float):
            return value
        if isinstance(value, dict):
            return {self._veiled(k): self._veiled(v) for k, v in value.items()}
        if isinstance(value, list | tuple | set | frozenset):
            return [self._veiled(item) for item in value]
        return self.hide(value if isinstance(value, str) else str(value))


def _read(path: Path) -> list[Fingerprint]:
    """Those that can be read; a line cut short by a full disk tells of a secret that is learned again."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return []
    found = []
    for line in lines:
        try:
            salt, head, length, digest = json.loads(line)
            bytes.fromhex(salt)
            found.append(Fingerprint(salt, str(head), int(length), str(digest)))
        except (ValueError, TypeError):
            continue
    return found


def _keep(path: Path, fingerprint: Fingerprint) -> Fingerprint:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with os.fdopen(
        os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600), "w", encoding="utf-8"
    ) as file:
        file.write(f"\n{json.dumps(fingerprint)}\n")
    return fingerprint


class VeiledSecrets:
    """Secrets that tell the veil what it has to hide before anybody else sees them."""

    def __init__(self, secrets: Secrets, veil: Veil) -> None:
        self._secrets = secrets
        self._veil = veil
        self._seen: dict[str, set[str]] = {}

    def get(self, account: str) -> str | None:
        secret = self._secrets.get(account)
        if secret:
            self._learn(account, secret)
        return secret

    def put(self, account: str, secret: str) -> None:
        self._learn(account, secret)
        self._secrets.put(account, secret)

    def delete(self, account: str) -> None:
        self._secrets.delete(account)

    def is_of_this_home(self) -> bool:
        return self._secrets.is_of_this_home()

    def prove(self) -> None:
        self._secrets.prove()

    def end(self) -> None:
        self._secrets.end()

    def seen(self, accounts: Iterable[str]) -> Collection[str]:
        """Every credential that the accounts had while this process ran, earlier ones too. The keyring is asked for
        those of which none has been seen. Raises NoUsableKeyring, also when that is another one than the home's: then
        it is not known what to look for."""
        asked = [account for account in accounts if account not in self._seen]
        if not [account for account in asked if self.get(account)] and asked and not self._seen:
            kept_token(self, asked[0])
        return {secret for seen in self._seen.values() for secret in seen}

    def _learn(self, account: str, secret: str) -> None:
        self._veil.learn(secret)
        self._seen.setdefault(account, set()).add(secret)
