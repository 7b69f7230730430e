"""Times as people write them: `2h`, `18:30`, `2026-11-30`, `2026-11-30T18:30`."""

from __future__ import annotations

import re
from datetime import datetime, timedelta

from fleet.spoken.spans import UnknownSpan, span_ms

_CLOCK = re.compile(r"(\d{1,2}):(\d{2})")


class UnknownTime(ValueError):
    """The text is no time."""


def parse_when(text: str, now: datetime) -> int:
    """Epoch milliseconds. `now` is aware; a time without a zone is in that of `now`. Raises UnknownTime."""
    try:
        return _ms(now + timedelta(milliseconds=span_ms(text.strip().removeprefix("+"))))
    except OverflowError:
        raise UnknownTime(f"{text!r} is further away than any calendar goes") from None
    except UnknownSpan:
        return _moment_ms(text, now)


def _moment_ms(text: str, now: datetime) -> int:
    """Of a time of day, the next one; or of a date."""
    clock = _CLOCK.fullmatch(text.strip())
    try:
        if clock:
            at = now.replace(hour=int(clock[1]), minute=int(clock[2]), second=0, microsecond=0)
            return _ms(at if at > now else at + timedelta(days=1))
        at = datetime.fromisoformat(text.strip())
    except ValueError:
        raise UnknownTime(
            f"{text!r} is no time: write a span (90m, 2h, 3d), a time of day (18:30), or a date (2026-11-30T18:30)"
        ) from None
    return _ms(at if at.tzinfo else at.replace(tzinfo=now.tzinfo))


def _ms(at: datetime) -> int:
    return int(at.timestamp() * 1000)
