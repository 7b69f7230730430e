"""What persons lay down: projects, reservations, limits, floors, the strategy, the breaker."""

from __future__ import annotations

from fleet.core.draft import Draft
from fleet.core.events import (
    BreakerSet,
    FloorAdded,
    LimitAdded,
    LimitRemoved,
    ProjectSet,
    ReservationAdded,
    ReservationRemoved,
    StrategySet,
)


def project_set(draft: Draft, event: ProjectSet) -> None:
    """Not written yet."""


def reservation_added(draft: Draft, event: ReservationAdded) -> None:
    """Not written yet."""


def reservation_removed(draft: Draft, event: ReservationRemoved) -> None:
    """Not written yet."""


def limit_added(draft: Draft, event: LimitAdded) -> None:
    """Not written yet."""


def floor_added(draft: Draft, event: FloorAdded) -> None:
    """Not written yet."""


def limit_removed(draft: Draft, event: LimitRemoved) -> None:
    """Not written yet."""


def strategy_set(draft: Draft, event: StrategySet) -> None:
    """Not written yet."""


def breaker_set(draft: Draft, event: BreakerSet) -> None:
    """Not written yet."""
