"""One hop on the way to a host: whom to log in to, by the person's ssh, and what is seen of it. Needs asyncssh."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import asyncssh

from workers.remote.address import Reach
from workers.remote.identities import Offers
from workers.remote.keys import Known, KnownHosts
from workers.remote.proxy_command import ProxyCommand
from workers.remote.refusals import CannotConnect
from workers.remote.ssh_settings import SSH_PORT, SshSettings


@dataclass(frozen=True)
class Target:
    """One hop, with what the person's ssh says of it. `said` is what a KnownHostsCommand said."""

    reach: Reach
    settings: SshSettings
    own_known_hosts: Path
    said: str = ""

    @property
    def name(self) -> str:
        return self.reach.name

    @property
    def host(self) -> str:
        """The name that its key stands under."""
        return (self.settings.known_as or self.settings.host).lower()

    @property
    def key_port(self) -> int:
        """The port that the key stands under: an alias names one machine, whatever its port."""
        return SSH_PORT if self.settings.known_as else self.settings.port

    @property
    def known_as(self) -> str:
        return self.host if self.key_port == SSH_PORT else f"[{self.host}]:{self.key_port}"

    @property
    def known(self) -> Known:
        """Raises CannotConnect."""
        files = [self.own_known_hosts, *self.settings.known_hosts]
        command = f"`{self.settings.known_hosts_command}`"
        known = KnownHosts(files, {command: self.said} if self.said else None).find(self.host, self.key_port)
        return replace(known, revoked=(*known.revoked, *self._revoked()))

    def _revoked(self) -> tuple[asyncssh.SSHKey, ...]:
        """Those of its RevokedHostKeys. What cannot be read, revokes all: so ssh has it."""
        file = self.settings.revoked_keys
        if file is None:
            return ()
        try:
            return tuple(
                asyncssh.import_public_key(line) for line in file.read_text().splitlines() if _is_key(line)
            )
        except (OSError, ValueError) as bad:
            raise CannotConnect(
                f"{self.name}: the file {file} of revoked keys (RevokedHostKeys) cannot be read: {bad}. Fleet reads a "
                "list of public keys, no KRL",
                lasting=True,
            ) from bad

    @property
    def at(self) -> str:
        where = f"{self.settings.host}:{self.settings.port}"
        return self.name if self.name == self.settings.host else f"{self.name} ({where})"


def _is_key(line: str) -> bool:
    return bool(line.strip()) and not line.lstrip().startswith("#")


class Watcher(asyncssh.SSHClient):
    """Keeps the key that a host shows, and never trusts one that known_hosts does not; hands out the keys that are
    offered to the host, and notes what else it asks for."""

    untrusted: asyncssh.SSHKey | None = None
    connection: asyncssh.SSHClientConnection | None = None
    offers: Offers | None = None
    proxy: ProxyCommand | None = None
    asked: tuple[str, ...] = ()
    """What the host asked for besides a key, once it wanted no more of these."""
    wants_keys = False
    """Whether it has ever asked for a key."""
    _is_out_of_keys = False

    def connection_made(self, conn: asyncssh.SSHClientConnection) -> None:
        self.connection = conn

    def connection_lost(self, exc: Exception | None) -> None:
        if self.proxy is not None:
            self.proxy.end()

    def validate_host_public_key(self, host: str, addr: str, port: int, key: asyncssh.SSHKey) -> bool:
        self.untrusted = key
        return False

    async def public_key_auth_requested(self) -> asyncssh.SSHKeyPair | None:
        self.wants_keys = True
        assert self.offers is not None
        pair = await self.offers.next()
        self._is_out_of_keys = pair is None
        return pair

    def kbdint_auth_requested(self) -> str | None:
        self._note("keyboard-interactive")
        return None

    def password_auth_requested(self) -> str | None:
        self._note("password")
        return None

    def _note(self, method: str) -> None:
        if not self._is_out_of_keys:
            self.asked = (*self.asked, method)
