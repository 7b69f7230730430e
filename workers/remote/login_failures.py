"""Why a login failed, told with its cure. Needs asyncssh."""

from __future__ import annotations

import errno
import socket

import asyncssh

from workers.remote.hop import Target, Watcher
from workers.remote.keys import Known, host_key
from workers.remote.proxy_command import CANNOT_RUN
from workers.remote.refusals import CannotConnect, HostKeyChanged, HostKeyUnknown


def refused_key(
    target: Target, watcher: Watcher, known: Known, refused: asyncssh.HostKeyNotVerifiable
) -> CannotConnect:
    """The key that the host shows is not one that is known."""
    if watcher.untrusted is None:
        return CannotConnect(
            f"the key of {target.at} is not to be trusted: {refused.reason}. Ask who runs that machine",
            lasting=True,
        )
    key = host_key(watcher.untrusted, target.host, target.key_port)
    if known.judge(watcher.untrusted) == "unknown":
        return HostKeyUnknown(target.at, key)
    return HostKeyChanged(target.at, key, known)


async def told(target: Target, watcher: Watcher, failed: Exception, seconds: float) -> CannotConnect:
    """`seconds` is how long it was waited for."""
    if isinstance(failed, asyncssh.PermissionDenied):
        return CannotConnect(_denied(target, watcher), lasting=True)
    if watcher.proxy is not None and not _has_answered(watcher):
        story = await watcher.proxy.story()
        watcher.proxy.end()
        return CannotConnect(
            f"{target.at} is not reached: its ProxyCommand `{watcher.proxy.command}` "
            f"{story or f'carried nothing within {seconds:.0f} s'}. Try `ssh {target.reach.host}` by hand",
            lasting=watcher.proxy.code in CANNOT_RUN,
        )
    return _failed(target, watcher, failed, seconds)


def _has_answered(watcher: Watcher) -> bool:
    connection = watcher.connection
    return connection is not None and connection.get_extra_info("server_version") is not None


# --- refused at the login ---


def _denied(target: Target, watcher: Watcher) -> str:
    settings, offers = target.settings, watcher.offers
    assert offers is not None
    methods = (
        " or ".join(watcher.asked) or "a way to log in that needs no key (Kerberos, another host's word)"
    )
    if watcher.asked and offers.offered:
        return (
            f"{target.at} accepts {offers.offered[-1]}, then asks {settings.user!r} for more, which Fleet cannot give: "
            f"{methods}. Let that key in by itself there: a user for Fleet, with `AuthenticationMethods publickey` in "
            f"a `Match User` block of its sshd_config"
        )
    if not watcher.wants_keys:
        return (
            f"{target.at} asks {settings.user!r} for what Fleet cannot give, and for no key: {methods}. Fleet logs in "
            f"by key only: allow that there (PubkeyAuthentication in its sshd_config), then `{_copy_id(target)}`"
        )
    problems = "".join(f"; {problem}" for problem in offers.problems)
    return (
        f"{target.at} does not let {settings.user!r} in: none of these keys is accepted: "
        f"{', '.join(offers.offered) or 'none was found'}{problems}. Is the user right? Then let the key in with "
        f"`{_copy_id(target)}`; a key with a passphrase must be in the agent (`ssh-add`)"
    )


def _copy_id(target: Target) -> str:
    settings = target.settings
    port = f"-p {settings.port} " if settings.port != 22 else ""
    return f"ssh-copy-id {port}{settings.user}@{settings.host}"


# --- not reached, or cut off ---


def _failed(target: Target, watcher: Watcher, failed: Exception, seconds: float) -> CannotConnect:
    at, port, host = target.at, target.settings.port, target.settings.host
    if isinstance(failed, socket.gaierror):
        return CannotConnect(
            f"the name {host} of {target.name} is not known to this machine's resolver "
            f"({failed.strerror}): is it spelt right, is the network up?"
        )
    if isinstance(failed, TimeoutError):
        return CannotConnect(
            f"{at} did not answer within {seconds:.0f} s: is it switched on, and is port {port} open to this machine?"
        )
    if isinstance(failed, asyncssh.ChannelOpenError):
        return CannotConnect(f"{at} cannot be reached from its jump host: {failed.reason}")
    if isinstance(failed, asyncssh.ConnectionLost | ConnectionResetError):
        return _hung_up(target, watcher)
    if isinstance(failed, OSError):
        return _failed_network(at, port, failed)
    if isinstance(failed, asyncssh.DisconnectError):
        return _failed_talk(at, port, watcher, failed)
    return CannotConnect(
        f"{at} cannot be logged in to: {failed}. See ~/.ssh/config and the key files", lasting=True
    )


def _failed_network(at: str, port: int, failed: OSError) -> CannotConnect:
    # asyncio joins what several addresses of a name answered into one text without a number.
    if failed.errno == errno.ECONNREFUSED or f"[Errno {errno.ECONNREFUSED}]" in str(failed):
        return CannotConnect(
            f"{at} refuses connections at port {port}: is sshd running there, and is it that port?"
        )
    if failed.errno == errno.EADDRNOTAVAIL:
        return CannotConnect(
            f"{at} cannot be reached: {failed}. Is the BindAddress of your ssh configuration this machine's?"
        )
    return CannotConnect(f"{at} cannot be reached: {failed}")


def _failed_talk(at: str, port: int, watcher: Watcher, failed: asyncssh.DisconnectError) -> CannotConnect:
    if "authentication failures" in failed.reason:
        problems = "".join(f"; {problem}" for problem in (watcher.offers.problems if watcher.offers else []))
        return CannotConnect(
            f"{at} hung up after too many keys{problems}: name the right one with --identity, or with IdentityFile and "
            "IdentitiesOnly in ~/.ssh/config",
            lasting=True,
        )
    if isinstance(failed, asyncssh.KeyExchangeFailed):
        return CannotConnect(
            f"{at} and this machine share no way to encrypt: {failed.reason}. {_KEPT_OUT}", lasting=True
        )
    if isinstance(failed, asyncssh.ProtocolError | asyncssh.ProtocolNotSupported):
        return CannotConnect(
            f"what answers at port {port} of {at} is no ssh server: {failed.reason}", lasting=True
        )
    return CannotConnect(f"{at} hung up: {failed.reason}")


_KEPT_OUT = "Is it kept out by Ciphers, MACs, KexAlgorithms or HostKeyAlgorithms of your ssh configuration?"


def _hung_up(target: Target, watcher: Watcher) -> CannotConnect:
    """How far it had come tells why. A server that turns a connection away does so before it says which it is."""
    at, connection = target.at, watcher.connection
    if not _has_answered(watcher) or connection is None:
        return CannotConnect(
            f"{at} hung up before the login was done: too many logins at once (MaxStartups of its sshd), or this "
            "machine is shut out there for a while (PerSourcePenalties, fail2ban)"
        )
    if connection.get_server_host_key() is None:
        return CannotConnect(
            f"{at} hung up as the encryption was to be agreed on. {_KEPT_OUT} `ssh -v {target.reach.host}` says which"
        )
    return CannotConnect(
        f"{at} hung up in the middle of the login, without a word: its sshd's log says why "
        "(`journalctl -u ssh` there)"
    )
