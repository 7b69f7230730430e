"""The ports of each worktree on a machine: tried before they are handed out, and no other home's.

All homes that a person has there, or works there from, share one list of claims, which goes by the worktree's path. A
claim ends with its worktree, so a crash leaves none that lasts: one whose worktree is not there counts for an hour,
while it is made. Travels.
"""

from __future__ import annotations

import errno
import fcntl
import json
import os
import socket
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

PORTS_FIRST = 20_000
PORTS_PER_WORKTREE = 20
PORTS_END = 60_000
BEING_MADE_S = 3_600.0
"""Longer than a worktree takes before its directory is there; setup commands run in it."""
_LOOPBACK = ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1"))


@dataclass(frozen=True)
class _Claim:
    worktree: str
    at_s: float

    @property
    def holds(self) -> bool:
        return Path(self.worktree).exists() or 0 <= time.time() - self.at_s < BEING_MADE_S


@dataclass(frozen=True)
class PortBlocks:
    """`folder` is where all homes of a person look; blocks are taken from `ports`."""

    folder: Path
    ports: range = range(PORTS_FIRST, PORTS_END)

    def claim(self, worktree: Path) -> range | None:
        """The ports of a worktree that is about to be made, or has been; None when no block is left. Raises OSError."""
        with self._list() as claims:
            found = _of(claims, worktree)
            if found is not None:
                return found
            for first in self.ports[::PORTS_PER_WORKTREE]:
                taken = claims.get(first)
                block = range(first, first + PORTS_PER_WORKTREE)
                if (taken is None or not taken.holds) and all(map(is_free, block)):
                    claims[first] = _Claim(str(worktree), time.time())
                    return block
        return None

    def release(self, worktree: Path) -> None:
        """The worktree is gone. Raises OSError."""
        with self._list() as claims:
            for first in [one for one, claim in claims.items() if claim.worktree == str(worktree)]:
                del claims[first]

    @contextmanager
    def _list(self) -> Iterator[dict[int, _Claim]]:
        """The claims, which are written back when they were changed."""
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with (self.folder / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            file = self.folder / "claims.json"
            before = _read(file)
            claims = dict(before)
            yield claims
            if claims != before:
                draft = file.with_suffix(".draft")
                draft.write_text(json.dumps({first: [c.worktree, c.at_s] for first, c in claims.items()}))
                draft.replace(file)


def of_this_person() -> PortBlocks:
    """Where a platform keeps a person's state (XDG; on macOS as `platformdirs` has it), for what travels has no
    library."""
    mac = sys.platform == "darwin"
    usual = Path.home() / ("Library/Application Support" if mac else ".local/state")
    said = "" if mac else os.environ.get("XDG_STATE_HOME", "").strip()
    return PortBlocks(Path(said or usual) / "fleet-ports")


def is_free(port: int) -> bool:
    """Whether nobody listens there, on either loopback address that the machine has."""
    for family, address in _LOOPBACK:
        try:
            with socket.socket(family) as tried:
                tried.bind((address, port))
        except OSError as failed:
            if failed.errno == errno.EADDRINUSE:
                return False
    return True


def _of(claims: Mapping[int, _Claim], worktree: Path) -> range | None:
    firsts = (first for first, claim in claims.items() if claim.worktree == str(worktree))
    first = next(firsts, None)
    return None if first is None else range(first, first + PORTS_PER_WORKTREE)


def _read(file: Path) -> dict[int, _Claim]:
    """Nothing where it cannot be made out: ports are tried all the same."""
    try:
        said = json.loads(file.read_text())
        return {int(first): _Claim(str(path), float(at_s)) for first, (path, at_s) in said.items()}
    except (FileNotFoundError, ValueError, TypeError, AttributeError, RecursionError):
        return {}
