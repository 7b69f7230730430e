"""The figures: losses as ratios, coverage, and where the replay's curve lies."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from benchmarks.figure import Figure
from benchmarks.forecast.accuracy import HORIZONS_H, PEERS, QUANTILES, Score, mean
from benchmarks.forecast.developers import Developer
from benchmarks.forecast.replay import SCALES, Points, above

Losses = Mapping[tuple[str, int], Mapping[str, Score]]
"""By developer and horizon, of each method."""

TARGETS = {"plain kernel": 0.95, "hour of week": 0.85, "seasonal naive": None}
COVERED = {0.9: 2, 0.95: 3}
"""Quantiles with a target, and their place."""

OFF_MAX = 2.0
NAMED = (
    "no reservation",
    "thresholds 20% by day, 80% by night of both buckets",
    "thresholds 20% by day, 80% by night of five hours",
    "daily share × 75%, reserve 10%",
)


def losses(group: str, found: Losses, of: Sequence[Developer]) -> list[Figure]:
    """Targets hold for all developers and for the held-out half; other groups are told."""
    judged = group in ("all", "held-out half")
    by_length = {
        length: {name: mean([found[one.name, length][name] for one in of]) for name in ("ours", *PEERS)}
        for length in HORIZONS_H
        if of
    }
    figures = []
    for peer, target in TARGETS.items():
        for length, score in by_length.items():
            ratio = score["ours"].loss.mean() / score[peer].loss.mean()
            figures.append(
                Figure(
                    f"{group}, {length} h: loss / {peer}'s",
                    round(float(ratio), 3),
                    target if judged else None,
                    detail=_by_quantile(score["ours"], score[peer]) if group == "all" else {},
                )
            )
    return [
        *figures,
        *(_coverage(group, length, score["ours"], judged) for length, score in by_length.items()),
    ]


def _by_quantile(ours: Score, peer: Score) -> dict[str, object]:
    return {
        f".{quantile * 100:.0f}": f"{mine:.3f} / {theirs:.3f}, covered {covered:.1%} / {peers:.1%}"
        for quantile, mine, theirs, covered, peers in zip(
            QUANTILES, ours.loss, peer.loss, ours.covered, peer.covered, strict=True
        )
    }


def _coverage(group: str, length: int, ours: Score, judged: bool) -> Figure:
    off = {quantile: 100 * (float(ours.covered[place]) - quantile) for quantile, place in COVERED.items()}
    detail = {
        f".{quantile * 100:.0f}": f"covered {ours.covered[place]:.1%}, at most the quantile {ours.at_most[place]:.1%}"
        for quantile, place in COVERED.items()
    }
    worst = round(max(abs(points) for points in off.values()), 2)
    return Figure(
        f"{group}, {length} h: coverage of .9, .95 off by",
        worst,
        OFF_MAX if judged else None,
        "points",
        detail,
    )


def policies(mine: Points, theirs: Points) -> list[Figure]:
    gains = above(mine, theirs)
    least, scale, name = gains[0]
    # Where both take everything the difference is that of the last bits.
    figures = [
        Figure(
            "policy replay: least harvested above a rival",
            round(100 * least, 2) + 0.0,
            0.0,
            "points",
            {"rival": f"{name}, week of {scale:g} mean weeks", "rivals": len(gains)},
            more_is_better=True,
        )
    ]
    for row, scale in enumerate(SCALES):
        here = {name: gain for gain, of, name in gains if of == scale}
        detail: dict[str, object] = {
            name: f"blocks {theirs.blocked[row, at]:.1%}, harvests {theirs.harvested[row, at]:.1%};"
            f" ours as much blocked {theirs.harvested[row, at] + here[name]:.1%}"
            for at, name in enumerate(theirs.names)
            if name in NAMED
        }
        for ratio_at in range(0, len(mine.names), 4):
            detail[mine.names[ratio_at]] = (
                f"blocks {mine.blocked[row, ratio_at]:.1%}, harvests {mine.harvested[row, ratio_at]:.1%}"
            )
        figures.append(
            Figure(
                f"… week of {scale:g} mean weeks: above the rivals, median",
                round(100 * float(np.median(list(here.values()))), 1),
                None,
                "points",
                detail,
            )
        )
    return figures
