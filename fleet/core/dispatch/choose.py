"""One round of dispatch: the placements to make now, in the order of the queue."""

from __future__ import annotations

from collections.abc import Iterator

from fleet.core.dispatch import price
from fleet.core.dispatch.feasible import (
    Placement,
    Refusal,
    any_account_gives,
    backs_off_until,
    held_back,
    refusal,
)
from fleet.core.dispatch.room import Room
from fleet.core.model import Account, Fleet, Task

Class = tuple[tuple[str, ...], str | None]
"""Queued tasks that agree in this have the same feasible placements: allowed tiers, and the account their
session is on."""


def choose(fleet: Fleet) -> Iterator[Placement]:
    """Yields the placements to make now, best task first.

    Ends as soon as no account gives to anybody. Linear in the queue at worst, and each task that cannot be placed
    costs one look-up: tasks of a class for which nothing was feasible are passed over, because room only shrinks
    during a round.
    """
    if fleet.draining or not fleet.queue:
        return
    room = Room(fleet)
    host = room.host_for_one_more()
    hopeless: set[Class] = set()
    if not any_account_gives(fleet, room):
        return
    tasks = fleet.tasks
    for rank in fleet.queue:
        if host is None:
            return
        task = tasks[rank[3]]
        kind: Class = (task.spec.tiers, task.session_account if task.session_id else None)
        if kind in hopeless or held_back(fleet, task) or backs_off_until(fleet, task) is not None:
            continue
        best = _best(fleet, room, task, host.name)
        if best is None:
            hopeless.add(kind)
            continue
        room.take(best.account, host.name)
        yield best
        if room.account_is_full(fleet.accounts[best.account]) and not any_account_gives(fleet, room):
            return
        host = room.host_for_one_more()


def _best(fleet: Fleet, room: Room, task: Task, host: str) -> Placement | None:
    tiers = task.spec.tiers
    feasible: list[tuple[Account, str]] = []
    refused: list[Refusal] = []
    for account in fleet.accounts.values():
        for tier in tiers if account.state != "removed" else ():
            against = refusal(fleet, room, task, account, tier)
            if against is None:
                feasible.append((account, tier))
            else:
                refused.append(against)
    if not feasible:
        return None
    account, tier = min(feasible, key=lambda pair: price.order(room, tiers, *pair))
    return Placement(task.id, account.name, tier, host, tuple(refused))
