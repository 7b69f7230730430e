"""How something grows with the number of tasks."""

from __future__ import annotations

import math
from collections.abc import Sequence


def exponent(lengths: Sequence[int], sizes: Sequence[float]) -> float:
    """The slope of log(size) over log(length), by least squares: 1 is linear."""
    xs, ys = [math.log(n) for n in lengths], [math.log(size) for size in sizes]
    mean_x, mean_y = sum(xs) / len(xs), sum(ys) / len(ys)
    over = sum((x - mean_x) * (y - mean_y) for x, y in zip(xs, ys, strict=True))
    return over / sum((x - mean_x) ** 2 for x in xs)
