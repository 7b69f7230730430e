"""What is kept for persons because they are expected to come, not because they said so.

Outside, their own use of each bucket is forecast from the usage history; what arrives here is how much of it to keep
(`Protection`), as functions of time, so that it falls as time passes unused also between two forecasts. How much that
is, is Littlewood's rule (`fleet.forecast.protection`): keep so much that the person's demand exceeds it with the
probability value of a batch task's unit / value of the person's unit, here `1 / strategy.person`.

A forecast and a reservation speak of the same person: of the two the larger is kept, not both
(`fleet.core.capacity.reserved`).
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass, field

JITTER_MS = 120_000
"""Resets read at different times differ by some seconds."""

Curve = tuple[tuple[int, float], ...]
"""(time, share) in the order of time, with straight lines between; nothing before the first and after the last."""


@dataclass(frozen=True, slots=True)
class Protection:
    """What one bucket keeps, in shares of it.

    `present` is of the window that ends at `resets_ms` (None: none was running): what is kept at each time until then.
    `fresh`: what a window that begins at a time keeps at its beginning. `mean` is what the person is expected to use of
    the present window still, `sure` the probability with which what is kept is enough, `like` how many comparable
    windows of the past the forecast rests on.
    """

    resets_ms: int | None
    present: Curve
    fresh: Curve
    mean: float
    sure: float
    like: float

    def at(self, at_ms: int, begins_ms: int, ends_ms: int) -> float:
        """Share (0 to 1) that is kept at a time in the window from `begins_ms` to `ends_ms`."""
        if self.resets_ms is not None and abs(ends_ms - self.resets_ms) <= JITTER_MS:
            return _on(self.present, at_ms)
        left = (ends_ms - at_ms) / (ends_ms - begins_ms) if ends_ms > begins_ms else 0.0
        return _on(self.fresh, max(begins_ms, self.fresh[0][0] if self.fresh else 0)) * min(
            max(left, 0.0), 1.0
        )


@dataclass(frozen=True, slots=True)
class Protections:
    """`by_bucket`: by bucket key. A bucket that is missing is one about whose person too little is known."""

    at_ms: int
    by_bucket: Mapping[str, Protection] = field(default_factory=dict)


def _on(curve: Curve, at_ms: int) -> float:
    n = bisect_right(curve, at_ms, key=lambda point: point[0])
    if n == 0 or n == len(curve):
        return curve[-1][1] if n and curve[-1][0] == at_ms else 0.0
    (from_ms, first), (to_ms, second) = curve[n - 1], curve[n]
    return first + (second - first) * (at_ms - from_ms) / (to_ms - from_ms)
