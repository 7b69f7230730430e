"""The work of a home as a scenario has it: classes of tasks with what they take, the tasks that wait, arrivals."""

from __future__ import annotations

from dataclasses import dataclass, field
from graphlib import TopologicalSorter
from math import sqrt
from typing import Any

from fleet.core.capacity import costs, demand, experience
from fleet.core.dispatch.tiers import allowed
from fleet.core.model import Fleet, Task, TaskSpec
from fleet.core.model.learned import Demand, Experience
from fleet.core.model.policy import AUTO
from fleet.service.own_week.basis import Basis, several, tasks
from fleet.spoken.spans import DAY_MS, span_text, whole_seconds

Said = dict[str, Any]
Class = tuple[str, str]
"""A project and a kind of its tasks: what costs are learned of."""

OPEN = ("queued", "waiting", "running")
"""States in which workers have something to do still."""

DONE = ("checking", "review", "landing", "held", "landed")
"""States in which they have not: what waits for such a task is taken for ready."""

HOURS_A_WEEK = 168.0

SELDOM = 0.1
"""What comes less often in a week is not expected."""

SIZE_MIN, WORTH_MIN = 1e-3, 1e-9
"""A scenario's sizes and values are above nothing."""


@dataclass(slots=True)
class Work:
    """`classes`: those that the tasks and streams are of, in the order they were met."""

    fleet: Fleet
    tiers: tuple[str, ...]
    basis: Basis
    tasks: list[Said] = field(default_factory=list)
    streams: list[Said] = field(default_factory=list)
    classes: dict[Class, None] = field(default_factory=dict)

    def kinds(self) -> list[Said]:
        return [self._kind(of) for of in self.classes]

    def _kind(self, of: Class) -> Said:
        spec = _example(of)
        doing: dict[str, Said] = {}
        for tier in self.tiers:
            found = costs.expected(self.fleet, spec, tier)
            doing[tier] = {
                "work": float(f"{found.work:.4g}"),
                "duration": span_text(whole_seconds(round(found.ms))),
                "chance": round(found.chance, 3),
            }
        self._tell(of, spec)
        return {"name": self.name_of(of), "doing": doing}

    def _tell(self, of: Class, spec: TaskSpec) -> None:
        """Of how many tasks it was learned, by tier: of the narrowest class that has some."""
        known: list[str] = []
        unknown: list[str] = []
        for tier in self.tiers:
            classes = zip(experience.keys(spec, tier), WIDER, strict=True)
            found = [(self.fleet.experience.get(key), wider) for key, wider in classes]
            counted = [(one.count, wider) for one, wider in found if one is not None and one.count > 0.0]
            known += [f"{tier} ({tasks(counted[-1][0])}{counted[-1][1]})"] if counted else []
            unknown += [] if counted else [tier]
        what = f"what {self.name_of(of)} takes with"
        if known:
            self.basis.learned.append(f"{what} {', '.join(known)}")
        if unknown:
            told = "about 200,000 work units and 20 minutes, and the usual chance"
            self.basis.guessed.append(f"{what} {', '.join(unknown)}: {told}")

    def name_of(self, of: Class) -> str:
        """The kind; where several projects have it, with its project."""
        project, kind = of
        return kind if sum(other == kind for _, other in self.classes) == 1 else f"{kind} {project}"

    def noise(self) -> float:
        """σ of the logarithm of true over expected work: the root of the classes' mean variance. The format has one for
        all of them."""
        variances = [
            experience.of_work(_known(self.fleet, _example(of), tier)).variance
            for of in self.classes
            for tier in self.tiers
        ]
        return round(sqrt(sum(variances) / len(variances)), 2)


WIDER = (" of other kinds", " of other projects", "")
"""Where the experience of a class comes from, as `experience.keys` orders them."""


def _example(of: Class) -> TaskSpec:
    project, kind = of
    return TaskSpec(prompt="", repo=project, title="", tiers=(AUTO,), target="", project=project, kind=kind)


def _known(fleet: Fleet, spec: TaskSpec, tier: str) -> list[Experience]:
    """Of the task's classes with that tier, the widest first."""
    found = (fleet.experience.get(key) for key in experience.keys(spec, tier))
    return [one for one in found if one is not None]


def work(fleet: Fleet, tiers: tuple[str, ...], basis: Basis) -> Work:
    """The work that these tiers can do."""
    found = Work(fleet, tiers, basis)
    waiting = _that_can_run(fleet, tiers, basis)
    coming = [
        (one, per_hour * HOURS_A_WEEK)
        for one, per_hour in demand.forecast(fleet)
        if per_hour * HOURS_A_WEEK >= SELDOM and _served(_named(fleet, one), tiers)
    ]
    found.classes |= {(task.spec.project_name, task.spec.kind): None for task in waiting}
    found.classes |= {(one.project, one.kind): None for one, _ in coming}
    found.tasks = [_task(found, task) for task in waiting]
    found.streams = [_stream(found, f"{one.kind}-{n}", one, week) for n, (one, week) in enumerate(coming, 1)]
    if coming:
        of = several(sorted({found.name_of((one.project, one.kind)) for one, _ in coming}))
        days = (fleet.now_ms - min(one.since_ms for one, _ in coming)) / DAY_MS
        told = basis.learned if days >= 1.0 else basis.guessed
        told.append(
            f"about {sum(week for _, week in coming):.0f} tasks arrive in a week ({of}), by {days:.1f} days"
        )
        basis.guessed.append(
            "tasks arrive evenly through the day, all of a class alike, and without deadlines"
        )
    return found


def _that_can_run(fleet: Fleet, tiers: tuple[str, ...], basis: Basis) -> list[Task]:
    """Each behind those that it waits for. What waits for a task that has failed waits for a person."""
    numbered = sorted(fleet.tasks.values(), key=lambda one: one.number)
    able: dict[str, Task] = {}
    stuck: list[Task] = []
    for name in TopologicalSorter({task.id: task.after for task in numbered}).static_order():
        task = fleet.tasks[name]
        if task.state not in OPEN:
            continue
        ready = all(other in able or fleet.tasks[other].state in DONE for other in task.after)
        if ready and _served(allowed(fleet, task), tiers):
            able[name] = task
        else:
            stuck.append(task)
    if stuck:
        names = several(task.id for task in sorted(stuck, key=lambda one: one.number))
        why = "no ready account has their tier, or what they wait for has failed"
        basis.left_out.append(f"tasks {names}: {why}")
    return list(able.values())


def _task(found: Work, task: Task) -> Said:
    """As it is, from now on: what has been done of it is done."""
    spec, fleet = task.spec, found.fleet
    may_use = _served(allowed(fleet, task), found.tiers)
    said: Said = {
        "key": task.id,
        "kind": found.name_of((spec.project_name, spec.kind)),
        "project": spec.project_name,
        "value": max(spec.worth, WORTH_MIN),
        "size": float(f"{max(spec.size * _left(fleet, task, may_use[0]), SIZE_MIN):.4g}"),
        "after": [name for name in task.after if fleet.tasks[name].state in OPEN],
        "tiers": _unless_all(may_use, found.tiers),
    }
    if spec.deadline_ms is not None:
        said["deadline"] = span_text(whole_seconds(spec.deadline_ms - fleet.now_ms))
    return said


def _left(fleet: Fleet, task: Task, tier: str) -> float:
    """The share of its work that is still to be done."""
    attempt = fleet.attempts.get(task.attempt or "")
    tier = tier if attempt is None else attempt.tier
    return costs.remaining(fleet, task, tier).work / costs.expected(fleet, task.spec, tier).work


def _stream(found: Work, name: str, one: Demand, per_week: float) -> Said:
    return {
        "name": name,
        "kind": found.name_of((one.project, one.kind)),
        "per_week": round(per_week, 2),
        "project": one.project,
        "tiers": _unless_all(_served(_named(found.fleet, one), found.tiers), found.tiers),
        "size": max(float(f"{one.size:.4g}"), SIZE_MIN),
        "value": max(float(f"{one.value * one.size:.4g}"), WORTH_MIN),
    }


def _named(fleet: Fleet, one: Demand) -> tuple[str, ...]:
    """The tiers that tasks of the class may use."""
    if AUTO not in one.tiers:
        return one.tiers
    project = fleet.projects.get(one.project)
    return project.tiers if project and project.tiers else tuple(tier.name for tier in fleet.policy.tiers)


def _served(named: tuple[str, ...], tiers: tuple[str, ...]) -> list[str]:
    return [tier for tier in named if tier in tiers]


def _unless_all(may_use: list[str], tiers: tuple[str, ...]) -> list[str]:
    """The scenario's way to allow all tiers is to name none."""
    return [] if set(may_use) == set(tiers) else may_use
