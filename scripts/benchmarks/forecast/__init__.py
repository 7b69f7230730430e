"""The forecast, measured on when real developers worked, and on persons made up: loss, coverage, time, and what
reservations by it cost and leave.

Every row of `halves` is told apart: constants were chosen by the development half alone.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from benchmarks.figure import Figure, Options
from benchmarks.forecast import absence, boosted, picture, replay, told
from benchmarks.forecast.accuracy import HORIZONS_H, STEP_H, Score, mean, scores
from benchmarks.forecast.developers import Developer, data_path, halves, load
from benchmarks.forecast.duration import time_of_one
from benchmarks.forecast.people import made_up

QUICK_STEP_H = 53


def measure(options: Options) -> list[Figure]:
    """FLEET_BENCH_ACTIVITY names other data; FLEET_BENCH_PICTURE a file to draw the replay's curve into."""
    everyone = load(data_path())
    if options.quick:
        everyone = everyone[:2]
    step_h = QUICK_STEP_H if options.quick else STEP_H
    development, held_out = halves(everyone)
    loss = _scores(everyone, step_h)
    figures = [
        *told.losses("all", loss, everyone),
        *told.losses("development half", loss, development),
        *told.losses("held-out half", loss, held_out),
        *told.losses("made up", *_of_made_up(step_h)),
        *absence.figures("development half", loss, development, step_h, judged=False),
        *absence.figures("held-out half", loss, held_out, step_h, judged=True),
        boosted.figure(loss, everyone, options),
        time_of_one(everyone, options),
    ]
    mine, theirs = replay.replay(everyone)
    path = os.environ.get("FLEET_BENCH_PICTURE")
    if path:
        Path(path).write_text(picture.draw(mine, theirs), encoding="utf-8")
    return [*figures, *told.policies(mine, theirs)]


def _of_made_up(step_h: int) -> tuple[told.Losses, list[Developer]]:
    monday_h = 4 * 24
    persons = [Developer(name, monday_h, use) for name, use in made_up().items()]
    return _scores(persons, step_h), persons


def _scores(everyone: Sequence[Developer], step_h: int) -> told.Losses:
    return {(one.name, length): scores(one, length, step_h) for one in everyone for length in HORIZONS_H}


__all__ = ["Score", "mean", "measure"]
