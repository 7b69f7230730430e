"""Whether a host's key is trusted, which only a person can say of a new one."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path

from fleet.errors import NotDone
from fleet.service.probing import told
from workers.remote import keys, offered_keys
from workers.remote.address import Reach
from workers.remote.keys import HostKey
from workers.remote.refusals import CannotConnect, HostKeyUnknown

KEYS_MAX = 9
"""A host and its jump hosts: more are no way that a person has laid."""


@dataclass(frozen=True, slots=True)
class UnknownKey:
    """A key that nobody has compared yet, and the file that it would be written to."""

    key: HostKey
    file: Path

    @property
    def at(self) -> str:
        """As known_hosts files name the host."""
        return self.key.line.partition(" ")[0]

    @property
    def told(self) -> str:
        kind = self.key.type.removeprefix("ssh-").partition("-")[0]
        return (
            f"the key of {self.at} is not known: {self.key.type} {self.key.fingerprint}. Compare it with what "
            f"`ssh-keygen -lf /etc/ssh/ssh_host_{kind}_key.pub` says there"
        )


Consent = Callable[[UnknownKey], bool]
"""Asks a person whether this is the host's key. May raise what tells the person how to say so."""


def trust(reach: Reach, file: Path, accepted: Collection[str], consent: Consent) -> None:
    """Has the keys of the host and of its jump hosts known, those that are new by the fingerprints `accepted` or by
    `consent`, and writes them to `file`. A changed key stays refused by whoever connects. Raises NotDone."""
    unmet = set(accepted)
    for _ in range(KEYS_MAX):
        unknown = _unknown(reach, file)
        if unknown is None:
            return
        if unknown.fingerprint in accepted:
            unmet.discard(unknown.fingerprint)
        else:
            _ask(UnknownKey(unknown, file), unmet, consent)
        keys.accept(file, reach, unknown)
    raise NotDone(f"host {reach.name} shows another key each time: is it one machine?")


def _unknown(reach: Reach, file: Path) -> HostKey | None:
    """The next key on the way that nobody has accepted yet."""
    try:
        return offered_keys.offered(reach, file) if offered_keys.standing(reach, file) == "unknown" else None
    except HostKeyUnknown as of_a_jump_host:
        return of_a_jump_host.key
    except CannotConnect as failed:
        raise NotDone(told(reach.name, failed.story)) from failed
    except TimeoutError as failed:
        raise NotDone(told(reach.name, "it did not show its key in time")) from failed


def _ask(unknown: UnknownKey, unmet: Collection[str], consent: Consent) -> None:
    """A fingerprint that no key on the way had so far was meant for this one."""
    if unmet:
        wanted = " or ".join(sorted(unmet))
        raise NotDone(
            f"{unknown.at} shows the key {unknown.key.fingerprint}, not {wanted}: it is not the machine that you mean, "
            "somebody is in between, or the fingerprint was mistyped. Nothing was sent to it"
        )
    if not consent(unknown):
        raise NotDone(f"the key of {unknown.at} was not accepted: nothing was done")
