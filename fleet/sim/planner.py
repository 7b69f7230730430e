"""A planner that draws its prices: plausible ones and extreme ones, whatever the work there is. The rules of the core
must hold under any prices, so these need not be right."""

from __future__ import annotations

from random import Random

from fleet.core.model import Fleet
from fleet.core.prices import Prices
from fleet.sim.meters import HOUR_MS
from fleet.sim.world import TIERS


def prices_for(fleet: Fleet, rng: Random, at_ms: int) -> Prices:
    """Prices of every bucket, place and later period, and of what waiting tasks would give for those they wait for."""
    scale = 10.0 ** rng.uniform(-2.0, 3.0)
    edges = tuple(at_ms + n * rng.choice([1, 6, 24]) * HOUR_MS for n in range(1, rng.randint(1, 6)))
    edges = tuple(sorted(set(edges)))
    unit = scale * 1e-6
    return Prices(
        at_ms=at_ms,
        source="programme",
        buckets={key: rng.choice([0.0, scale * rng.random()]) for key in sorted(fleet.buckets)},
        slots={name: rng.choice([0.0, scale * rng.random()]) for name in sorted(fleet.accounts)},
        hosts=rng.choice([0.0, scale * rng.random()]),
        edges=edges,
        later={tier: tuple(rng.choice([0.0, unit * rng.random()]) for _ in edges) for tier in TIERS},
        places={tier: tuple(rng.choice([0.0, scale * rng.random()]) for _ in edges) for tier in TIERS},
        unlocks={
            parent: scale * rng.random()
            for task in sorted(fleet.tasks.values(), key=lambda t: t.number)
            if task.state == "waiting"
            for parent in task.after
        },
    )
