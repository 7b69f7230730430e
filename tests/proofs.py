"""The proof that the real client obeys its pins, and its flags, made once for all tests of a machine.

The program makes them for each home, and for each directory on a host; here they are laid where that would, so that not
every test begins with those seconds. `tests/workers/pinned` makes the proof, and breaks it.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from functools import cache
from pathlib import Path

from tests.real_client import CLIENT
from workers.client.probe.locating import ClientBinary, Version, kept_flags, version
from workers.pinned.proof import _key, _remember, prove

AS_PROVED = f'case "$FLEET_RUN" in canary-*) exec {CLIENT} "$@";; esac\n'
"""A line for a shell script that stands for a client: its faults show only when it works."""


def lend(directory: Path) -> None:
    """Lays the proof of the real client into `directory`, a home or a host's directory."""
    shared = Path(tempfile.gettempdir()) / f"fleet-tests-{os.getuid()}" / "client-proofs"
    prove(CLIENT, real_version(), shared)
    kept_flags(ClientBinary(CLIENT, "setting"), _looked_at(), shared)
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    shutil.copytree(shared, directory / "client-proofs", dirs_exist_ok=True)


def vouch(client: Path, its: str, directory: Path) -> None:
    """Lays a proof of `client`, a script that says version `its`, into `directory`, as if it had been tried: what comes
    of a trial is not the subject of a test that does so."""
    memory = directory / "client-proofs"
    memory.mkdir(mode=0o700, parents=True, exist_ok=True)
    _remember(memory / f"{_key(client, its)}.json", client, its)


def told() -> dict[str, str]:
    """The real client, as home tells a host which one it means."""
    return {"path": str(CLIENT), "version": real_version()}


def real_version() -> str:
    return str(_looked_at())


@cache
def _looked_at() -> Version:
    return version(ClientBinary(CLIENT, "setting"))
