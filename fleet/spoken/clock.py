"""When something is, as the person's own clock shows it: one form wherever it is told. Light: `fleet status` starts
with it."""

from __future__ import annotations

import time


def local_time(at_ms: int, beside_ms: int | None = None) -> str:
    """The time of day, with the date when that is not the one of `beside_ms`, which is told beside it, or of today."""
    at = time.localtime(at_ms / 1000)
    beside = time.localtime(None if beside_ms is None else beside_ms / 1000)
    return time.strftime("%H:%M" if at[:3] == beside[:3] else "%a %Y-%m-%d %H:%M", at)
