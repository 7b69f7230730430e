"""A year of each developer again, with automation that always has work: what it costs the person, what it harvests.

The person's demand is an hour's commits. Two buckets bound what the person and automation use together: one of five
hours and one of a week, each reset on time. Every hour automation takes first, at once all that its policy leaves, then
the person comes; what finds no capacity is blocked and lost. The week holds so many times the person's mean week
(SCALES) and the five hours an eighth of the week. Demand is known whether or not it was served.

Blocked is the share of the person's demand that finds no capacity, beyond what would find none without automation;
harvested the share of the weeks' capacity, unused without automation, that automation made use of: what it took less
what the person would have had of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from benchmarks.forecast.developers import BURN_IN_H, Developer
from benchmarks.forecast.policies import FIVE_H, WEEK_H, Policies, ours, rivals

SCALES = (1.5, 3.0, 6.0)
FIVE_OF_WEEK = 1 / 8


@dataclass(frozen=True, slots=True, eq=False)
class Points:
    """Blocked and harvested of each policy: rows are SCALES, columns policies; both are shares."""

    names: tuple[str, ...]
    blocked: NDArray[np.float64]
    harvested: NDArray[np.float64]


def replay(everyone: Sequence[Developer]) -> tuple[Points, Points]:
    """Ours and the rivals': means over the developers."""
    found = [(run(one, ours(one, BURN_IN_H)), run(one, rivals(one))) for one in everyone]
    return mean([mine for mine, _ in found]), mean([theirs for _, theirs in found])


def mean(points: Sequence[Points]) -> Points:
    blocked = np.mean([one.blocked for one in points], axis=0)
    return Points(points[0].names, blocked, np.mean([one.harvested for one in points], axis=0))


def run(developer: Developer, policies: Policies) -> Points:
    demand = developer.use[BURN_IN_H:]
    weeks = len(demand) // WEEK_H
    demand = demand[: weeks * WEEK_H]
    week = np.array(SCALES)[:, None] * demand.sum() / weeks
    alone, _ = _simulate(demand, week, None, developer.begin_h)
    served, taken = _simulate(demand, week, policies, developer.begin_h)
    displaced = alone - served
    return Points(policies.names, displaced / demand.sum(), (taken - displaced) / (weeks * week - alone))


def _simulate(
    demand: NDArray[np.float64], week: NDArray[np.float64], policies: Policies | None, begin_h: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """What the person was served and automation took, by scale and policy; without policies nothing is taken."""
    columns = 1 if policies is None else len(policies.names)
    five = week * FIVE_OF_WEEK
    left_five, left_week, today, served, taken = (np.zeros((len(week), columns)) for _ in range(5))
    for hour, wanted in enumerate(demand):
        if hour % FIVE_H == 0:
            left_five[:] = five
        if hour % WEEK_H == 0:
            left_week[:] = week
        if policies is not None:
            if (begin_h + hour) % 24 == 0 or hour == 0:
                today = _daily_share(policies, week, left_week)
            free = np.minimum(
                left_five - _kept(policies.five, policies.five_share, hour + BURN_IN_H, five),
                left_week - _kept(policies.week, policies.week_share, hour + BURN_IN_H, week),
            )
            takes = np.maximum(np.minimum(free, today), 0.0)
            today, taken = today - takes, taken + takes
            left_five, left_week = left_five - takes, left_week - takes
        if wanted:
            gets = np.minimum(np.minimum(left_five, left_week), wanted)
            served = served + gets
            left_five, left_week = left_five - gets, left_week - gets
    return served, taken


def _kept(
    amounts: NDArray[np.float64], shares: NDArray[np.float64], hour: int, bucket: NDArray[np.float64]
) -> NDArray[np.float64]:
    amount, share = amounts[hour % len(amounts)], shares[hour % len(shares)]
    kept: NDArray[np.float64] = amount + share * bucket
    return kept


def _daily_share(
    policies: Policies, week: NDArray[np.float64], left: NDArray[np.float64]
) -> NDArray[np.float64]:
    """A seventh of the week × the share of it that is left × 75 %, less a reserve that is a share of the seventh."""
    share: NDArray[np.float64] = (
        week / 7 * (policies.daily * np.maximum(left / week, 1e-9) - policies.reserve)
    )
    return np.maximum(share, 0.0)


def above(mine: Points, theirs: Points) -> list[tuple[float, float, str]]:
    """For each scale and rival: ours harvested at the same blocked rate less the rival's; with the scale and its name.

    Between two ratios of ours lies what switching between them gives; below the least that ours blocked lies what it
    gives to keep everything now and then, so that the curve begins at nothing blocked and nothing harvested.
    """
    found = []
    for row, scale in enumerate(SCALES):
        order = np.argsort(mine.blocked[row])
        blocked = np.concatenate([[0.0], mine.blocked[row][order]])
        harvested = np.maximum.accumulate(np.concatenate([[0.0], mine.harvested[row][order]]))
        at_same = np.interp(theirs.blocked[row], blocked, harvested)
        found += [
            (float(gain), scale, name)
            for gain, name in zip(at_same - theirs.harvested[row], theirs.names, strict=True)
        ]
    return sorted(found)
