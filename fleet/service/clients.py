"""The Claude Code client of this machine, found and looked at."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from fleet.service.requests import NotDone
from fleet.shell.ground import Client
from workers.client import locate


def find_client(environ: Mapping[str, str]) -> Client:
    """`FLEET_CLIENT`, else `claude` on the PATH, else the one that claude-agent-sdk brings. Raises NotDone."""
    named = environ.get("FLEET_CLIENT")
    try:
        binary = locate.locate(Path(os.path.expanduser(named)) if named else None, environ.get("PATH", ""))  # noqa: PTH111 (leaves an unknown ~user as it is)
        version = locate.version(binary)
        return Client(binary.path, str(version), locate.flags(binary))
    except locate.ClientError as failed:
        raise NotDone(str(failed)) from failed
