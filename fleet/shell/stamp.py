"""Time and id of an event that begins outside: the core draws neither."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

from fleet.ports import Clock


def stamp(clock: Clock) -> dict[str, Any]:
    """`at_ms` and `id`, as keyword arguments of an event."""
    return {"at_ms": clock.now_ms(), "id": uuid4().hex}
