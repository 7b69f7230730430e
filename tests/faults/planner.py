"""A planner that draws its prices, and a forecast that draws what persons will want: plausible ones and extreme ones,
whatever there is. The rules of the core must hold under any, so these need not be right."""

from __future__ import annotations

from random import Random

from fleet.core.model import Bucket, Fleet
from fleet.core.model.prices import Prices
from fleet.core.model.protection import Curve, Protection, Protections
from tests.faults.meters import HOUR_MS
from tests.faults.world import TIERS


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


def protections_for(fleet: Fleet, rng: Random, at_ms: int) -> Protections:
    """Of some of the buckets; it reaches for some hours, and leaves nothing kept after them."""
    return Protections(
        at_ms,
        {
            key: _protection(bucket, rng, at_ms)
            for key, bucket in sorted(fleet.buckets.items())
            if rng.random() < 0.5
        },
    )


def _protection(bucket: Bucket, rng: Random, at_ms: int) -> Protection:
    resets_ms = None if bucket.resets_ms is None or bucket.resets_ms <= at_ms else bucket.resets_ms
    present = () if resets_ms is None else _falling(rng, at_ms, resets_ms)
    fresh = tuple((at_ms + n * HOUR_MS, rng.choice([0.0, rng.random()])) for n in range(rng.randint(1, 24)))
    mean = present[0][1] / 2 if present else 0.0
    return Protection(resets_ms, present, fresh, mean=mean, sure=0.9, like=rng.uniform(1.0, 30.0))


def _falling(rng: Random, at_ms: int, resets_ms: int) -> Curve:
    highest = rng.choice([0.05, 0.3, 1.0])
    return tuple((at_ms + (resets_ms - at_ms) * n // 4, highest * (4 - n) / 4) for n in range(5))
