"""The Claude Code client of this machine: found, looked at, and proved to take no order from a repository."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from platformdirs import user_data_dir

from fleet.errors import NotDone
from fleet.home import Home
from fleet.shell.hosts.driver import Client
from profiles.login import ClientCommand, Pin, person_command
from workers.client import probe
from workers.pinned.files import named
from workers.pinned.pins import PinsContradicted, pin
from workers.pinned.proof import ClientRefused, prove


def clients_root() -> Path:
    """Where `fleet client install` keeps them: of the person, not of a home, as each has 400 MB."""
    return Path(user_data_dir("fleet", appauthor=False), "clients")


def locate_client(environ: Mapping[str, str]) -> probe.ClientBinary:
    """`FLEET_CLIENT`, else `claude` on the PATH, else the one of `fleet client install`, else the one that
    claude-agent-sdk brings. Raises NotDone."""
    name = environ.get("FLEET_CLIENT")
    explicit = Path(os.path.expanduser(name)) if name else None  # noqa: PTH111 (leaves an unknown ~user as it is)
    try:
        return probe.locate(explicit, environ.get("PATH", ""), clients_root())
    except probe.ClientError as failed:
        raise NotDone(str(failed)) from failed


def client_command(words: Sequence[str], environ: Mapping[str, str]) -> ClientCommand:
    """The client, run by a person at a terminal for themselves. Whether it is fit for workers does not matter here:
    it may be asked to update itself. Raises NotDone."""
    return person_command(locate_client(environ).path, words, environ)


def find_client(environ: Mapping[str, str]) -> Client:
    """The client that workers run, looked at. Raises NotDone."""
    return _looked_at(environ, lambda binary, version: probe.flags(binary))


def proved_client(home: Home, environ: Mapping[str, str]) -> Client:
    """As `find_client`, for whatever hands it a credential: it was tried, which takes a few seconds for one that this
    home has not seen. Raises NotDone."""
    memory = home.client_proofs
    try:
        client = _looked_at(environ, lambda binary, version: probe.kept_flags(binary, version, memory))
        prove(client.path, client.version, memory)
    except (ClientRefused, OSError) as failed:
        raise NotDone(str(failed)) from failed
    return client


def _looked_at(
    environ: Mapping[str, str], flags: Callable[[probe.ClientBinary, probe.Version], frozenset[str]]
) -> Client:
    """Raises NotDone, and what `flags` raises."""
    binary = locate_client(environ)
    try:
        version = probe.version(binary)
        return Client(binary.path, str(version), flags(binary, version))
    except probe.ClientError as failed:
        raise NotDone(str(failed)) from failed


def pins_of(config_dir: Path) -> Pin:
    """For a client that is asked about the account's own directory, and works there."""

    def pins(env: Mapping[str, str]) -> Sequence[str]:
        try:
            return pin(env, named(config_dir, config_dir))
        except (PinsContradicted, OSError) as failed:
            raise NotDone(str(failed)) from failed

    return pins
