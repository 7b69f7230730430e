"""Times as people write them: `2h`, `18:30`, `2026-11-30`, `2026-11-30T18:30`."""

from __future__ import annotations

import re
from datetime import datetime, timedelta

_SPAN = re.compile(r"\+?(\d+(?:\.\d+)?)\s*(s|m|h|d|w)", re.IGNORECASE)
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_CLOCK = re.compile(r"(\d{1,2}):(\d{2})")


class UnknownTime(ValueError):
    """The text is no time."""


def parse_when(text: str, now: datetime) -> int:
    """Epoch milliseconds. `now` is aware; a time without a zone is in that of `now`. Raises UnknownTime."""
    span = _SPAN.fullmatch(text.strip())
    if span:
        try:
            return _ms(now + _span(span))
        except OverflowError:
            raise UnknownTime(f"{text!r} is further away than any calendar goes") from None
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


def parse_span_s(text: str) -> float:
    """Seconds of `90s`, `15m`, `2h`, `1d`. Raises UnknownTime."""
    span = _SPAN.fullmatch(text.strip())
    if span is None:
        raise UnknownTime(f"{text!r} is no span of time: write 90s, 15m, 2h or 1d")
    try:
        return _span(span).total_seconds()
    except OverflowError:
        raise UnknownTime(f"{text!r} is longer than any span of time can be") from None


def local_time(ms: int) -> str:
    """In the person's own zone: the time of day, with the date when that is not today."""
    at = datetime.fromtimestamp(ms / 1000).astimezone()
    today = datetime.now().astimezone().date()
    return at.strftime("%H:%M:%S" if at.date() == today else "%a %Y-%m-%d %H:%M")


def _span(found: re.Match[str]) -> timedelta:
    """Raises OverflowError."""
    return timedelta(**{_UNITS[found[2].lower()]: float(found[1])})


def _ms(at: datetime) -> int:
    return int(at.timestamp() * 1000)
