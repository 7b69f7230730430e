"""Time and id of an event that begins outside: the core draws neither."""

from __future__ import annotations

import time
from typing import Any
from uuid import uuid4

from fleet.ports import Clock


class WallClock:
    """A `ports.Clock`: what this machine says the time is."""

    def now_ms(self) -> int:
        return time.time_ns() // 1_000_000


WALL = WallClock()


def stamp(clock: Clock = WALL) -> dict[str, Any]:
    """`at_ms` and `id`, as keyword arguments of an event."""
    return {"at_ms": clock.now_ms(), "id": uuid4().hex}
