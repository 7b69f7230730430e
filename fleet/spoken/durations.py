"""How long something lasts, as a person says it."""

from __future__ import annotations

MINUTE_MS = 60_000


def lasted(ms: int) -> str:
    """How long something has been so: under two minutes in seconds, then as `in_words`."""
    return f"{max(ms, 0) // 1000} s" if ms < 2 * MINUTE_MS else in_words(ms)


def in_words(ms: int) -> str:
    """In whole minutes, rounded up: nobody comes too early who waits so long."""
    minutes = -(-max(ms, 0) // MINUTE_MS)
    if minutes < 60:
        return f"{minutes} min"
    hours, rest = divmod(minutes, 60)
    return f"{hours} h {rest} min" if hours < 48 else f"{hours // 24} d {hours % 24} h"
