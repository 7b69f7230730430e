"""When the planning problem is solved anew: after what changes it, and on a beat."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from fleet.core.model import Fleet

EVERY_S = 300.0
"""Prices fall as resets come nearer, also while nothing happens."""

APART_S = 5.0
"""Many things happen at once (a file of tasks, a reset): they are planned for together."""


@dataclass
class Pricing:
    """Knows what the last solution was made for."""

    _solved_s: float | None = None
    _for: tuple[Any, ...] = field(default_factory=tuple)

    def is_due(self, fleet: Fleet, now_s: float) -> bool:
        """Whether it is time to solve it again. A fleet with nothing to place needs no prices."""
        if not fleet.queue or not fleet.accounts:
            return False
        if self._solved_s is None:
            return True
        age_s = now_s - self._solved_s
        return age_s >= EVERY_S or (age_s >= APART_S and self._for != _material(fleet))

    def solved(self, fleet: Fleet, now_s: float) -> None:
        """Also when it could not be solved: that is tried again at the next change."""
        self._solved_s, self._for = now_s, _material(fleet)


def _material(fleet: Fleet) -> tuple[Any, ...]:
    """What changes the problem enough to solve it at once: the work there is, who may do it, what is closed or kept."""
    closed = tuple((key, bucket.refused_until_ms) for key, bucket in sorted(fleet.buckets.items()))
    states = tuple((name, account.state) for name, account in sorted(fleet.accounts.items()))
    policy = (fleet.policy.strategy.name, fleet.policy.tiers)
    foresight = (fleet.policy.foresee, fleet.foresight and fleet.foresight.at_ms)
    laid_down = (len(fleet.reservations), len(fleet.floors), len(fleet.limits), policy, foresight)
    return (fleet.tasks_made, len(fleet.attempts), states, closed, laid_down)
