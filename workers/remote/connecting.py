"""Logging in to a host as the person's own ssh would. Needs asyncssh."""

from __future__ import annotations

import asyncio
import logging
import socket
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path

import asyncssh
from asyncssh.encryption import get_encryption_algs
from asyncssh.kex import get_kex_algs
from asyncssh.mac import get_mac_algs

from workers.remote import asking_ssh, known_hosts_command, login_failures, loop, without_ssh
from workers.remote.address import BadAddress, Reach, parse
from workers.remote.hop import Target, Watcher
from workers.remote.identities import Offers, signature_algorithms
from workers.remote.keys import HostKey, Known, Standing, algorithms, host_key
from workers.remote.proxy_command import ProxyCommand
from workers.remote.refusals import CannotConnect, HostKeyChanged, HostKeyUnknown
from workers.remote.ssh_settings import SshSettings

CONNECT_S = 15.0
CONNECT_S_MAX = 45.0
"""A ConnectTimeout that is longer than ours counts, so far."""
LOOK_S = 100.0
KEEPALIVE_S = 5.0
KEEPALIVES_MAX = 3
JUMPS_MAX = 8
FAST_CIPHER = "aes128-gcm@openssh.com"
"""Where it is allowed it goes first: in asyncssh it carries about twice what the others do."""
_FAMILIES = {"inet": socket.AF_INET, "inet6": socket.AF_INET6}

logging.getLogger("asyncssh").setLevel(logging.ERROR)  # it tells every connection at INFO


async def connect(reach: Reach, known_hosts: Path) -> asyncssh.SSHClientConnection:
    """A connection that is logged in. Closing it closes those to its jump hosts. Raises CannotConnect."""
    target = await target_of(reach, known_hosts)
    return await _open(target, JUMPS_MAX, Watcher(), None)


async def look(reach: Reach, known_hosts: Path) -> tuple[HostKey, Standing]:
    """The key that the host shows, and how it stands to what is known. Raises CannotConnect."""
    watcher = Watcher()
    target = await target_of(reach, known_hosts)
    try:
        connection = await _open(target, JUMPS_MAX, watcher, None)
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
    return host_key(shown, target.host, target.key_port), "known"


async def target_of(reach: Reach, own_known_hosts: Path) -> Target:
    """What the person's ssh says of this hop. Raises CannotConnect."""
    reach, settings = await loop.aside(lambda: _said_of(reach))
    target = Target(reach, settings, own_known_hosts)
    if not settings.keys_allowed:
        raise CannotConnect(
            f"{target.at}: your ssh configuration turns keys off for it (PubkeyAuthentication no), and Fleet logs in "
            "by key only: turn them on there",
            lasting=True,
        )
    if settings.known_hosts_command is None:
        return target
    return await _asked_of_command(target, known_hosts_command.ANY_KEY)


def _said_of(reach: Reach) -> tuple[Reach, SshSettings]:
    """With the path of its key whole. Raises CannotConnect."""
    settings = asking_ssh.settings(reach) or without_ssh.settings(reach)
    if reach.identity is None:
        return reach, settings
    identity = Path(reach.identity).expanduser()
    if not identity.exists():
        raise CannotConnect(f"{reach.name}: there is no key file {identity}", lasting=True)
    return replace(reach, identity=str(identity)), settings


async def _asked_of_command(target: Target, key: tuple[str, str, str]) -> Target:
    said = await loop.aside(lambda: known_hosts_command.ask(target.settings, target.at, target.known_as, key))
    return replace(target, said=f"{target.said}\n{said}")


async def _open(
    target: Target, jumps_left: int, watcher: Watcher, through: asyncssh.SSHClientConnection | None
) -> asyncssh.SSHClientConnection:
    async with AsyncExitStack() as opened:
        if through is None:
            for jump in _jumps(target):
                if jumps_left == 0:
                    raise CannotConnect(f"{target.at}: its jump hosts lead to each other", lasting=True)
                hop = await target_of(jump, target.own_known_hosts)
                through = await _open(hop, jumps_left - 1, Watcher(), through)
                opened.callback(through.close)
        connection = await _log_in(target, watcher, through)
        if through is not None:
            connection.set_tunnel(through)  # closed with it
        opened.pop_all()
    return connection


def _jumps(target: Target) -> list[Reach]:
    """The hosts on the way. The person's ssh is asked for each, as `ssh -J` does."""
    said = target.settings.jump
    try:
        hops = [parse(hop) for hop in said.split(",")] if said else []
    except BadAddress as bad:
        raise CannotConnect(f"the jump host of {target.at}: {bad}", lasting=True) from bad
    return [replace(hop, name=f"jump host {hop.address} of {target.name}") for hop in hops]


async def _log_in(
    target: Target, watcher: Watcher, through: asyncssh.SSHClientConnection | None
) -> asyncssh.SSHClientConnection:
    """Raises CannotConnect."""
    try:
        return await _log_in_once(target, watcher, through)
    except HostKeyUnknown as unknown:
        if target.settings.known_hosts_command is None:
            raise
        # Asked for all keys it may have told of none: now there is one to ask for.
        kind, blob = unknown.key.line.split()[1:3]
        target = await _asked_of_command(target, (kind, unknown.key.fingerprint, blob))
        if target.known.is_nothing:
            raise
        watcher.untrusted = None
        return await _log_in_once(target, watcher, through)


async def _log_in_once(
    target: Target, watcher: Watcher, through: asyncssh.SSHClientConnection | None
) -> asyncssh.SSHClientConnection:
    known = target.known
    seconds = min(max(CONNECT_S, target.settings.connect_s or 0), CONNECT_S_MAX)
    clock = asyncio.timeout(seconds)
    watcher.offers = Offers(target.settings, target.reach.identity, clock)
    if through is None and target.settings.proxy_command is not None:
        if target.settings.passes_descriptor:
            raise CannotConnect(
                f"{target.at}: Fleet knows no ProxyUseFdpass: turn it off for it", lasting=True
            )
        watcher.proxy = ProxyCommand(target.settings.proxy_command)
    sock = watcher.proxy.start() if watcher.proxy is not None else None
    try:
        async with clock:
            return await asyncssh.connect(
                target.settings.host,
                target.settings.port,
                config=None,  # what the person's ssh says stands in ours, and asyncssh reads no file
                tunnel=through or (),
                sock=sock,
                client_factory=lambda: watcher,
                **_options(target, known, sock is None and through is None),
            )
    except asyncssh.HostKeyNotVerifiable as refused:
        raise login_failures.refused_key(target, watcher, known, refused) from refused
    except (asyncssh.Error, OSError, ValueError) as failed:
        raise await login_failures.told(target, watcher, failed, seconds) from failed
    finally:
        watcher.offers.close()


def _options(target: Target, known: Known, directly: bool) -> dict[str, object]:
    """What asyncssh is handed: whatever it would else look for by itself is said. Raises CannotConnect."""
    settings = target.settings
    ciphers = _allowed(target, "ciphers", get_encryption_algs())
    given: dict[str, object] = {
        "username": settings.user,
        "known_hosts": lambda host, addr, port: (
            list(known.keys),
            list(known.authorities),
            list(known.revoked),
        ),
        "host_key_alias": settings.known_as,
        "server_host_key_algs": _wanted_host_keys(target, known),
        "client_keys": None,  # the watcher hands them out
        "agent_path": None,
        "public_key_auth": True,
        "password_auth": True,  # asked for nothing but to hear that the host wants one
        "kbdint_auth": True,
        "host_based_auth": False,
        "gss_kex": False,
        "gss_auth": False,
        "preferred_auth": ["publickey", "keyboard-interactive", "password"],
        "x509_trusted_certs": None,
        "encryption_algs": sorted(ciphers, key=lambda name: name != FAST_CIPHER) or f"^{FAST_CIPHER}",
        "mac_algs": _allowed(target, "macs", get_mac_algs()),
        "kex_algs": _allowed(target, "kexalgorithms", get_kex_algs()),
        "compression_algs": ["zlib@openssh.com", "none"] if settings.compression else ["none"],
        "agent_forwarding": False,
        "x11_forwarding": False,
        "request_pty": False,
        "connect_timeout": None,  # is ours
        "keepalive_interval": KEEPALIVE_S,
        "keepalive_count_max": KEEPALIVES_MAX,
    }
    if directly:
        given["family"] = _FAMILIES.get(settings.family, socket.AF_UNSPEC)
        given["local_addr"] = (settings.bind, 0) if settings.bind else None
    accepted = settings.algorithms.get("pubkeyacceptedalgorithms")
    if accepted is not None:
        given["signature_algs"] = signature_algorithms(accepted) or _nothing_left(
            target, "PubkeyAcceptedAlgorithms"
        )
    given |= {"rekey_bytes": settings.rekey_bytes} if settings.rekey_bytes else {}
    given |= {"rekey_seconds": settings.rekey_s} if settings.rekey_s else {}
    return given


def _allowed(target: Target, keyword: str, there: list[bytes]) -> list[str] | tuple[()]:
    """Of the names that the person's ssh allows, those that asyncssh has, in ssh's order; () leaves it to asyncssh."""
    names = target.settings.algorithms.get(keyword)
    if names is None:
        return ()
    known = {name.decode() for name in there}
    return [name for name in names if name in known] or _nothing_left(target, keyword)


def _wanted_host_keys(target: Target, known: Known) -> list[str]:
    allowed = target.settings.algorithms.get("hostkeyalgorithms")
    return list(algorithms(known, allowed)) or _nothing_left(target, "HostKeyAlgorithms")


def _nothing_left(target: Target, keyword: str) -> list[str]:
    raise CannotConnect(
        f"{target.at}: your ssh configuration allows nothing there that Fleet has ({keyword}): "
        f"{', '.join(target.settings.algorithms.get(keyword.lower(), ()))}. Allow one more for it",
        lasting=True,
    )
