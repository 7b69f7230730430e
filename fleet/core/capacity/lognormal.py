"""The log-normal distribution of an amount whose logarithm has mean `mean` and standard deviation `deviation`:
its mean, its quantiles, and what is still to come when some of it has passed.

With M(z) = Φ(−z)/φ(z), Mills' ratio of the normal distribution, and a = (ln x − mean)/deviation, what is expected of an
amount that is known to exceed x is

    E[X | X > x] = e^(mean + deviation²/2) · Φ(deviation − a) / Φ(−a) = x · M(a − deviation) / M(a)

where the second form has nothing in it that vanishes in the tail.
"""

from __future__ import annotations

from functools import lru_cache
from math import erfc, exp, log, pi, sqrt
from statistics import NormalDist

_NORMAL = NormalDist()
_SURE = -8.0
"""Below so many deviations nothing has been learned from having got so far."""
_ROOT_2 = sqrt(2.0)
_ROOT_2_PI = sqrt(2.0 * pi)
_TAIL = 8.0
"""Above so many deviations the tail's asymptotic forms are exact to a thousandth."""


@lru_cache(maxsize=64)
def deviations(quantile: float) -> float:
    """The normal quantile: how many deviations above the mean."""
    return _NORMAL.inv_cdf(quantile)


def _mean_of(mean: float, deviation: float) -> float:
    return exp(mean + 0.5 * deviation * deviation)


def quantile_of(mean: float, deviation: float, quantile: float) -> float:
    return exp(mean + deviation * deviations(quantile))


def mean_left(mean: float, deviation: float, passed: float) -> float:
    """What is expected still of an amount of which `passed` has not been all."""
    if passed <= 0.0 or deviation <= 0.0:
        return max(_mean_of(mean, deviation) - max(passed, 0.0), 0.0)
    place = (log(passed) - mean) / deviation
    if place < _SURE:
        return _mean_of(mean, deviation) - passed
    return passed * max(_mills(place - deviation) / _mills(place) - 1.0, 0.0)


def quantile_left(mean: float, deviation: float, passed: float, quantile: float) -> float:
    """The quantile of what is still to come of an amount of which `passed` has not been all."""
    if passed <= 0.0 or deviation <= 0.0:
        return max(quantile_of(mean, deviation, quantile) - max(passed, 0.0), 0.0)
    place = (log(passed) - mean) / deviation
    if place < _SURE:
        return quantile_of(mean, deviation, quantile) - passed
    return max(exp(mean + deviation * _further(place, quantile)) - passed, 0.0)


def _further(place: float, quantile: float) -> float:
    """The quantile of a normal variate known to exceed `place`. In the tail Φ(−z) ~ φ(z)/z, so that the square grows by
    −2 ln(1 − quantile)."""
    if place > _TAIL:
        return sqrt(place * place - 2.0 * log(1.0 - quantile))
    return -_NORMAL.inv_cdf((1.0 - quantile) * 0.5 * erfc(place / sqrt(2.0)))


def _mills(z: float) -> float:
    """Mills' ratio; in the tail by Laplace's continued fraction (Abramowitz and Stegun 26.2.14)."""
    if z < 5.0:
        return 0.5 * erfc(z / _ROOT_2) * _ROOT_2_PI * exp(0.5 * z * z)
    fraction = z
    for n in range(12, 0, -1):
        fraction = z + n / fraction
    return 1.0 / fraction
