"""What a task is worth to those that wait for it.

A task that others wait for is worth, besides its own value, what they are worth beyond their cost once it has landed:

    unlocks(t) = Σ over the tasks w that wait for t of max(0, net(w) + unlocks(w)) / |what w still waits for|

with net(w) = value × chance − work × price − hours × place in the period in which w can begin, less what age makes of
it: t's own age will multiply it again, and along a chain the ages would else add up. It is worked out from
the last of a chain to the first, with the prices of the programme; the programme in turn counts it as the worth of t,
so both are worked out again when it has changed much (a fixed point in prices, approached from plan to plan).
"""

from __future__ import annotations

from collections import defaultdict

from fleet.core.capacity.worth import aged, worth_now
from fleet.core.model import Fleet, Task
from fleet.core.model.prices import Prices
from fleet.planning.allowed import Allowed
from fleet.planning.needs import Needs
from fleet.planning.periods import HOUR_MS


def unlocks_of(fleet: Fleet, prices: Prices) -> dict[str, float]:
    """By id, of the tasks that others wait for."""
    waiting = [task for task in fleet.tasks.values() if task.state == "waiting"]
    if not waiting:
        return {}
    needs = Needs(fleet, Allowed(fleet))
    found: dict[str, float] = defaultdict(float)
    for task in _last_first(waiting):
        open_ones = [t for t in task.after if not fleet.tasks[t].releases]
        if any(fleet.tasks[t].state in ("failed", "cancelled") for t in open_ones):
            continue
        gain = _net(fleet, task, needs, prices) / aged(task, fleet.now_ms) + found.get(task.id, 0.0)
        for parent in open_ones:
            found[parent] += max(0.0, gain) / len(open_ones)
    return dict(sorted(found.items()))


def _last_first(waiting: list[Task]) -> list[Task]:
    """Those that nobody waits for before those they wait for."""
    by_id = {task.id: task for task in waiting}
    order: list[Task] = []
    seen: set[str] = set()
    for first in sorted(by_id):
        stack = [(first, False)]
        while stack:
            name, done = stack.pop()
            if done:
                order.append(by_id[name])
            elif name not in seen:
                seen.add(name)
                stack.append((name, True))
                stack.extend((t, False) for t in by_id[name].after if t in by_id and t not in seen)
    return order[::-1]


def _net(fleet: Fleet, task: Task, needs: Needs, prices: Prices) -> float:
    """With the tier that leaves most, at the prices of the next period."""
    size = task.work.size
    best, age = 0.0, aged(task, fleet.now_ms)
    for need in needs.of(task):
        if not prices.later.get(need.tier):
            continue
        worth = worth_now(task, fleet.now_ms, need.hours * size * HOUR_MS)
        cost = need.work * prices.later[need.tier][0] + need.hours * prices.places[need.tier][0]
        best = max(best, (worth - task.unlocks * age) * need.chance - size * cost)
    return best
