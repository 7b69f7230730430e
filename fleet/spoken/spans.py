"""Spans of time as people write them, `45m`, `5h`, `2d`, `1d12h`, and as they are said."""

from __future__ import annotations

import re

MINUTE_MS = 60_000
HOUR_MS = 60 * MINUTE_MS
DAY_MS = 24 * HOUR_MS
WEEK_MS = 7 * DAY_MS

SPAN_MS_MAX = 10_000 * 365 * DAY_MS
"""No calendar goes further."""

_UNITS = {"s": 1_000, "m": MINUTE_MS, "h": HOUR_MS, "d": DAY_MS, "w": WEEK_MS}
_PART = re.compile(r"(\d+(?:\.\d+)?)([smhdw])")


class UnknownSpan(ValueError):
    """The text is no span of time."""


def whole_seconds(ms: int) -> int:
    """To the next second, at least one: as fine as a moment need be written."""
    return max(-(-ms // 1000), 1) * 1000


def span_text(ms: int) -> str:
    """A span of whole milliseconds as a person would write it; `span_ms` reads it as the same."""
    if ms == 0:
        return "0s"
    text, rest = "", ms
    for unit in ("d", "h", "m"):
        count, rest = divmod(rest, _UNITS[unit])
        text += f"{count}{unit}" if count else ""
    return text + (f"{rest / 1000:g}s" if rest else "")


def span_ms(said: object) -> int:
    """Milliseconds of `said`: text as above, or a whole number, which is milliseconds already. Raises UnknownSpan."""
    if isinstance(said, int) and not isinstance(said, bool):
        return said
    if isinstance(said, str):
        text = "".join(said.split()).lower()
        parts = _PART.findall(text)
        if parts and "".join(number + unit for number, unit in parts) == text:
            ms = sum(float(number) * _UNITS[unit] for number, unit in parts)
            if ms > SPAN_MS_MAX:
                raise UnknownSpan("is longer than any span of time can be")
            return round(ms)
    raise UnknownSpan("must be a span of time such as 45m, 5h or 1d12h")


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
