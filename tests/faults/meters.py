"""The accounts' meters as the server keeps them: windows that fill, refuse and reset."""

from __future__ import annotations

from dataclasses import dataclass, field

from fleet.core.events import WindowReading

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS


@dataclass
class Window:
    """One window. It begins with the first use after its reset; an idle one has no reset (as measured)."""

    name: str
    scope: str | None
    length_ms: int
    capacity: int
    used: int = 0
    resets_ms: int | None = None

    def roll(self, now_ms: int) -> None:
        if self.resets_ms is not None and now_ms >= self.resets_ms:
            self.used, self.resets_ms = 0, None

    def draw(self, now_ms: int) -> None:
        self.used += 1
        if self.resets_ms is None:
            self.resets_ms = now_ms + self.length_ms

    def reading(self, *, refused: bool = False, jitter_ms: int = 0) -> WindowReading:
        resets_ms = None if self.resets_ms is None else self.resets_ms + jitter_ms
        status = "rejected" if refused else "allowed"
        return WindowReading(
            self.name, self.scope, min(1.0, self.used / self.capacity), resets_ms, status, refused
        )


@dataclass
class Pool:
    """What the profiles of one organisation draw on together."""

    name: str
    windows: list[Window] = field(default_factory=list)

    def draw(self, tier: str, now_ms: int) -> Window | None:
        """Draws one answer for `tier`. Returns the window that refuses it, None when all of them gave."""
        drawn_on = [w for w in self.windows if w.scope in (None, tier)]
        for window in drawn_on:
            window.roll(now_ms)
        for window in drawn_on:
            if window.used >= window.capacity:
                return window
        for window in drawn_on:
            window.draw(now_ms)
        return None
