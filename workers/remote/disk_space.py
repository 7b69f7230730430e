"""Space on home's disk: what hosts send may fill it only so far that home itself can still work."""

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


class Intake:
    """How much one conversation may bring here, and onto the disk of `place`. Who carries the bytes asks it, and cuts
    what it does not allow; afterwards `too_much` or `no_room` says why."""

    def __init__(self, bytes_max: int, greeting_bytes_max: int, place: Path | None = None) -> None:
        self._bytes_max, self._greeting_bytes_max, self._place = bytes_max, greeting_bytes_max, place
        self._bytes = 0
        self._answered = False
        self.too_much = ""
        self.no_room: OSError | None = None

    def answered(self) -> None:
        """Home has said something: until then all that comes is a greeting, which git keeps in its memory."""
        self._answered = True

    def allows(self, count: int) -> bool:
        """Whether so many bytes more may come."""
        self._bytes += count
        most = self._bytes_max if self._answered else min(self._bytes_max, self._greeting_bytes_max)
        if self._bytes > most:
            self.too_much = f"more than {most} bytes"
        elif self._place is not None:
            try:
                check_room(self._place, count)
            except OSError as full:
                self.no_room = full
        return not self.too_much and self.no_room is None
