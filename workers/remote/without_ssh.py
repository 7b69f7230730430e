"""What ~/.ssh/config says of a hop where there is no ssh to ask: as far as asyncssh's own reader of it goes."""

from __future__ import annotations

import os
import shlex
import socket
from pathlib import Path

import asyncssh

from workers.remote.address import Reach
from workers.remote.refusals import CannotConnect
from workers.remote.ssh_settings import ALGORITHMS, BadSetting, SshSettings, agent_of

DEFAULT_KNOWN_HOSTS = ("~/.ssh/known_hosts", "~/.ssh/known_hosts2")
GLOBAL_KNOWN_HOSTS = ("/etc/ssh/ssh_known_hosts", "/etc/ssh/ssh_known_hosts2")
DEFAULT_IDENTITIES = ("id_ed25519_sk", "id_ecdsa_sk", "id_ed25519", "id_ecdsa", "id_rsa")
_KEYWORDS = dict(zip(ALGORITHMS, ("Ciphers", "MACs", "KexAlgorithms", "HostKeyAlgorithms", ""), strict=True))
_FAMILIES: dict[int, str] = {socket.AF_INET: "inet", socket.AF_INET6: "inet6"}


def settings(reach: Reach) -> SshSettings:
    """Blocks. Raises CannotConnect."""
    try:
        options = asyncssh.SSHClientConnectionOptions(
            host=reach.host,
            port=reach.port or (),
            username=reach.user or (),
            config=(),  # ~/.ssh/config, which is not read otherwise
            client_keys=None,
            known_hosts=None,
        )
        said = options.config.get
        agent = str(said("IdentityAgent", ""))
        return SshSettings(
            host=options.host,
            port=options.port,
            user=options.username,
            known_as=options.host_key_alias or None,
            jump=reach.jump or str(said("ProxyJump", "")) or None,
            proxy_command=shlex.join(options.proxy_command or ()) or None,
            identities=_files(said("IdentityFile", [f"~/.ssh/{name}" for name in DEFAULT_IDENTITIES])),
            certificates=_files(said("CertificateFile", ())),
            identities_only=bool(said("IdentitiesOnly", False)),
            agent=agent_of(agent, {}, str(Path("~").expanduser()), os.environ),
            known_hosts=tuple(
                Path(file)
                for file in (
                    *_files(said("UserKnownHostsFile", DEFAULT_KNOWN_HOSTS)),
                    *_files(said("GlobalKnownHostsFile", GLOBAL_KNOWN_HOSTS)),
                )
            ),
            family=_FAMILIES.get(options.family, "any"),
            bind=options.local_addr[0] if options.local_addr else None,
            algorithms={
                name: tuple(str(value).split(","))
                for name, keyword in _KEYWORDS.items()
                if (value := said(keyword, "")) and str(value)[0] not in "+-^"
            },
        )
    except (ValueError, OSError, asyncssh.Error, BadSetting) as bad:
        raise CannotConnect(f"~/.ssh/config cannot be used for {reach.name}: {bad}", lasting=True) from bad


def _files(said: object) -> tuple[str, ...]:
    several = said if isinstance(said, list | tuple) else (said,)
    return tuple(str(Path(str(file)).expanduser()) for file in several if str(file) != "none")
