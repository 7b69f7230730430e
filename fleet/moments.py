"""Moments as they are shown: ISO 8601 in UTC. Standard library only: `fleet status` imports it."""

from __future__ import annotations

import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any


def iso(at_ms: int | None) -> str | None:
    """Epoch milliseconds as ISO 8601 in UTC. None stays None, as does a time that no calendar has."""
    if at_ms is None:
        return None
    try:
        seconds = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(at_ms // 1000))
    except (OverflowError, ValueError, OSError):
        return None
    return f"{seconds}.{int(at_ms) % 1000:03d}Z"


def with_moments(data: Mapping[str, Any]) -> dict[str, Any]:
    """Values of a note (`fleet.core.notes`) as they are shown: `until_at_ms` as `until_at`, a moment."""
    return dict(_shown(name, value) for name, value in data.items())


def _shown(name: str, value: Any) -> tuple[str, Any]:
    return (name[: -len("_ms")], iso(value)) if name.endswith("_at_ms") else (name, value)
