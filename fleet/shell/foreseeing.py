"""When persons' own use is forecast anew: on a beat, and after what changes what there is to forecast."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from fleet.core.model import Fleet

EVERY_S = 600.0
"""A person who has just sat down is seen in the ledger; the forecast of the next hours should know it."""

APART_S = 30.0
"""Accounts show one bucket after the other when they are first used: these are forecast together."""


@dataclass
class Foreseeing:
    """Knows what the last forecast was made for."""

    _made_s: float | None = None
    _for: tuple[Any, ...] = field(default_factory=tuple)

    def is_due(self, fleet: Fleet, now_s: float) -> bool:
        """Without an account or a bucket there is nothing to keep, and so nothing to forecast."""
        if not fleet.accounts or not fleet.buckets or not fleet.policy.foresee:
            return False
        if self._made_s is None:
            return True
        age_s = now_s - self._made_s
        return age_s >= EVERY_S or (age_s >= APART_S and self._for != _material(fleet))

    def foreseen(self, fleet: Fleet, now_s: float) -> None:
        """Also when it could not be made: that is tried again at the next change, or with the next beat."""
        self._made_s, self._for = now_s, _material(fleet)


def _material(fleet: Fleet) -> tuple[Any, ...]:
    states = tuple((name, account.state) for name, account in sorted(fleet.accounts.items()))
    return (states, tuple(sorted(fleet.buckets)), fleet.policy.strategy, fleet.policy.foresee)
