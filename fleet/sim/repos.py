"""Repositories as far as the fleet can tell: targets with what has landed on them, and worktrees."""

from __future__ import annotations

from dataclasses import dataclass, field
from random import Random

from fleet.core.events import LandingOutcome
from fleet.sim.rates import Rates
from fleet.sim.safety import Violation

Lane = tuple[str, str]


@dataclass
class Worktree:
    """A directory on the disk, what the target held when its branch began, and whether uncommitted work was kept
    when it was removed."""

    base: tuple[str, ...]
    exists: bool = True
    kept: bool = False


@dataclass
class Repos:
    rng: Random
    targets: dict[Lane, list[str]] = field(default_factory=dict)
    checked_out: set[Lane] = field(default_factory=set)
    merging: dict[Lane, str] = field(default_factory=dict)
    worktrees: dict[str, Worktree] = field(default_factory=dict)

    def history(self, lane: Lane) -> list[str]:
        return self.targets.setdefault(lane, [])

    def make(self, task: str, lane: Lane) -> Worktree:
        """The task's worktree: as it was where it has been made before, its branch keeps its base."""
        made = self.worktrees.setdefault(task, Worktree(tuple(self.history(lane))))
        made.exists = True
        return made

    def begin(self, task: str, lane: Lane) -> None:
        """One merge at a time may touch a target."""
        other = self.merging.setdefault(lane, task)
        if other != task:
            raise Violation(f"{task} is being merged into {lane} while {other} still is")

    def merge(self, task: str, lane: Lane, rates: Rates) -> LandingOutcome:
        """Brings the task into its target, once: a repeated merge of what is in it has landed."""
        self.merging.pop(lane, None)
        if task in self.history(lane):
            return "landed"
        if self.rng.random() < rates.target_checked_out:
            self.checked_out.add(lane)
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
