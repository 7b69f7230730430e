"""Persons who have gone away: the developers of the data, cut off after eight weeks, and sent on holidays.

`stopped`: nothing after the eighth week, for 36 weeks, and then two hours of use: so what is still expected of who does
not come counts, and a mean that is not nothing is there to divide by. `holiday`: nothing for one to four weeks, put in
after a use; measured from its begin to two weeks after its end. What is kept is the quantile at 0.95 of what a window
brings, the newsvendor's with the strategy `after-hours`.

Simple rules: those of `peers`, and that nothing is ever used, whose loss is the mean of the quantiles in units of what
came.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from benchmarks.figure import Figure
from benchmarks.forecast.accuracy import HORIZONS_H, PEERS, QUANTILES, Score, absolute_loss, ours
from benchmarks.forecast.developers import BURN_IN_H, Developer
from benchmarks.forecast.peers import Floats, Origin, Peer
from fleet.forecast import forecast

WEEK_H = 168
GONE_H = 36 * WEEK_H
HOLIDAYS_WEEKS = (1, 2, 3, 4)
AFTER_DAYS = (3, 7, 14, 28)
WORST_MAX = 1.5
NOTHING = float(QUANTILES.mean())

Losses = Mapping[tuple[str, int], Mapping[str, Score]]


def figures(group: str, found: Losses, of: Sequence[Developer], step_h: int, *, judged: bool) -> list[Figure]:
    """`found` are the scores of these developers as they were."""
    if not of:
        return []
    stopped = [_stopped(one) for one in of]
    return [
        _worst(
            f"{group}: worst person's", {one.name: _as_they_were(found, one) for one in of}, judged=judged
        ),
        _worst(
            f"{group}, stopped: worst person's", {one.name: _once_stopped(one, step_h) for one in stopped}
        ),
        *(_kept(group, length, stopped, judged=judged) for length in (5, WEEK_H)),
        *(_holiday(group, weeks, of, step_h) for weeks in HOLIDAYS_WEEKS),
    ]


def _worst(name: str, ratios: Mapping[str, float], *, judged: bool = False) -> Figure:
    """A person's ratio is that of the losses' means over the horizons, ours by the best rule's."""
    ordered = sorted(ratios, key=lambda name: -ratios[name])
    detail: dict[str, object] = {name: round(ratios[name], 2) for name in ordered}
    target = WORST_MAX if judged else None
    return Figure(f"{name} loss / best simple rule's", round(ratios[ordered[0]], 2), target, detail=detail)


def _as_they_were(found: Losses, one: Developer) -> float:
    def loss(method: str) -> float:
        return float(np.mean([found[one.name, length][method].loss.mean() for length in HORIZONS_H]))

    return loss("ours") / min(NOTHING, *(loss(peer) for peer in PEERS))


def _once_stopped(one: Developer, step_h: int) -> float:
    """Moments just before the use at the end are always asked: each step has to hold it once."""
    losses = [
        _losses(
            one, length, sorted({*range(BURN_IN_H, len(one.use) - length + 1, step_h), len(one.use) - length})
        )
        for length in HORIZONS_H
    ]
    means = {name: float(np.mean([found[name] for found in losses])) for name in losses[0]}
    return means.pop("ours") / min(means.values())


def _losses(one: Developer, length_h: int, asked: Sequence[int]) -> dict[str, float]:
    """In the developer's usual sums: also where nothing came."""
    total = np.concatenate([[0.0], np.cumsum(one.use)])
    sums = total[length_h:] - total[:-length_h]
    usual = float(one.use.mean()) * length_h
    found = {"ours": absolute_loss(ours(one, length_h), sums, asked) / usual}
    for name, peer in PEERS.items():

        def ask(at: int, peer: Peer = peer) -> tuple[Floats, Floats]:
            return peer(Origin(sums, at, one.begin_h, length_h))

        found[name] = absolute_loss(ask, sums, asked) / usual
    found["nothing"] = NOTHING * float(sums[list(asked)].mean()) / usual
    return found


def _stopped(one: Developer) -> Developer:
    use = np.concatenate([one.use[:BURN_IN_H], np.zeros(GONE_H)])
    use[-2:] = one.use[one.use > 0].mean()
    return Developer(one.name, one.begin_h, use)


def _away(one: Developer, weeks: int) -> tuple[Developer, int]:
    """The developer with a holiday put in after a use, some weeks after the burn-in; and its first hour."""
    begins = int(np.flatnonzero(one.use[: BURN_IN_H + 4 * weeks * WEEK_H])[-1]) + 1
    use = np.concatenate([one.use[:begins], np.zeros(weeks * WEEK_H), one.use[begins:]])
    return Developer(one.name, one.begin_h, use), begins


def _kept(group: str, length_h: int, stopped: Sequence[Developer], *, judged: bool) -> Figure:
    """What is kept so many days after the last use, by what was kept at the same hours of the week before it."""
    shares = {}
    for days in AFTER_DAYS:
        after = before = 0.0
        for one in stopped:
            last = int(np.flatnonzero(one.use[:BURN_IN_H])[-1]) + 1
            unit = one.use[:BURN_IN_H].mean()
            hours = range(last + days * 24 - 12, last + days * 24 + 12, 3)
            after += sum(_quantile(one, at, length_h) for at in hours) / unit
            before += sum(_quantile(one, at - -(-days // 7) * WEEK_H, length_h) for at in hours) / unit
        shares[days] = after / before
    name = f"{group}, stopped: kept of {length_h} h two weeks later, by what was kept"
    detail: dict[str, object] = {f"after {days} days": f"{share:.1%}" for days, share in shares.items()}
    return Figure(name, round(shares[14], 3), 0.1 if judged and length_h == 5 else None, detail=detail)


def _quantile(one: Developer, at: int, length_h: int) -> float:
    found = forecast(one.series(), one.at_ms(at), one.at_ms(at + length_h))
    return 0.0 if found is None else found.quantile(0.95)


def _holiday(group: str, weeks: int, of: Sequence[Developer], step_h: int) -> Figure:
    """Ours by the rule that does best for all of them together."""
    losses = []
    for one in of:
        away, begins = _away(one, weeks)
        for length_h in HORIZONS_H:
            ends = min(begins + (weeks + 2) * WEEK_H, len(away.use) - length_h)
            losses.append(_losses(away, length_h, range(begins, ends, min(step_h, 13))))
    means = {name: float(np.mean([found[name] for found in losses])) for name in losses[0]}
    mine = means.pop("ours")
    detail: dict[str, object] = {name: round(mine / loss, 3) for name, loss in means.items()}
    ratio = round(mine / min(means.values()), 3)
    return Figure(f"{group}, {weeks} weeks away: loss / best simple rule's", ratio, None, detail=detail)
