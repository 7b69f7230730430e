"""Virtual time: what is due next happens next, and nothing ever sleeps."""

from __future__ import annotations

from collections.abc import Callable
from heapq import heappop, heappush

EPOCH_MS = 1_760_000_000_000


class Agenda:
    """A heap of things to do. `now_ms` is the world's true time; `wall_ms` what the clocks on the wall say, which
    may be off by `skew_ms`."""

    def __init__(self) -> None:
        self.now_ms = EPOCH_MS
        self.skew_ms = 0
        self._due: list[tuple[int, int, Callable[[], None]]] = []
        self._count = 0

    @property
    def wall_ms(self) -> int:
        return self.now_ms + self.skew_ms

    def after(self, delay_ms: int, do: Callable[[], None]) -> None:
        self._count += 1
        heappush(self._due, (self.now_ms + max(0, delay_ms), self._count, do))

    def next(self) -> bool:
        """Does what is due next. False when nothing is left."""
        if not self._due:
            return False
        due_ms, _, do = heappop(self._due)
        self.now_ms = max(self.now_ms, due_ms)
        do()
        return True
