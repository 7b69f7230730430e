"""`Fleet`, the whole state."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from fleet.core.model.account import Account, Bucket
from fleet.core.model.attempt import Attempt
from fleet.core.model.host import Host, Worktree
from fleet.core.model.judgement import Reviewer
from fleet.core.model.learned import Demand, Experience, Rate
from fleet.core.model.policy import DEFAULT, Floor, Limit, Policy, Project, Reservation, Spent
from fleet.core.model.prices import Prices
from fleet.core.model.protection import Protections
from fleet.core.model.settings import SETTINGS, Settings
from fleet.core.model.task import Queue, Task

NEVER_MS = 1 << 62


def is_paused(fleet: Fleet, task: Task) -> bool:
    """Whether a person has paused it, or its project."""
    project = fleet.projects.get(task.spec.project_name) if fleet.projects else None
    return task.spec.paused is not None or (project is not None and project.paused is not None)


@dataclass(frozen=True, slots=True)
class Fleet:
    """The whole state. `queue` is the index of queued tasks but for paused ones: lanes in rank order; `check` holds it
    to that. `ended` are the attempts that the last event ended: the store keeps them, the fleet drops them."""

    now_ms: int = 0
    home_id: str = ""
    tasks: Mapping[str, Task] = field(default_factory=dict)
    attempts: Mapping[str, Attempt] = field(default_factory=dict)
    accounts: Mapping[str, Account] = field(default_factory=dict)
    buckets: Mapping[str, Bucket] = field(default_factory=dict)
    hosts: Mapping[str, Host] = field(default_factory=dict)
    worktrees: Mapping[str, Worktree] = field(default_factory=dict)
    queue: Queue = field(default_factory=dict)
    ended: tuple[Attempt, ...] = ()
    projects: Mapping[str, Project] = field(default_factory=dict)
    reservations: Mapping[str, Reservation] = field(default_factory=dict)
    limits: Mapping[str, Limit] = field(default_factory=dict)
    floors: Mapping[str, Floor] = field(default_factory=dict)
    spent: Mapping[str, Spent] = field(default_factory=dict)
    rates: Mapping[str, Rate] = field(default_factory=dict)
    experience: Mapping[str, Experience] = field(default_factory=dict)
    demand: Mapping[str, Demand] = field(default_factory=dict)
    reviewers: Mapping[str, Reviewer] = field(default_factory=dict)
    policy: Policy = DEFAULT
    prices: Prices | None = None
    protections: Protections | None = None
    tasks_made: int = 0
    decisions_made: int = 0
    draining: bool = False
    settings: Settings = SETTINGS
