"""Logging in to a host as the user's own ssh would, and saying what is wrong when that fails. Needs asyncssh."""

from __future__ import annotations

import errno
import logging
import os
import socket
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from pathlib import Path

import asyncssh

from workers.remote.address import BadAddress, Reach, parse
from workers.remote.keys import HostKey, Known, KnownHosts, Standing, algorithms, host_key
from workers.remote.refusals import CannotConnect, HostKeyChanged, HostKeyUnknown

CONNECT_S = 15.0
LOOK_S = 60.0
KEEPALIVE_S = 5.0
KEEPALIVES_MAX = 3
JUMPS_MAX = 8
CIPHERS = "^aes128-gcm@openssh.com"
"""In front of the usual ones: in asyncssh it carries about twice what the others do."""
DEFAULT_KNOWN_HOSTS = ("~/.ssh/known_hosts", "~/.ssh/known_hosts2")
GLOBAL_KNOWN_HOSTS = ("/etc/ssh/ssh_known_hosts", "/etc/ssh/ssh_known_hosts2")
DEFAULT_IDENTITIES = ("id_ed25519_sk", "id_ecdsa_sk", "id_ed25519", "id_ecdsa", "id_rsa")

logging.getLogger("asyncssh").setLevel(logging.ERROR)  # it tells every connection at INFO


@dataclass(frozen=True)
class _Target:
    """One hop, with what ~/.ssh/config says of it."""

    reach: Reach
    options: asyncssh.SSHClientConnectionOptions
    identities: tuple[str, ...]
    known_hosts: KnownHosts

    @property
    def name(self) -> str:
        return self.reach.name

    @property
    def host(self) -> str:
        return self.options.host_key_alias or self.options.host

    @property
    def key_port(self) -> int:
        """The port that the key stands under: an alias names one machine, whatever its port."""
        return 22 if self.options.host_key_alias else self.options.port

    @property
    def known(self) -> Known:
        return self.known_hosts.find(self.host, self.key_port)

    @property
    def at(self) -> str:
        where = f"{self.options.host}:{self.options.port}"
        return self.name if self.name == self.options.host else f"{self.name} ({where})"


class _Watcher(asyncssh.SSHClient):
    """Keeps the key that a host shows, and never trusts one that known_hosts does not."""

    untrusted: asyncssh.SSHKey | None = None
    connection: asyncssh.SSHClientConnection | None = None

    def connection_made(self, conn: asyncssh.SSHClientConnection) -> None:
        self.connection = conn

    def validate_host_public_key(self, host: str, addr: str, port: int, key: asyncssh.SSHKey) -> bool:
        self.untrusted = key
        return False


async def connect(reach: Reach, known_hosts: Path) -> asyncssh.SSHClientConnection:
    """A connection that is logged in. Closing it closes those to its jump hosts. Raises CannotConnect."""
    return await _open(reach, known_hosts, JUMPS_MAX, _Watcher(), None)


async def look(reach: Reach, known_hosts: Path) -> tuple[HostKey, Standing]:
    """The key that the host shows, and how it stands to what is known. Raises CannotConnect."""
    watcher = _Watcher()
    try:
        connection = await _open(reach, known_hosts, JUMPS_MAX, watcher, None)
    except (HostKeyUnknown, HostKeyChanged) as refused:
        if watcher.untrusted is None:  # a jump host's
            raise
        return refused.key, "unknown" if isinstance(refused, HostKeyUnknown) else "changed"
    except CannotConnect:
        shown = watcher.connection.get_server_host_key() if watcher.connection else None
        if shown is None:
            raise
    else:
        shown = connection.get_server_host_key()
        connection.abort()
        await connection.wait_closed()
    assert shown is not None
    target = await _target(reach, known_hosts)
    return host_key(shown, target.host, target.key_port), "known"


async def _open(
    reach: Reach,
    known_hosts: Path,
    jumps_left: int,
    watcher: _Watcher,
    through: asyncssh.SSHClientConnection | None,
) -> asyncssh.SSHClientConnection:
    target = await _target(reach, known_hosts)
    async with AsyncExitStack() as opened:
        if through is None:
            for jump in _jumps(reach, target):
                if jumps_left == 0:
                    raise CannotConnect(f"{target.at}: its jump hosts lead to each other", lasting=True)
                through = await _open(jump, known_hosts, jumps_left - 1, _Watcher(), through)
                opened.callback(through.close)
        connection = await _log_in(target, watcher, through)
        if through is not None:
            connection.set_tunnel(through)  # closed with it
        opened.pop_all()
    return connection


def _jumps(reach: Reach, target: _Target) -> list[Reach]:
    """The hosts on the way. Each is looked up in ~/.ssh/config as well, as `ssh -J` does."""
    said = reach.jump if reach.jump is not None else target.options.config.get("ProxyJump")
    try:
        hops = [parse(hop) for hop in str(said).split(",")] if said and said != "none" else []
    except BadAddress as bad:
        raise CannotConnect(f"the jump host of {target.at}: {bad}", lasting=True) from bad
    return [replace(hop, name=f"jump host {hop.address} of {reach.name}") for hop in hops]


async def _target(reach: Reach, own_known_hosts: Path) -> _Target:
    """What ~/.ssh/config says of this hop, without its keys."""
    try:
        options = await asyncssh.SSHClientConnectionOptions.construct(
            host=reach.host,
            port=reach.port or (),
            username=reach.user or (),
            config=(),  # ~/.ssh/config, which is not read otherwise
            client_keys=None,
            known_hosts=None,
        )
    except (ValueError, OSError, asyncssh.Error) as bad:
        raise CannotConnect(f"~/.ssh/config cannot be used for {reach.name}: {bad}", lasting=True) from bad
    return _with_files(reach, options, own_known_hosts)


def _with_files(reach: Reach, options: asyncssh.SSHClientConnectionOptions, own_known_hosts: Path) -> _Target:
    """Raises CannotConnect when there is no key where the person said that there is one."""
    users: object = options.config.get("UserKnownHostsFile", DEFAULT_KNOWN_HOSTS)
    everybodys: object = options.config.get("GlobalKnownHostsFile", GLOBAL_KNOWN_HOSTS)
    files = (Path(file).expanduser() for file in (*_words(users), *_words(everybodys)))
    said = (reach.identity,) if reach.identity else _words(options.config.get("IdentityFile", ()))
    identities = tuple(str(Path(file).expanduser()) for file in said)
    there = tuple(file for file in identities if Path(file).exists())
    if reach.identity and not there:
        raise CannotConnect(f"{reach.name}: there is no key file {identities[0]}", lasting=True)
    return _Target(reach, options, there, KnownHosts([own_known_hosts, *files]))


def _words(setting: object) -> tuple[str, ...]:
    return tuple(map(str, setting)) if isinstance(setting, list | tuple) else (str(setting),)


async def _log_in(
    target: _Target, watcher: _Watcher, through: asyncssh.SSHClientConnection | None
) -> asyncssh.SSHClientConnection:
    options = target.options
    known = target.known
    try:
        return await asyncssh.connect(
            target.reach.host,
            target.reach.port or (),
            username=options.username,
            tunnel=through,
            proxy_command=None if through is not None else (),
            client_factory=lambda: watcher,
            known_hosts=lambda host, addr, port: (
                list(known.keys),
                list(known.authorities),
                list(known.revoked),
            ),
            server_host_key_algs=algorithms(known),
            client_keys=list(target.identities),
            agent_identities=_of_the_agent(target.reach),
            ignore_encrypted=True,
            password_auth=False,
            kbdint_auth=False,
            encryption_algs=options.config.get("Ciphers") or CIPHERS,
            agent_forwarding=False,
            x11_forwarding=False,
            request_pty=False,
            connect_timeout=CONNECT_S,
            keepalive_interval=KEEPALIVE_S,
            keepalive_count_max=KEEPALIVES_MAX,
        )
    except asyncssh.HostKeyNotVerifiable as refused:
        raise _refused_key(target, watcher, refused) from refused
    except asyncssh.PermissionDenied as denied:
        raise CannotConnect(await _denied(target), lasting=True) from denied
    except (asyncssh.Error, OSError, ValueError) as failed:
        raise _failed(target, failed) from failed


def _of_the_agent(reach: Reach) -> list[str] | tuple[()]:
    """Where a person has named a key, the agent's others are not tried: servers hang up after a few."""
    named = f"{Path(reach.identity).expanduser()}.pub" if reach.identity else ""
    return [named] if named and Path(named).exists() else ()


def _refused_key(target: _Target, watcher: _Watcher, refused: asyncssh.HostKeyNotVerifiable) -> CannotConnect:
    if watcher.untrusted is None:
        return CannotConnect(
            f"the key of {target.at} is not to be trusted: {refused.reason}. Ask who runs that machine",
            lasting=True,
        )
    known = target.known
    key = host_key(watcher.untrusted, target.host, target.key_port)
    if known.judge(watcher.untrusted) == "unknown":
        return HostKeyUnknown(target.at, key)
    return HostKeyChanged(target.at, key, known)


async def _denied(target: _Target) -> str:
    user = target.options.username
    tried = [*target.identities, *await _agent_keys(), *([] if target.identities else _default_identities())]
    login = f"{user}@{target.options.host}"
    port = f"-p {target.options.port} " if target.options.port != 22 else ""
    return (
        f"{target.at} does not let {user!r} in: none of these keys is accepted: "
        f"{', '.join(tried) or 'none was found'}. Is the user right? Then let the key in with "
        f"`ssh-copy-id {port}{login}`; a key with a passphrase must be in the agent (`ssh-add`)"
    )


async def _agent_keys() -> list[str]:
    if not os.environ.get("SSH_AUTH_SOCK"):
        return []
    try:
        async with asyncssh.connect_agent() as agent:
            return [f"{key.get_comment()} of the agent" for key in await agent.get_keys()]
    except (OSError, ValueError, asyncssh.Error):
        return []


def _default_identities() -> list[str]:
    files = [Path("~/.ssh", name).expanduser() for name in DEFAULT_IDENTITIES]
    return [str(file) for file in files if file.exists()]


def _failed(target: _Target, failed: Exception) -> CannotConnect:
    at, port = target.at, target.options.port
    if isinstance(failed, socket.gaierror):
        return CannotConnect(
            f"the name {target.options.host} of {target.name} is not known to this machine's resolver "
            f"({failed.strerror}): is it spelt right, is the network up?"
        )
    if isinstance(failed, TimeoutError):
        return CannotConnect(
            f"{at} did not answer within {CONNECT_S:.0f} s: is it switched on, and is port {port} open to this machine?"
        )
    if isinstance(failed, asyncssh.ChannelOpenError):
        return CannotConnect(f"{at} cannot be reached from its jump host: {failed.reason}")
    if isinstance(failed, OSError):
        return _failed_network(at, port, failed)
    if isinstance(failed, asyncssh.DisconnectError):
        return _failed_talk(at, port, failed)
    return CannotConnect(
        f"{at} cannot be logged in to: {failed}. See ~/.ssh/config and the key files", lasting=True
    )


def _failed_network(at: str, port: int, failed: OSError) -> CannotConnect:
    # asyncio joins what several addresses of a name answered into one text without a number.
    if failed.errno == errno.ECONNREFUSED or f"[Errno {errno.ECONNREFUSED}]" in str(failed):
        return CannotConnect(
            f"{at} refuses connections at port {port}: is sshd running there, and is it that port?"
        )
    if failed.errno == errno.ECONNRESET:
        return _hung_up(at)
    if failed.filename is not None:
        return CannotConnect(f"{at}: {failed.filename} cannot be read: {failed.strerror}", lasting=True)
    return CannotConnect(f"{at} cannot be reached: {failed}")


def _failed_talk(at: str, port: int, failed: asyncssh.DisconnectError) -> CannotConnect:
    if "authentication failures" in failed.reason:
        return CannotConnect(
            f"{at} hung up after too many keys: name the right one with --identity, or with IdentityFile and "
            "IdentitiesOnly in ~/.ssh/config",
            lasting=True,
        )
    if isinstance(failed, asyncssh.ConnectionLost):
        return _hung_up(at)
    if isinstance(failed, asyncssh.KeyExchangeFailed):
        return CannotConnect(f"{at} and this machine share no way to encrypt: {failed.reason}", lasting=True)
    if isinstance(failed, asyncssh.ProtocolError | asyncssh.ProtocolNotSupported):
        return CannotConnect(
            f"what answers at port {port} of {at} is no ssh server: {failed.reason}", lasting=True
        )
    return CannotConnect(f"{at} hung up: {failed.reason}")


def _hung_up(at: str) -> CannotConnect:
    return CannotConnect(
        f"{at} hung up before the login was done: too many logins at once (MaxStartups of its sshd), or this machine "
        "is shut out there for a while (PerSourcePenalties, fail2ban)"
    )
