"""What a `rate_limit_event` says about an account's windows: an open set, in the units of this program."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

_EARLIEST_S = 978_307_200
"""2001-01-01. What lies outside 2001–2100 is no reset time, whatever the unit."""
_LATEST_S = 4_102_444_800


@dataclass(frozen=True, slots=True)
class WindowReading:
    """One window as the client saw it. None means that it was not said, never that it is empty."""

    name: str
    utilization: float | None = None
    """0 is empty, 1 is full; above 1 is possible."""
    resets_at_ms: int | None = None
    """Epoch milliseconds."""
    status: str | None = None
    """`allowed`, `allowed_warning`, `rejected`, or a newer word."""


@dataclass(frozen=True, slots=True)
class Windows:
    """The windows named in one event. Older clients name only the representative one: merge, never drop the
    others.

    The client names `five_hour` and `seven_day` with every change and any other window only while it is the
    representative one, so a model's own week is seen when it warns or refuses (docs/client-facts.md,
    "windows").
    """

    status: str
    representative: str | None
    """The window that decides. None when the API gave none: then a refusal is not about the account's
    quota.
    """
    resets_at_ms: int | None
    windows: tuple[WindowReading, ...]
    using_overage: bool = False

    @property
    def refused_by(self) -> WindowReading | None:
        """The window whose limit refused the request, if that is what happened."""
        if self.status != "rejected" or self.representative is None:
            return None
        return next(window for window in self.windows if window.name == self.representative)


def read_windows(info: Mapping[str, Any]) -> Windows:
    """Merge the event's top level, which is about the representative window, into the windows it lists."""
    status = _word(info.get("status")) or ""
    name = _word(info.get("rateLimitType"))
    top = WindowReading(
        name or "", _utilization(info.get("utilization")), reset_ms(info.get("resetsAt")), status
    )
    listed = info.get("unifiedWindows")
    found = {
        key: _reading(key, value)
        for key, value in (listed.items() if isinstance(listed, dict) else ())
        if key and isinstance(value, dict)
    }
    if name:
        found[name] = _merge(found.get(name), top)
    return Windows(status, name, top.resets_at_ms, tuple(found.values()), info.get("isUsingOverage") is True)


def _reading(name: str, value: Mapping[str, Any]) -> WindowReading:
    return WindowReading(
        name,
        _utilization(value.get("utilization")),
        reset_ms(value.get("resetsAt")),
        _word(value.get("status")),
    )


def _merge(listed: WindowReading | None, top: WindowReading) -> WindowReading:
    if listed is None:
        return top
    refused = top.status == "rejected" or listed.status is None
    return WindowReading(
        top.name,
        listed.utilization if listed.utilization is not None else top.utilization,
        listed.resets_at_ms if listed.resets_at_ms is not None else top.resets_at_ms,
        top.status if refused else listed.status,
    )


def _utilization(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    # Ten times full is already absurd; the comparison is false for NaN, too.
    return float(value) if 0 <= value <= 10 else None


def reset_ms(value: object) -> int | None:
    """When a window resets, in epoch milliseconds: of epoch seconds, as the stream gives them, of ISO 8601, as the
    usage endpoint does, or of milliseconds. None for anything else, and outside 2001–2100.
    """
    if isinstance(value, str):
        return _iso_ms(value)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    if _EARLIEST_S <= value <= _LATEST_S:
        return int(value * 1000)
    return int(value) if _EARLIEST_S * 1000 <= value <= _LATEST_S * 1000 else None


def _iso_ms(text: str) -> int | None:
    try:
        parsed = datetime.fromisoformat(text)
        aware = parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)
        seconds = aware.timestamp()
    except (ValueError, OverflowError):
        return None
    return int(seconds * 1000) if _EARLIEST_S <= seconds <= _LATEST_S else None


def _word(value: object) -> str | None:
    return value if isinstance(value, str) and value else None
