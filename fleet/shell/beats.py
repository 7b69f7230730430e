"""The coordinator's beat, and when prices and forecasts are made anew: on one, and soon after what they were made from
has changed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from fleet.core.model import Fleet

BEAT_S = 1.0


@dataclass
class Beat:
    """Knows what the last work was made for. It is due again after `every_s` seconds, and `apart_s` seconds after the
    last time if its `material` has changed: many things happen at once, and are worked on together. A fleet without
    `work` for it needs none."""

    every_s: float
    apart_s: float
    work: Callable[[Fleet], bool]
    material: Callable[[Fleet], tuple[Any, ...]]
    _done_s: float | None = field(default=None, init=False)
    _for: tuple[Any, ...] = field(default=(), init=False)

    def is_due(self, fleet: Fleet, now_s: float) -> bool:
        """`now_s` is of the monotonic clock."""
        if not self.work(fleet):
            return False
        if self._done_s is None:
            return True
        age_s = now_s - self._done_s
        return age_s >= self.every_s or (age_s >= self.apart_s and self._for != self.material(fleet))

    def done(self, fleet: Fleet, now_s: float) -> None:
        """Also when it was in vain: it is tried again at the next change, or with the next beat."""
        self._done_s, self._for = now_s, self.material(fleet)


def pricing() -> Beat:
    """Solves the planning problem. Prices fall as resets come nearer, also while nothing happens; a file of tasks or a
    reset is planned for at once."""
    return Beat(300.0, 5.0, lambda fleet: bool(fleet.queue and fleet.accounts), _what_prices_rest_on)


def forecasting() -> Beat:
    """Forecasts persons' own use. One who has just sat down is seen in the ledger, and the forecast of the next hours
    should know it; an account that is first used shows one bucket after the other. Without an account or a bucket
    there is nothing to keep."""
    return Beat(600.0, 30.0, _has_something_to_keep, _what_forecasts_rest_on)


def _what_prices_rest_on(fleet: Fleet) -> tuple[Any, ...]:
    """The work there is, who may do it, what is closed or kept."""
    closed = tuple((key, bucket.refused_until_ms) for key, bucket in sorted(fleet.buckets.items()))
    policy = (fleet.policy.strategy.name, fleet.policy.tiers)
    forecast = (fleet.policy.protect_by_forecast, fleet.protections and fleet.protections.at_ms)
    laid_down = (len(fleet.reservations), len(fleet.floors), len(fleet.limits), policy, forecast)
    asked = (fleet.tasks_made, sum(task.revisions for task in fleet.tasks.values()))
    return (asked, len(fleet.attempts), _states(fleet), closed, laid_down)


def _has_something_to_keep(fleet: Fleet) -> bool:
    return bool(fleet.accounts and fleet.buckets and fleet.policy.protect_by_forecast)


def _what_forecasts_rest_on(fleet: Fleet) -> tuple[Any, ...]:
    return (
        _states(fleet),
        tuple(sorted(fleet.buckets)),
        fleet.policy.strategy,
        fleet.policy.protect_by_forecast,
    )


def _states(fleet: Fleet) -> tuple[tuple[str, str], ...]:
    return tuple((name, account.state) for name, account in sorted(fleet.accounts.items()))
