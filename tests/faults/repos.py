"""Repositories as far as the fleet can tell: targets with what has landed on them, and what branches began with."""

from __future__ import annotations

from dataclasses import dataclass, field
from random import Random

from fleet.core.events import LandingOutcome
from tests.faults.rates import Rates
from tests.faults.safety import Violation

Lane = tuple[str, str]
REPOS = ("/r1", "/r2")


@dataclass
class Repos:
    rng: Random
    targets: dict[Lane, list[str]] = field(default_factory=dict)
    checked_out: set[Lane] = field(default_factory=set)
    merging: dict[Lane, str] = field(default_factory=dict)
    bases: dict[str, tuple[str, ...]] = field(default_factory=dict)

    def history(self, lane: Lane) -> list[str]:
        return self.targets.setdefault(lane, [])

    def base(self, task: str, lane: Lane) -> tuple[str, ...]:
        """What the target held when the task's branch began, which is now unless it has begun before."""
        return self.bases.setdefault(task, tuple(self.history(lane)))

    def begin(self, task: str, lane: Lane) -> None:
        """One merge at a time may touch a target."""
        other = self.merging.setdefault(lane, task)
        if other != task:
            raise Violation(f"{task} is being merged into {lane} while {other} still is")

    def break_off(self, task: str, lane: Lane, rates: Rates) -> LandingOutcome:
        """What has moved the target has landed; else nothing is brought."""
        if task in self.history(lane):
            return self.merge(task, lane, rates)
        self.merging.pop(lane, None)
        return "broken off"

    def merge(self, task: str, lane: Lane, rates: Rates, *, approved: bool = False) -> LandingOutcome:
        """Brings the task into its target, once: a repeated merge of what is in it has landed. Somebody may have moved
        the branch of one that a person has approved."""
        self.merging.pop(lane, None)
        if task in self.history(lane):
            return "landed"
        if self.rng.random() < rates.target_checked_out:
            self.checked_out.add(lane)
        if approved and self.rng.random() < rates.landing_unapproved:
            return "unapproved"
        for outcome, rate in _WAYS:
            if self.rng.random() < getattr(rates, rate):
                return outcome
        if lane in self.checked_out:
            return "held"
        self.history(lane).append(task)
        return "landed"


_WAYS: tuple[tuple[LandingOutcome, str], ...] = (
    ("conflict", "landing_conflict"),
    ("moved", "landing_moved"),
    ("unverified", "landing_unverified"),
    ("broken", "landing_broken"),
)
