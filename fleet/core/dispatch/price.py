"""The order among feasible placements. A later rule prices capacity here; this one ranks it."""

from __future__ import annotations

from fleet.core import headroom
from fleet.core.dispatch.room import Room
from fleet.core.model import Account

MERIT = {"subscription": 0, "local": 0, "api-key": 1}
"""What is already paid for runs first; a key that bills by the token runs when nothing else can."""


def headroom_left(room: Room, account: Account, tier: str) -> float:
    """Headroom of the account for `tier` after what its running workers are taken to need still."""
    known = room.headroom_of(account, tier)
    free = headroom.UNKNOWN_HEADROOM if known is None else known
    return free - room.workers_on(account) * headroom.WORKER_COMMITMENT


def order(room: Room, tiers: tuple[str, ...], account: Account, tier: str) -> tuple[object, ...]:
    """Sort key, best first: the tier that was named first, then merit, then headroom, then the name (a total
    order)."""
    left = headroom_left(room, account, tier)
    return (tiers.index(tier), MERIT[account.kind], -left, account.name)
