"""Lanes at rest: what they offer holds from round to round, so that nobody looks at them until something stirs them.

Sessions stay on their account. So what a lane of sessions offers changes only when that account's pool is touched, when
the lane or one of its tasks changes, or when the moment has come that the offer carries.

Lanes without sessions that may have the same placements are a *group*: for each tier they look at the same account
first. When that is another one, or was touched, each still has the same tier to offer as long as the largest of them
fits there.

All that lanes at rest offer grows by the same factor as time passes, and in a group it is divided by the same rates. So
their order stays: the best of them is found without looking at the others.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterable
from dataclasses import dataclass, field
from heapq import heappop, heappush
from math import inf, log2
from typing import TYPE_CHECKING

from fleet.core.capacity.costs import Expected
from fleet.core.model import AGE_DOUBLES_MS, Account

if TYPE_CHECKING:
    from fleet.core.dispatch.remembered import LookedAt, Seen

DOUBLINGS_MAX = 1_000.0
"""A clock that was put right by decades makes nothing infinite."""

WORK_MIN = 1e-300
"""Nothing is divided by less."""

Order = tuple[float, int, str]
"""The logarithm of what an offer is worth, less the age of the time it was reckoned at; then the task."""

Alike = tuple[object, ...]
"""What lanes of a group agree in."""

Line = tuple[Alike, str] | None
"""The lanes of a group whose offers are of one tier; None: lanes of sessions."""


@dataclass(slots=True)
class Head:
    """What a lane has to offer until `until_ms`: a kept offer, or None: nothing. Of a lane whose sessions stay on
    `account`, or of one of the group `alike`. `rooted`: whether there is a place for it depends on the host that has
    its work, which is asked each time."""

    account: Account | None
    kept: LookedAt | None
    until_ms: float = inf
    rooted: bool = False
    alike: Alike | None = None

    @property
    def line(self) -> Line:
        return None if self.alike is None or self.kept is None else (self.alike, self.kept.tier)


@dataclass(slots=True)
class Group:
    """`seen`: for each tier the account that is tried first, which are `firsts`; `most`: the most that any of its lanes
    needs with each tier, in the least time. `is_open`: whether there is a place for them in this round. `is_unsure`:
    whether their needs have changed since it was looked whether they fit."""

    seen: Seen
    firsts: dict[str, Account]
    most: dict[str, Expected] = field(default_factory=dict)
    lanes: set[str] = field(default_factory=set)
    is_open: bool = True
    is_unsure: bool = False

    def needs(self, tier: str, need: Expected) -> None:
        """One of its lanes needs that."""
        most = self.most.get(tier, need)
        self.most[tier] = Expected(
            max(most.work, need.work), max(most.high, need.high), min(most.ms, need.ms), most.chance
        )


class Resting:
    """Of the lanes of one queue. Whoever makes it looks at all lanes first."""

    def __init__(self, lanes: Iterable[str]) -> None:
        self.awake = set(lanes)
        """Those that have to be looked at in each round."""
        self.rooted: set[str] = set()
        """Those at rest whose host has to be asked in each round."""
        self.heads: dict[str, Head] = {}
        self.groups: dict[Alike, Group] = {}
        self._of_pool: dict[str, set[str]] = {}
        self._order: dict[Line, list[tuple[Order, str]]] = {}
        self._places: dict[str, Order] = {}
        self._moments: list[tuple[float, str]] = []

    def rest(self, lane: str, head: Head) -> None:
        """The group of the lane is there."""
        self._leave(lane)
        self.heads[lane] = head
        self.awake.discard(lane)
        if head.alike is not None:
            self.groups[head.alike].lanes.add(lane)
        elif head.account is not None:
            self._of_pool.setdefault(head.account.pool, set()).add(lane)
        if head.until_ms < inf:
            heappush(self._moments, (head.until_ms, lane))
        if head.rooted:
            self.rooted.add(lane)
        elif head.kept is not None:
            place = self._places[lane] = _order(head.kept, head.line)
            insort(self._order.setdefault(head.line, []), (place, lane))

    def stir(self, lane: str) -> None:
        """It is looked at in the next round."""
        self._leave(lane)
        self.awake.add(lane)

    def forget(self, lane: str) -> None:
        """There is no such lane any more."""
        self._leave(lane)
        self.awake.discard(lane)

    def touch(self, pool: str) -> None:
        for lane in list(self._of_pool.get(pool, ())):
            self.stir(lane)

    def on(self, pool: str) -> set[str]:
        """Those whose sessions stay on an account of the pool."""
        return self._of_pool.get(pool, set())

    def replace(self, lane: str) -> None:
        """What it offers is worth something else than it was."""
        head, place = self.heads[lane], self._places.get(lane)
        if head.kept is not None and place is not None:
            order = self._order[head.line]
            del order[bisect_left(order, (place, lane))]
            place = self._places[lane] = _order(head.kept, head.line)
            insort(order, (place, lane))

    def dissolve(self, alike: Alike) -> None:
        """Each lane of the group has to be looked at."""
        for lane in list(self.groups[alike].lanes):
            self.stir(lane)
        del self.groups[alike]

    def follow(self, now_ms: int) -> None:
        """Stirs those whose moment has come."""
        while self._moments and self._moments[0][0] <= now_ms:
            _, lane = heappop(self._moments)
            head = self.heads.get(lane)
            if head is not None and head.until_ms <= now_ms:
                self.stir(lane)

    def stir_all(self) -> None:
        for lane in list(self.heads):
            self.stir(lane)

    def in_order(self) -> dict[Line, list[tuple[Order, str]]]:
        """The lanes whose offers need no further look, the most for its size first."""
        return {line: list(some) for line, some in self._order.items()}

    def _leave(self, lane: str) -> None:
        head = self.heads.pop(lane, None)
        if head is None:
            return
        if head.alike is not None:
            self.groups[head.alike].lanes.discard(lane)
        elif head.account is not None:
            self._of_pool[head.account.pool].discard(lane)
        self.rooted.discard(lane)
        place = self._places.pop(lane, None)
        if place is not None:
            order = self._order[head.line]
            del order[bisect_left(order, (place, lane))]
            if not order:
                del self._order[head.line]


def _order(kept: LookedAt, line: Line) -> Order:
    """By what it is worth for its share of the tightest bucket; in a group for its work, as rates are the same."""
    worth = kept.density if line is None else kept.gross / max(kept.work, WORK_MIN)
    logarithm = log2(worth) if worth > 0.0 else -inf
    return kept.at_ms / AGE_DOUBLES_MS - logarithm, kept.task.number, kept.task.id


def at_most(order: Order, now_ms: int) -> float:
    """What an offer that was reckoned earlier is worth at most now, but for rounding."""
    return float(2.0 ** min(now_ms / AGE_DOUBLES_MS - order[0], DOUBLINGS_MAX))
