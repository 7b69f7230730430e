"""A person's KnownHostsCommand: a program that says which keys a host has, in the form of a known_hosts file."""

from __future__ import annotations

import os
import shlex

from workers import children
from workers.remote.refusals import CannotConnect
from workers.remote.ssh_settings import BadSetting, SshSettings, expanded

ASK_S = 10.0
SAID_BYTES_MAX = 1 << 20
SHOWN = 300
ANY_KEY = ("NONE", "NONE", "NONE")
"""What ssh asks with before a host has shown its key: type, fingerprint, key."""


class _SaidTooMuch(Exception):
    """Nothing sensible is that long."""


def ask(settings: SshSettings, at: str, known_as: str, key: tuple[str, str, str]) -> str:
    """What it says of a host whose key is looked for as `known_as` and shows `key` (type, fingerprint, base 64).
    Blocks. Raises CannotConnect."""
    command = settings.known_hosts_command
    assert command is not None
    reason = "ORDER" if key == ANY_KEY else "HOSTNAME"
    tokens = {**settings.tokens, "H": known_as, "I": reason, "t": key[0], "f": key[1], "K": key[2]}
    said, told = bytearray(), bytearray()

    def hear(data: bytes) -> None:
        said.extend(data)
        if len(said) > SAID_BYTES_MAX:
            raise _SaidTooMuch

    try:
        argv = [expanded(word, tokens) for word in shlex.split(command)]
        ended = children.run(argv, env=os.environ, limit_s=ASK_S, out=hear, err=told.extend)
    except (BadSetting, ValueError) as bad:
        raise CannotConnect(f"the KnownHostsCommand of {at} cannot be run: {bad}", lasting=True) from bad
    except OSError as failed:
        raise CannotConnect(
            f"the KnownHostsCommand of {at} cannot be run: {failed.strerror}: `{command}`", lasting=True
        ) from failed
    except _SaidTooMuch:
        raise CannotConnect(
            f"the KnownHostsCommand of {at} says too much: `{command}`", lasting=True
        ) from None
    if ended.late is not None:
        raise CannotConnect(f"the KnownHostsCommand of {at} did not end within {ASK_S:.0f} s: `{command}`")
    if ended.code != 0:
        words = " ".join(told.decode("utf-8", "replace").split())[-SHOWN:]
        raise CannotConnect(
            f"the KnownHostsCommand of {at} ended with {ended.code}: {words or 'it said nothing'}. Run it by "
            f"hand: `{command}`"
        )
    return said.decode("utf-8", "replace")
