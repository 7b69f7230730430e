"""The proof that the real client obeys its pins, made once for all tests of a machine: the program's own.

Each home (and each directory on a host) makes it for itself; here it is laid where that would, so that not every test
begins with those seconds. `tests/workers/pinned` makes it, and breaks it.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from functools import cache
from pathlib import Path

from tests.real_client import CLIENT
from workers.client.probe.locating import ClientBinary, version
from workers.pinned.proof import prove

AS_PROVED = f'case "$FLEET_RUN" in canary-*) exec {CLIENT} "$@";; esac\n'
"""A line for a shell script that stands for a client: its faults show only when it works."""


def lend(directory: Path) -> None:
    """Lays the proof of the real client into `directory`, a home or a host's directory."""
    shared = Path(tempfile.gettempdir()) / f"fleet-tests-{os.getuid()}" / "client-proofs"
    prove(CLIENT, _version(), shared)
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    shutil.copytree(shared, directory / "client-proofs", dirs_exist_ok=True)


def told() -> dict[str, str]:
    """The real client, as home tells a host which one it means."""
    return {"path": str(CLIENT), "version": _version()}


@cache
def _version() -> str:
    return str(version(ClientBinary(CLIENT, "setting")))
