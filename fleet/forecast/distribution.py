"""A distribution of what will be used, and how much is known about it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Knowledge = Literal["little", "some", "enough"]

LEVELS = 200
LEVEL = (np.arange(LEVELS) + 0.5) / LEVELS
"""The chances at whose quantiles a distribution is kept: the middles of equal shares."""

TAIL = 10
"""So many of the largest amounts tell how the tail goes on: those above the quantile at 0.95."""


def quantile_of(sums: NDArray[np.float64], chance: float) -> float:
    """Of amounts at LEVEL: between the levels linear, beyond the last with an exponential tail,

        q(u) = q(u_last) + s ln((1 − u_last) / (1 − u)),   s the mean excess of the TAIL largest over the next smaller

    (of a tail that is exponential the mean excess is the scale: Embrechts, Klüppelberg & Mikosch 1997, 3.4).
    Raises ValueError unless 0 ≤ chance < 1: what is never exceeded is not known.
    """
    if not 0 <= chance < 1:
        raise ValueError(f"a chance to ask with lies between 0 and 1, not at {chance}")
    if chance <= LEVEL[-1]:
        return float(np.interp(chance, LEVEL, sums))
    excess = float(sums[-TAIL:].mean() - sums[-TAIL - 1])
    return float(sums[-1]) + excess * math.log((1 - float(LEVEL[-1])) / (1 - chance))


@dataclass(frozen=True, slots=True, eq=False)
class Forecast:
    """The distribution of a sum: what is used from `from_ms` to `until_ms`.

    `sums` are LEVELS equally likely amounts, ascending, each the quantile in the middle of its share of the chances.
    `chance_of_use` is that of any use at all. `effective` is the number of past windows, not overlapping one another,
    that the distribution rests on besides what holds for everybody; `days` is how long the person has been observed;
    `here` is the chance that they have not gone away.
    """

    from_ms: int
    until_ms: int
    sums: NDArray[np.float64]
    chance_of_use: float
    effective: float
    days: float
    here: float

    @property
    def mean(self) -> float:
        return float(self.sums.mean())

    @property
    def weights(self) -> NDArray[np.float64]:
        """Those of `sums`: all alike."""
        return np.full(LEVELS, 1 / LEVELS)

    @property
    def known(self) -> Knowledge:
        """`little` below two weeks of observation or three windows; `enough` from eight weeks and eight windows on."""
        if self.days < 14 or self.effective < 3:
            return "little"
        return "enough" if self.days >= 56 and self.effective >= 8 else "some"

    def quantile(self, chance: float) -> float:
        """The amount that is not exceeded with this chance, as `quantile_of` has it."""
        return quantile_of(self.sums, chance)

    def exceeds(self, amount: float) -> float:
        """The chance that more than this amount is used."""
        return float((LEVELS - np.searchsorted(self.sums, amount, side="right")) / LEVELS)
