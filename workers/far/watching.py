"""Sends home what supervisors add to their spools, byte for byte. Travels."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from workers.far.frames import pack
from workers.spool import Followed, SpoolReplaced

PUSH_BYTES_MAX = 256 * 1024
SENT_BYTES_MAX = 1024 * 1024
UNTAKEN_BYTES_MAX = 8 * 1024 * 1024
PAUSE_S = 0.1


class Watching:
    """Follows spools in a thread of its own. What home has not taken yet is bounded, so a slow wire never fills memory
    and never delays answers by much."""

    def __init__(self, run_dir: Callable[[str], Path], send: Callable[[bytes], None]) -> None:
        self._run_dir = run_dir
        self._send = send
        self._followed: dict[str, Followed] = {}
        self._untaken = 0
        self._changed = threading.Condition()

    def start(self) -> None:
        threading.Thread(target=self._run, name="watching", daemon=True).start()

    def watch(self, attempts: Mapping[str, int]) -> None:
        """Follow these from these offsets on; one that is followed begins anew."""
        with self._changed:
            for attempt, offset in attempts.items():
                self._drop(attempt)
                self._followed[attempt] = Followed(str(self._run_dir(attempt) / "spool"), offset)
            self._changed.notify()

    def forget(self, attempts: Iterable[str]) -> None:
        with self._changed:
            for attempt in attempts:
                self._drop(attempt)

    def took(self, taken: int) -> None:
        """Home has these many bytes more on its disk."""
        with self._changed:
            self._untaken -= taken
            self._changed.notify()

    def _drop(self, attempt: str) -> None:
        followed = self._followed.pop(attempt, None)
        if followed is not None:
            followed.close()

    def _run(self) -> None:
        while True:
            with self._changed:
                while self._untaken >= UNTAKEN_BYTES_MAX or not self._followed:
                    self._changed.wait()
                frames, more = self._round()
            if frames:
                self._send(b"".join(frames))
            if not more:
                time.sleep(PAUSE_S)

    def _round(self) -> tuple[list[bytes], bool]:
        """What to send now, and whether there is more at once. Whoever was served goes to the end of the line."""
        frames: list[bytes] = []
        sent, more = 0, False
        for attempt in list(self._followed):
            if sent >= SENT_BYTES_MAX or self._untaken >= UNTAKEN_BYTES_MAX:
                return frames, True
            followed = self._followed[attempt]
            start = followed.offset
            try:
                chunk = followed.take_raw(PUSH_BYTES_MAX)
            except (SpoolReplaced, OSError) as error:
                self._drop(attempt)
                frames.append(pack({"push": "replaced", "attempt": attempt, "story": str(error)}))
                continue
            if chunk:
                self._followed[attempt] = self._followed.pop(attempt)
                frames.append(pack({"push": "spool", "attempt": attempt, "start": start}, chunk))
                sent += len(chunk)
                self._untaken += len(chunk)
                more = more or len(chunk) == PUSH_BYTES_MAX
        return frames, more
