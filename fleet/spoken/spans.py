"""Spans of time as people write them: `45m`, `5h`, `2d`, `1d12h`."""

from __future__ import annotations

import re

MINUTE_MS = 60_000
HOUR_MS = 60 * MINUTE_MS
DAY_MS = 24 * HOUR_MS
WEEK_MS = 7 * DAY_MS

_UNITS = {"s": 1_000, "m": MINUTE_MS, "h": HOUR_MS, "d": DAY_MS, "w": WEEK_MS}
_PART = re.compile(r"(\d+(?:\.\d+)?)([smhdw])")


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
    """Milliseconds of `said`: text as above, or a whole number, which is milliseconds already. Raises ValueError."""
    if isinstance(said, int) and not isinstance(said, bool):
        return said
    if isinstance(said, str):
        text = said.replace(" ", "")
        parts = _PART.findall(text)
        if parts and "".join(number + unit for number, unit in parts) == text:
            return round(sum(float(number) * _UNITS[unit] for number, unit in parts))
    raise ValueError("must be a span of time such as 45m, 5h or 1d12h (or whole milliseconds)")
