"""How much of a bucket to protect for those whose use is worth more than what would take it now.

Littlewood's rule (1972), the newsvendor's: a cheap class is let in only as long as its value is at least that of the
dear one times the chance that the dear one will need the unit. So of the dear demand D the quantile is protected

    P(D > y) = v_cheap / v_dear,    y = F⁻¹(1 − v_cheap / v_dear)

EMSR-b (Belobaba 1992; Talluri & van Ryzin, The Theory and Practice of Revenue Management, 2.2.4) for several classes:
against class j + 1 the classes 1 … j are taken as one, with the sum of their demands and their mean value, weighted by
mean demand.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fleet.forecast.distribution import LEVEL, Forecast, quantile_of


@dataclass(frozen=True, slots=True, eq=False)
class Claim:
    """A class of use: what one unit is worth to it, and its demand as amounts equally likely, ascending, at LEVEL."""

    value: float
    demand: NDArray[np.float64]


def littlewood(demand: NDArray[np.float64], dear: float, cheap: float) -> float:
    """What to protect of the dear class's demand (amounts at LEVEL) against a class whose units are worth `cheap`.

    Nothing against one that is worth as much or more; infinity against one that is worth nothing.
    Raises ValueError for values that are negative, or where the dear one's is 0.
    """
    if dear <= 0 or cheap < 0:
        raise ValueError(
            f"values must be above 0, and at least 0 for the cheap class: not {dear} and {cheap}"
        )
    if cheap >= dear:
        return 0.0
    chance = 1 - cheap / dear
    return quantile_of(demand, chance) if chance < 1 else math.inf


def protection_levels(claims: Sequence[Claim]) -> list[float]:
    """By EMSR-b: for each class but the last, what to protect of it and all dearer ones against the next one.

    The claims in descending order of value, their demands taken as independent of one another; levels never fall from
    one class to the next. Raises ValueError for another order.
    """
    values = [claim.value for claim in claims]
    if values != sorted(values, reverse=True):
        raise ValueError(f"claims must come in descending order of value, not {values}")
    levels: list[float] = []
    for place in range(1, len(claims)):
        dearer = claims[:place]
        means = np.array([claim.demand.mean() for claim in dearer])
        value = float(means @ values[:place] / means.sum()) if means.sum() else values[0]
        level = littlewood(_sum_of([claim.demand for claim in dearer]), value, values[place])
        levels.append(max([level, *levels[-1:]]))
    return levels


def _sum_of(demands: Sequence[NDArray[np.float64]]) -> NDArray[np.float64]:
    """The distribution of a sum of independent demands, at LEVEL: every amount of one with every one of the other."""
    total = demands[0]
    for demand in demands[1:]:
        every = np.sort(np.add.outer(total, demand), axis=None)
        total = np.interp(LEVEL, (np.arange(len(every)) + 0.5) / len(every), every)
    return total


def protect_now(forecast: Forecast, capacity: float, person: float, batch: float, held: float = 1.0) -> float:
    """The share of a bucket (0–1) to keep now for what its person will still use before its reset.

    `forecast` reaches to the reset; `capacity` is the whole bucket in its unit (1 where the series counts shares);
    `person` and `batch` are what a unit is worth to the person and to the best batch task that waits. `held` is what
    was kept last, if nothing was used since: time that passes unused only releases.

    It never falls as the person's value rises, nor rises as the batch's does. Raises ValueError for a capacity that is
    not above 0, and for values that `littlewood` refuses.
    """
    if capacity <= 0:
        raise ValueError(f"a bucket's capacity must be above 0, not {capacity}")
    return min(littlewood(forecast.sums, person, batch) / capacity, held)
