"""How good forecasts are: rolling origins over every developer, against the peers.

Every fifth hour after eight weeks is an origin (so that all hours of the day are), as long as its window ends within
the developer's year. A forecast sees nothing that came later. The pinball loss of a quantile (Koenker & Bassett 1978;
Gneiting & Raftery 2007) is averaged over a developer's origins and divided by the developer's mean sum, so that each
counts alike; then over developers and quantiles.

Coverage: sums are whole numbers, often 0, so a quantile can't be exceeded with exactly its chance: at night the .9
quantile is 0, and is right always. As usual for such data the chance is taken from the randomised probability integral
transform (Smith 1985; Czado, Gneiting & Held 2009): where the sum equals amounts that the distribution holds with some
chance, this is covered in proportion. `at_most`, the plain share of sums at most the quantile, is told beside it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from benchmarks.forecast.developers import BURN_IN_H, Developer
from benchmarks.forecast.peers import Floats, Origin, Peer, hour_of_week, plain_kernel, seasonal_naive
from fleet.forecast import forecast

HORIZONS_H = (5, 24, 168)
QUANTILES = np.array([0.5, 0.8, 0.9, 0.95])
STEP_H = 5
PEERS: Mapping[str, Peer] = {
    "hour of week": hour_of_week,
    "plain kernel": plain_kernel,
    "seasonal naive": seasonal_naive,
}
Ask = Callable[[int], tuple[Floats, Floats]]


@dataclass(frozen=True, slots=True, eq=False)
class Score:
    """Of one method with one developer and horizon, by quantile: loss in the developer's mean sums, and shares."""

    loss: Floats
    covered: Floats
    at_most: Floats


def origins(developer: Developer, length_h: int, step_h: int = STEP_H) -> range:
    return range(BURN_IN_H, len(developer.use) - length_h + 1, step_h)


def scores(developer: Developer, length_h: int, step_h: int = STEP_H) -> dict[str, Score]:
    """Of ours and every peer."""
    total = np.concatenate([[0.0], np.cumsum(developer.use)])
    sums = total[length_h:] - total[:-length_h]
    found = {"ours": score(ours(developer, length_h), sums, origins(developer, length_h, step_h))}
    for name, peer in PEERS.items():

        def ask(at: int, peer: Peer = peer) -> tuple[Floats, Floats]:
            return peer(Origin(sums, at, developer.begin_h, length_h))

        found[name] = score(ask, sums, origins(developer, length_h, step_h))
    return found


def ours(developer: Developer, length_h: int) -> Ask:
    series = developer.series()

    def ask(at: int) -> tuple[Floats, Floats]:
        seen = forecast(series, developer.at_ms(at), developer.at_ms(at + length_h))
        if seen is None:
            return np.zeros(1), np.ones(1)
        return seen.sums, seen.weights

    return ask


def score(ask: Ask, sums: Floats, asked: Sequence[int]) -> Score:
    quantiles = np.empty((len(asked), len(QUANTILES)))
    covered = np.empty_like(quantiles)
    came = sums[asked]
    for row, at in enumerate(asked):
        amounts, reached = _in_order(*ask(at))
        quantiles[row] = _quantiles(amounts, reached)
        below, upto = _chances(amounts, reached, came[row])
        covered[row] = (
            np.clip((QUANTILES - below) / (upto - below), 0, 1) if upto > below else below < QUANTILES
        )
    return Score(
        loss_of(quantiles, came), covered.mean(axis=0), (came[:, None] <= quantiles + 1e-9).mean(axis=0)
    )


def loss_of(quantiles: Floats, came: Floats) -> Floats:
    """Mean pinball loss of each quantile (columns), in units of the mean of what came."""
    loss: Floats = _pinball(quantiles, came).mean(axis=0) / came.mean()
    return loss


def absolute_loss(ask: Ask, sums: Floats, asked: Sequence[int]) -> float:
    """The mean over moments and quantiles, in the unit of the sums: also where nothing came."""
    quantiles = np.array([_quantiles(*_in_order(*ask(at))) for at in asked])
    return float(_pinball(quantiles, sums[list(asked)]).mean())


def _pinball(quantiles: Floats, came: Floats) -> Floats:
    away = came[:, None] - quantiles
    found: Floats = np.maximum(QUANTILES * away, (QUANTILES - 1) * away)
    return found


def _in_order(amounts: Floats, weights: Floats) -> tuple[Floats, Floats]:
    order = np.argsort(amounts, kind="stable")
    reached = np.cumsum(weights[order])
    return amounts[order], reached / reached[-1]


def _quantiles(amounts: Floats, reached: Floats) -> Floats:
    found: Floats = amounts[np.minimum(np.searchsorted(reached, QUANTILES - 1e-12), len(amounts) - 1)]
    return found


def _chances(amounts: Floats, reached: Floats, came: float) -> tuple[float, float]:
    """Of less than what came, and of at most that."""
    cumulative = np.concatenate([[0.0], reached])
    left, right = np.searchsorted(amounts, [came - 1e-9, came + 1e-9])
    return float(cumulative[left]), float(cumulative[right])


def mean(found: Sequence[Score]) -> Score:
    return Score(
        np.mean([one.loss for one in found], axis=0),
        np.mean([one.covered for one in found], axis=0),
        np.mean([one.at_most for one in found], axis=0),
    )
