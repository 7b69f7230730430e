"""Which key a host shows now, and how it stands to what is known of it."""

from __future__ import annotations

from pathlib import Path

from workers.remote.address import Reach
from workers.remote.keys import HostKey, Standing
from workers.remote.refusals import need_asyncssh


def offered(reach: Reach, known_hosts: Path) -> HostKey:
    """The key that the host shows now, by its jump hosts if it has some. Raises CannotConnect."""
    return _look(reach, known_hosts)[0]


def standing(reach: Reach, known_hosts: Path) -> Standing:
    """How the key that the host shows now stands to what is known of it. Raises CannotConnect."""
    return _look(reach, known_hosts)[1]


def _look(reach: Reach, known_hosts: Path) -> tuple[HostKey, Standing]:
    need_asyncssh()
    from workers.remote.connecting import LOOK_S, look
    from workers.remote.loop import run

    return run(look(reach, known_hosts), timeout_s=LOOK_S)
