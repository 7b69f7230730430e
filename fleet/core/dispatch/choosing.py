"""The placements to make now, the best first.

Each lane of the queue makes an offer (`round`); among the lanes the offer with the highest density is taken, its
capacity and place are gone, and the next is looked for, until nothing acceptable is left.
"""

from __future__ import annotations

from collections.abc import Iterator
from heapq import heappop, heappush

from fleet.core.dispatch.feasible import Placement, any_account_gives
from fleet.core.dispatch.remembered import LookedAt, Remembered
from fleet.core.dispatch.round import Found, Round, Waiting
from fleet.core.dispatch.slots import Slots
from fleet.core.model import Fleet


def choose(fleet: Fleet) -> Iterator[Placement]:
    """Yields the placements to make now, best first."""
    return Chooser()(fleet)


class Chooser:
    """`choose`, for one who asks again and again as a fleet goes on: what was worked out is kept for what has not
    changed (`fleet.core.dispatch.remembered`). The placements are the same."""

    def __init__(self, at_once: int | None = None) -> None:
        """`at_once`: so many placements a round at most, so that other events may come in between; the next round goes
        on from there."""
        self._memory: Remembered | None = None
        self._at_once = at_once
        self.left_off = False
        """Whether the last round had made as many as it may: there may be more to make."""

    def __call__(self, fleet: Fleet) -> Iterator[Placement]:
        self.left_off = False
        if fleet.draining or not fleet.queue or fleet.policy.breaker:
            return iter(())
        if self._memory is None:
            self._memory = Remembered(fleet, Slots(fleet))
        else:
            self._memory.follow(fleet)
        chosen = _chosen(fleet, self._memory)
        return chosen if self._at_once is None else self._slice(chosen, self._at_once)

    def _slice(self, chosen: Iterator[Placement], at_once: int) -> Iterator[Placement]:
        for number, placement in enumerate(chosen, start=1):
            yield placement
            if number == at_once:
                self.left_off = True
                return


def _chosen(fleet: Fleet, remembered: Remembered) -> Iterator[Placement]:
    slots = remembered.slots
    if slots.hosts_are_full() or not any_account_gives(fleet, slots):
        return
    dispatch = Round(fleet, slots, remembered)
    offers: list[Waiting] = []
    lanes, resting = dispatch.lanes(), dispatch.resting()
    for lane in lanes:
        _push(offers, lane, dispatch.first_of(lane))
    best = next(resting, None)
    while offers or best is not None:
        if best is not None and (not offers or best < offers[0]):
            heappush(offers, best)
            best = next(resting, None)
        _, lane, found = heappop(offers)
        if isinstance(found, LookedAt):
            _push(offers, lane, dispatch.of_now(found))
            continue
        offer = found
        host = slots.host_for(offer.task, offer.account)
        if host is None or not dispatch.still_good(offer):
            _push(offers, lane, dispatch.best_of(lane))
            continue
        refused = dispatch.refusals.of(offer.task)
        dispatch.take(offer, host.name)
        yield Placement(offer.task.id, offer.account.name, offer.quote.tier, host.name, refused, offer.quote)
        if slots.hosts_are_full() or not any_account_gives(fleet, slots):
            return
        _push(offers, lane, dispatch.best_of(lane))


def _push(offers: list[Waiting], lane: str, found: Found | None) -> None:
    if found is not None:
        rank, offer = found
        heappush(offers, ((-rank, offer.task.number, offer.task.id), lane, offer))
