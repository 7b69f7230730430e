"""All runs of scenarios, in a pool of processes."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass

from benchmarks.dispatch.scenarios import Setting, closely
from benchmarks.dispatch.variants import VARIANTS
from fleet import streams
from fleet.service.own_week.run import planner_of
from fleet.simulate.clairvoyant import clairvoyant
from fleet.simulate.policies import POLICIES
from fleet.simulate.run import run_case
from fleet.simulate.score import Score, score

OURS = "fleet"
PEERS = tuple(name for name in POLICIES if name != OURS)
TELL_EVERY = 25
"""Runs between two words about how far it is."""
HOURS = 168
FINE_S = 600.0


@dataclass(frozen=True, slots=True)
class Wanted:
    setting: Setting
    policy: str = OURS
    variant: str = "as drawn"
    finely: bool = False


@dataclass(frozen=True, slots=True)
class Outcome:
    """`fine_bound`: the bound with periods of an hour, of scenarios that are looked at closely."""

    wanted: Wanted
    score: Score
    fine_bound: float | None

    @property
    def share(self) -> float:
        """Of the clairvoyant bound."""
        assert self.score.bound_share is not None
        return self.score.bound_share

    @property
    def name(self) -> str:
        return self.wanted.setting.name


class Outcomes:
    """What came of all runs, in the order they were wanted in."""

    def __init__(self, found: Sequence[Outcome]) -> None:
        self.found = found

    def of(self, policy: str = OURS, variant: str = "as drawn", family: str | None = None) -> list[Outcome]:
        """In the order of families and seeds."""
        return [
            one
            for one in self.found
            if (one.wanted.policy, one.wanted.variant) == (policy, variant)
            and family in (None, one.wanted.setting.family)
        ]


def wanted_of(settings: Sequence[Setting]) -> list[Wanted]:
    """Those that take longest first, so that none is left alone at the end."""
    return [
        *(Wanted(setting, variant="divided") for setting in closely(settings)),
        *(Wanted(setting, variant="expected") for setting in closely(settings)),
        *(Wanted(setting, finely=setting in closely(settings)) for setting in settings),
        *(Wanted(setting, variant="unreserved") for setting in settings if setting.shape.persons),
        *(Wanted(setting, policy) for setting in settings for policy in PEERS),
    ]


def run_all(wanted: Sequence[Wanted]) -> Outcomes:
    """Processes are spawned: a fork would take over the solver's threads half-alive."""
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(os.cpu_count(), mp_context=context) as pool:
        running = [pool.submit(run, one) for one in wanted]
        for n, _ in enumerate(as_completed(running), start=1):
            if n % TELL_EVERY == 0:
                streams.err().write(f"bench: {n} of {len(wanted)} runs\n")
        return Outcomes([one.result() for one in running])


def run(wanted: Wanted) -> Outcome:
    case = VARIANTS[wanted.variant](wanted.setting.case())
    planner = planner_of(case) if wanted.policy == OURS else None
    record = run_case(case, POLICIES[wanted.policy](), policy=wanted.policy, planner=planner)
    fine = clairvoyant(case, periods=HOURS, time_limit_s=FINE_S) if wanted.finely else None
    return Outcome(wanted, score(record, clairvoyant(case)), fine)
