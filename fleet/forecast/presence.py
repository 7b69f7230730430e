"""Whether a person is still here, or has gone away: a change point, inferred from a pause.

Somebody who is here pauses by habit. Now and then somebody goes away, and a pause begins of which their habits know
nothing: a holiday, another project, for good. When nothing was used for t,

    P(here | t) = r(t) / (r(t) + a(t))

where r(t) is how often a week this person's own pauses last longer than t, and a(t) how often somebody goes away and
stays away for longer:

    r(t) = (Σ wᵢ pᵢ K(t / gᵢ) + K(t / 0.4 weeks)) / (Σ of the weeks' w + 1 week),      K(x) = 1 / (1 + x⁴)
    a(t) = 0.05 B(t),      B(t) = 0.6 exp(−t / 0.7 weeks) + 0.4 exp(−t / 40 weeks)      for some days, or for long

gᵢ are the person's pauses of the last half year, those of 56 days ago counting half (w). K spreads each over longer and
shorter ones. pᵢ is the chance that pause i was a habit, by the same rule and the shorter pauses: one holiday does not
make the next one look usual. Once away, the chance to be back within d more is 1 − B(t + d) / B(t); and the next use
proves that the person is here. (A mixture of what may have happened, weighted by Bayes' rule: Fader, Hardie & Lee 2005
reckon thus which customers are still alive, Adams & MacKay 2007 where a series has changed.)

All lengths are in weeks of the person's own clock, which runs with the share of the week's use that their habits give
each hour: the weekend is no pause for who never works then, and nobody comes back at four in the morning.

The constants were chosen on half of the developers of `scripts/benchmarks/forecast`.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from fleet.forecast.distribution import LEVEL, LEVELS
from fleet.forecast.habits import Habits
from fleet.forecast.past import Past
from fleet.forecast.series import WEEK_H, Series

LEAVING = 0.05
"""How often a week somebody goes away."""

SOME_DAYS, SOME_WEEKS, LONG_WEEKS = 0.6, 0.7, 40.0
USUAL_WEEKS = 0.4
"""A pause that everybody makes now and then: one such, in one week, is added to what was observed."""

HALF_LIFE_H = 56 * 24
PAUSE_MIN_H = 12
"""By the clock: a shorter pause is a person's rest."""

LONGEST = 8
"""Of half a year's pauses only so many may have been absences."""

GRAIN = 0.5 / LEVELS
"""A smaller chance moves no quantile."""

SAME = 1e-9
"""Pauses that differ by less are of one length, whatever the last bits of the clock."""

_PART = 0.5
"""Of what a window would bring, the share that is left for who comes back within it, in the mean."""


@dataclass(frozen=True, slots=True, eq=False)
class Presence:
    """`here` is the chance that the person is here now. `pause` is how long nothing was used, in weeks of their clock.

    `edges` are begins and ends, in hours of the past, of the pauses that may have been absences, the present one among
    them; `gone` how many hours the person was away until each, as is to be expected.
    """

    here: float
    pause: float
    edges: NDArray[np.float64]
    gone: NDArray[np.float64]

    @classmethod
    def of(cls, past: Past, habits: Habits) -> Presence:
        begins, ends = past.used + 1, np.append(past.used[1:], past.hours)
        long = np.flatnonzero(ends - begins >= PAUSE_MIN_H)
        begins, ends = begins[long], ends[long]
        clock = habits.clock(past.hour_of_week[0] + np.concatenate([begins, ends]))
        pauses = clock[len(long) :] - clock[: len(long)]
        lasts = bool(len(long)) and bool(ends[-1] == past.hours)
        over = len(long) - lasts
        asked = (
            np.append(np.argsort(pauses[:over])[-LONGEST:], over) if lasts else np.argsort(pauses)[-LONGEST:]
        )
        chance = _habitual(past, pauses[:over], ends[:over], pauses[asked], asked, lasts)
        order = np.argsort(asked)
        away = (1.0 - chance)[order]
        begins, ends = begins[asked][order], ends[asked][order]
        edges = np.stack([begins, ends], axis=1).ravel().astype(np.float64)
        gone = np.repeat(np.cumsum(away * (ends - begins)), 2)
        gone[::2] -= away * (ends - begins)
        return cls(float(chance[-1]) if lasts else 1.0, float(pauses[-1]) if lasts else 0.0, edges, gone)

    def hours_here(self, places: NDArray[np.int64]) -> NDArray[np.float64]:
        """How many hours before each of these ascending places the person was here, as is to be expected."""
        if not len(self.edges):
            return places.astype(np.float64)
        return places - np.interp(places, self.edges, self.gone)

    def mixed(
        self, sums: NDArray[np.float64], until_begin: float, until_end: float
    ) -> tuple[NDArray[np.float64], float]:
        """Of the amounts at LEVEL of a window, if the person is here for all of it: what they are when they may be
        away, and the chance that they are here before its end. The window begins and ends so many weeks of their clock
        from now."""
        away = 1.0 - self.here
        if away < GRAIN:
            return sums, 1.0
        now, begin, end = _stay(self.pause + np.array([0.0, until_begin, until_end]))
        gone = away * end / now
        back = away * (begin - end) / now
        if back < GRAIN:
            return _with_nothing(sums, gone), 1.0 - gone
        amounts = np.concatenate([sums, sums * _PART])
        weights = np.repeat([1.0 - gone - back, back], LEVELS)
        order = np.argsort(amounts, kind="stable")
        reached = np.cumsum(weights[order])
        merged = amounts[order][np.searchsorted(reached, LEVEL * reached[-1])]
        return _with_nothing(merged, gone), 1.0 - gone


@lru_cache(maxsize=4)
def known_at(series: Series, now_ms: int) -> tuple[Past, Habits, Presence] | None:
    """What is known of a person at a moment, whatever window is asked for: kept for the next ones, as they come in
    numbers. None and ValueError as `Past.of` has them."""
    past = Past.of(series, now_ms)
    if past is None:
        return None
    habits = Habits.of(past)
    return past, habits, Presence.of(past, habits)


def _habitual(
    past: Past,
    pauses: NDArray[np.float64],
    ends: NDArray[np.int64],
    asked: NDArray[np.float64],
    places: NDArray[np.int64],
    lasts: bool,
) -> NDArray[np.float64]:
    """The chance that each pause `asked` for is a habit, by the pauses that are over; `places` is where those asked for
    stand among them."""
    weights = 0.5 ** ((past.hours - ends) / HALF_LIFE_H)
    alike = pauses / asked[:, None]
    alike *= alike
    alike *= alike
    alike /= 1.0 + alike
    alike *= weights
    longer = pauses >= asked[:, None] * (1.0 - SAME)
    longer[len(longer) - lasts :] = False
    alike[longer] = 0.0
    usual = 1.0 / (1.0 + (asked / USUAL_WEEKS) ** 4)
    weeks = HALF_LIFE_H / np.log(2) * (1.0 - 0.5 ** (past.hours / HALF_LIFE_H)) / WEEK_H
    left = LEAVING * _stay(asked)
    chance = np.ones(len(pauses) + 1)
    for _ in range(2):
        often = (alike @ chance[:-1] + usual) / (weeks + 1.0)
        habitual: NDArray[np.float64] = often / (often + left)
        chance[places] = habitual
    return habitual


def _stay(weeks: NDArray[np.float64]) -> NDArray[np.float64]:
    """The share of absences that last longer."""
    found: NDArray[np.float64] = SOME_DAYS * np.exp(-weeks / SOME_WEEKS) + (1.0 - SOME_DAYS) * np.exp(
        -weeks / LONG_WEEKS
    )
    return found


def _with_nothing(sums: NDArray[np.float64], chance: float) -> NDArray[np.float64]:
    """The amounts at LEVEL when, with this chance, there are none."""
    found: NDArray[np.float64] = np.interp((LEVEL - chance) / (1.0 - chance), LEVEL, sums)
    found[chance > LEVEL] = 0.0
    return found
