"""Simulations for the faces: a scenario's file, a policy's name and a seed in, a score and a picture out."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path

from fleet.planning import NoPlan, plan
from fleet.simulate.cases import Case, draw
from fleet.simulate.clairvoyant import clairvoyant
from fleet.simulate.picture import picture as picture_of
from fleet.simulate.policies import POLICIES
from fleet.simulate.run import START_MS, Planner, run_case
from fleet.simulate.scenario import read
from fleet.simulate.score import Score, score

PLANNING_S = 60.0
"""Far more than planning takes: what a run comes to must not depend on how busy the machine is."""


class UnknownPolicy(Exception):
    """There is no policy of that name; the message lists those there are."""


@dataclass(frozen=True, slots=True)
class Simulated:
    """`notice`: what could not be worked out, and what to do about it. `picture`: SVG, empty when not asked for."""

    score: Score
    notice: str
    picture: str


def simulated(path: Path, policy: str, seed: int, *, picture: bool) -> Simulated:
    """Raises InvalidScenario, UnknownPolicy, or OSError when the file cannot be read."""
    if policy not in POLICIES:
        raise UnknownPolicy(f"there is no policy “{policy}”; there are: {', '.join(POLICIES)}")
    case = draw(read(path), seed)
    bound, notice = _bound(case)
    planner = planner_of(case) if policy == "fleet" and bound is not None else None
    record = run_case(case, POLICIES[policy](), policy=policy, planner=planner)
    result = score(record, bound)
    return Simulated(result, notice, picture_of(record, result) if picture else "")


def planner_of(case: Case) -> Planner:
    """Plans to the scenario's end, because nothing after it is counted."""
    return partial(plan, time_limit_s=PLANNING_S, until_ms=START_MS + case.scenario.horizon)


def _bound(case: Case) -> tuple[float | None, str]:
    try:
        return clairvoyant(case), ""
    except NoPlan as missing:
        return None, f"without a bound and without prices: {missing}"
