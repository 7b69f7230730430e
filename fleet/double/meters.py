"""The windows of one account as they fill and reset, and how they are reported in headers.

Times are epoch seconds. Not locked: the owner serialises access.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from fleet.double.script import Step, Window

UNIFIED = "anthropic-ratelimit-unified-"

# The client (2.1.330) reads these windows by a short name; any other only as the representative claim.
SHORT_NAMES = {
    "five_hour": "5h",
    "seven_day": "7d",
    "seven_day_overage_included": "7d_oi",
}
WARNING_THRESHOLDS = {"five_hour": (0.9,)}
OTHER_WARNING_THRESHOLDS = (0.75, 0.9)


@dataclass
class Meter:
    """One window in motion. `used` is in the window's units; `resets_at` is None until its first use."""

    window: Window
    used: float
    resets_at: float | None

    @classmethod
    def at_start(cls, window: Window, now: float) -> Meter:
        begun = window.starts == "fixed" or window.utilization > 0 or window.resets_in_s is not None
        left_s = window.length_s if window.resets_in_s is None else window.resets_in_s
        return cls(window, window.utilization * window.capacity, now + left_s if begun else None)

    @property
    def name(self) -> str:
        return self.window.name

    @property
    def utilization(self) -> float:
        """The used part, 0 to 1."""
        return min(self.used / self.window.capacity, 1.0)

    @property
    def full(self) -> bool:
        # A sum of shares such as ten times 0.1 must count as the whole.
        return self.used >= self.window.capacity * (1 - 1e-9)

    @property
    def resets_at_header(self) -> int | None:
        """Whole epoch seconds, never before the reset itself: who waits for it finds the window open."""
        return None if self.resets_at is None else math.ceil(self.resets_at)

    @property
    def surpassed_threshold(self) -> float | None:
        thresholds = WARNING_THRESHOLDS.get(self.name, OTHER_WARNING_THRESHOLDS)
        passed = [threshold for threshold in thresholds if self.utilization >= threshold]
        return max(passed, default=None)

    @property
    def status(self) -> str:
        if self.full:
            return "rejected"
        return "allowed" if self.surpassed_threshold is None else "allowed_warning"

    def draws(self, model: str) -> bool:
        return self.window.models is None or any(part in model for part in self.window.models)

    def roll(self, now: float) -> None:
        """Empty the window if its reset has passed."""
        if self.resets_at is None or now < self.resets_at:
            return
        self.used = 0.0
        if self.window.starts == "first_use":
            self.resets_at = None
        else:
            missed = math.floor((now - self.resets_at) / self.window.length_s) + 1
            self.resets_at += missed * self.window.length_s

    def charge(self, step: Step, now: float) -> None:
        cost = self.window.cost_per_answer
        self.used += step.tokens_in + step.tokens_out if cost is None else cost
        if self.resets_at is None:
            self.resets_at = now + self.window.length_s


def representative(meters: Sequence[Meter]) -> Meter | None:
    """The window that limits most: of the full ones the last to reset, else the fullest."""
    full = [meter for meter in meters if meter.full]
    if full:
        return max(full, key=lambda meter: meter.resets_at or 0.0)
    return max(meters, key=lambda meter: meter.utilization, default=None)


def unified_headers(meters: Sequence[Meter], model: str) -> dict[str, str]:
    """A subscription's headers for an answer (or refusal) of `model`. See docs/client-facts.md."""
    drawn = [meter for meter in meters if meter.draws(model) and meter.resets_at is not None]
    claim = representative(drawn)
    refused = claim is not None and claim.full
    headers = {
        UNIFIED + "status": "rejected" if refused else "allowed",
        UNIFIED + "fallback-percentage": "0.5",
        UNIFIED + "overage-status": "rejected",
        UNIFIED + "overage-disabled-reason": "org_level_disabled",
    }
    if claim is not None:
        headers[UNIFIED + "representative-claim"] = claim.name
        headers[UNIFIED + "reset"] = str(claim.resets_at_header)
    for meter in drawn:
        headers.update(_window_headers(meter))
    return headers


def _window_headers(meter: Meter) -> dict[str, str]:
    prefix = UNIFIED + SHORT_NAMES.get(meter.name, meter.name)
    headers = {
        prefix + "-status": meter.status,
        prefix + "-reset": str(meter.resets_at_header),
        prefix + "-utilization": f"{meter.utilization:.4f}",
    }
    if meter.surpassed_threshold is not None:
        headers[prefix + "-surpassed-threshold"] = f"{meter.surpassed_threshold:g}"
    return headers


def api_key_headers(meters: Sequence[Meter], model: str, now: float) -> dict[str, str]:
    """An API key's headers: what remains of each window, with its reset in RFC 3339."""
    headers = {}
    for meter in meters:
        if not meter.draws(model):
            continue
        prefix = f"anthropic-ratelimit-{meter.name}"
        headers[prefix + "-limit"] = f"{meter.window.capacity:.0f}"
        headers[prefix + "-remaining"] = f"{max(meter.window.capacity - meter.used, 0):.0f}"
        headers[prefix + "-reset"] = _rfc3339(meter.resets_at_header or math.ceil(now))
    return headers


def usage_report(meters: Sequence[Meter]) -> dict[str, object]:
    """The body of `GET /api/oauth/usage`: utilization 0 to 100, resets in ISO 8601, null if not begun."""
    report: dict[str, object] = {}
    limits = []
    for meter in meters:
        resets_at = None if meter.resets_at_header is None else _rfc3339(meter.resets_at_header)
        percent = round(meter.utilization * 100, 2)
        report[meter.name] = {"utilization": percent, "resets_at": resets_at}
        scope = (
            None
            if meter.window.models is None
            else {"model": {"display_name": meter.window.models[0].title()}}
        )
        limits.append(
            {"kind": meter.name, "group": "weekly", "percent": percent, "resets_at": resets_at}
            | {"severity": "normal", "is_active": True, "scope": scope}
        )
    return {**report, "limits": limits}


def _rfc3339(epoch_s: float) -> str:
    return datetime.fromtimestamp(epoch_s, UTC).isoformat().replace("+00:00", "Z")
