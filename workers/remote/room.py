"""Room on home's disk: what hosts send may fill it only so far that home itself can still work."""

from __future__ import annotations

import errno
import os
from pathlib import Path

KEPT_BYTES = 256_000_000
KEPT_SHARE = 0.05


def check_room(place: Path | int, wanted_bytes: int) -> None:
    """Raises OSError (no space left) unless so many bytes more leave `KEPT_BYTES`, or on a small disk `KEPT_SHARE` of
    it, free on the disk of `place`, a path that is there or a descriptor."""
    disk = os.statvfs(place)
    kept = min(KEPT_BYTES, int(KEPT_SHARE * disk.f_blocks * disk.f_frsize))
    free = disk.f_bavail * disk.f_frsize
    if free - wanted_bytes < kept:
        story = f"no room for {wanted_bytes} bytes from a host: {free} are free, and {kept} are kept for this machine"
        raise OSError(errno.ENOSPC, story)
