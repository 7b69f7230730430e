"""Simulations for the faces: a scenario's file or the home's own week in, a score and a picture out."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from fleet.errors import NotDone
from fleet.home import Home
from fleet.planning import NoPlan, plan
from fleet.service.own_week import OwnWeek, own_week
from fleet.service.own_week.basis import Basis
from fleet.simulate.cases import Case, draw
from fleet.simulate.clairvoyant import clairvoyant
from fleet.simulate.picture import picture as picture_of
from fleet.simulate.policies import POLICIES
from fleet.simulate.run import START_MS, Planner, run_case
from fleet.simulate.scenario import Scenario, read
from fleet.simulate.score import Score, score
from fleet.views.snapshot import snapshot

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


@dataclass(frozen=True, slots=True)
class Own:
    """A home's own week: as it is, and with the accounts `added`, None where none was asked for."""

    basis: Basis
    as_it_is: Simulated
    added: tuple[str, ...] = ()
    with_more: Simulated | None = None


def simulated(path: Path, policy: str, seed: int, *, picture: bool) -> Simulated:
    """Raises InvalidScenario, UnknownPolicy, or OSError when the file cannot be read."""
    _refuse_unknown(policy)
    return _run(read(path), policy, seed, picture=picture)


def simulated_own(
    home: Home,
    policy: str,
    seed: int,
    *,
    weeks: float,
    strategy: str | None,
    like: Sequence[str],
    picture: bool,
) -> Own:
    """What is random is the same with and without the further accounts. The picture is of the run with them. Reads the
    home, changes nothing in it. Raises UnknownPolicy, NotDone, StoreUnreadable."""
    _refuse_unknown(policy)
    week, more = _weeks(home, weeks, strategy, like)
    as_it_is = _run(week.scenario, policy, seed, picture=picture and not like)
    if not like:
        return Own(week.basis, as_it_is)
    added = tuple(account["name"] for account in more.said["accounts"][len(week.said["accounts"]) :])
    return Own(week.basis, as_it_is, added, _run(more.scenario, policy, seed, picture=picture))


def write_own(home: Home, path: Path, *, weeks: float, strategy: str | None, like: Sequence[str]) -> Basis:
    """Writes the home's own week down, to be edited and run. Raises NotDone, StoreUnreadable, OSError."""
    if path.suffix != ".json":
        raise NotDone(f"a scenario is written as JSON: name {path.with_suffix('.json')} instead of {path}")
    _, more = _weeks(home, weeks, strategy, like)
    path.write_text(json.dumps(more.said, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    return more.basis


def _weeks(home: Home, weeks: float, strategy: str | None, like: Sequence[str]) -> tuple[OwnWeek, OwnWeek]:
    """The home's own week, and the same with the further accounts."""
    fleet = snapshot(home)
    week = more = own_week(fleet, weeks=weeks, strategy=strategy)
    for name in like:
        more = more.with_one_more(name, fleet)
    return week, more


def _refuse_unknown(policy: str) -> None:
    if policy not in POLICIES:
        raise UnknownPolicy(f"there is no policy “{policy}”; there are: {', '.join(POLICIES)}")


def _run(scenario: Scenario, policy: str, seed: int, *, picture: bool) -> Simulated:
    case = draw(scenario, seed)
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
