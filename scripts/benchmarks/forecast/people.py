"""Persons made up, each with a year of use by the hour of their own clock: what no developer of the data may look like.

Amounts are log-normal, in thousands of tokens or so; everything is drawn from the person's own seed.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

DAYS = 364
Day = Callable[[Generator, int], NDArray[np.float64]]
"""The 24 hours of a day, by its number; day 0 is a Monday."""


def made_up() -> dict[str, NDArray[np.float64]]:
    """Hourly use of each person, from a Monday midnight on."""
    days: dict[str, Day] = {
        "evening hobbyist": _hobbyist,
        "full-time": _full_time,
        "shift worker": _shifts,
        "vacations": _vacations,
        "drifting": _drifting,
    }
    return {name: _year(day, seed) for seed, (name, day) in enumerate(days.items())}


def _year(day: Day, seed: int) -> NDArray[np.float64]:
    draw = np.random.default_rng(seed)
    return np.concatenate([day(draw, number) for number in range(DAYS)])


def _session(draw: Generator, begin: int, end: int, chance: float, scale: float) -> NDArray[np.float64]:
    """Hours of the day from begin to end, past midnight wrapped around, each used with a chance."""
    day = np.zeros(24)
    hours = np.arange(begin, end) % 24
    day[hours] = (draw.random(len(hours)) < chance) * draw.lognormal(0.0, 0.8, len(hours)) * scale
    return day


def _hobbyist(draw: Generator, day: int) -> NDArray[np.float64]:
    """Tuesdays and Thursdays from six to eleven, seldom another evening."""
    if draw.random() < (0.85 if day % 7 in (1, 3) else 0.12):
        return _session(draw, 18, 23, 0.75, 15.0)
    return np.zeros(24)


def _full_time(draw: Generator, day: int) -> NDArray[np.float64]:
    if day % 7 >= 5:
        return _session(draw, 10, 16, 0.3, 10.0) if draw.random() < 0.15 else np.zeros(24)
    if draw.random() < 0.08:
        return np.zeros(24)
    return _session(draw, 9, 18, 0.7, 30.0) * draw.lognormal(0.0, 0.4)


def _shifts(draw: Generator, day: int) -> NDArray[np.float64]:
    """Four days on, two off; early, late and night in turns."""
    turn, of_turn = divmod(day, 6)
    if of_turn >= 4:
        return np.zeros(24)
    begin = (6, 14, 22)[turn % 3]
    return _session(draw, begin, begin + 8, 0.5, 20.0)


def _vacations(draw: Generator, day: int) -> NDArray[np.float64]:
    """Full time, but for two to three weeks away every quarter of a year."""
    away = day % 91 >= 91 - (14, 21, 14, 10)[day // 91 % 4]
    worked = _full_time(draw, day)
    return np.zeros(24) if away else worked


def _drifting(draw: Generator, day: int) -> NDArray[np.float64]:
    """Use doubles every eight weeks, drops to a tenth in between, and moves from days to nights in the second half."""
    level = 2.0 ** (day / 56) * (0.1 if 120 <= day < 150 else 1.0)
    begin = 9 if day < DAYS // 2 else 20
    if draw.random() < 0.15:
        return np.zeros(24)
    return _session(draw, begin, begin + 7, 0.6, level)
