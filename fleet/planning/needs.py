"""What a unit of size of a task needs with each tier it may use."""

from __future__ import annotations

from dataclasses import dataclass, replace

from fleet.core.capacity import costs
from fleet.core.dispatch import tiers
from fleet.core.dispatch.price import FUEL, STEP_DOWN
from fleet.core.model import Fleet, Task, TaskSpec
from fleet.core.model.policy import AUTO
from fleet.planning.allowed import Allowed
from fleet.planning.periods import HOUR_MS


@dataclass(frozen=True, slots=True)
class Need:
    """`work` in work units, `hours` of a worker, the `chance` that the work is verified; `aside` is the part of its
    value by which a task would rather have another tier (dispatch's preferences; the most liked tier has none)."""

    tier: str
    work: float
    hours: float
    chance: float
    aside: float = 0.0


class Needs:
    """Of one state of a fleet. Looks costs up once for each project, kind and tiers, and once for each task."""

    def __init__(self, fleet: Fleet, allowed: Allowed) -> None:
        self._fleet = fleet
        self._allowed = allowed
        self.costs = costs.Costs(fleet)
        self._by_task: dict[str, tuple[Need, ...]] = {}
        self._by_kind: dict[tuple[str, str, tuple[str, ...]], tuple[Need, ...]] = {}
        self._blank = TaskSpec(prompt="", repo="", title="", tiers=(), target="")

    def of(self, task: Task) -> tuple[Need, ...]:
        """Of what is still to be done of the task, the least capable tier first."""
        if task.id not in self._by_task:
            self._by_task[task.id] = self._of(task)
        return self._by_task[task.id]

    def _of(self, task: Task) -> tuple[Need, ...]:
        spec = task.work
        found = self.of_kind(spec.project_name, spec.kind, spec.tiers)
        if task.tier_failed is not None and task.judging is None:
            left = tiers.allowed(self._fleet, task)
            found = tuple(need for need in found if need.tier in left)
        if task.tier_work <= 0.0:
            return found
        return tuple(
            self._need(need.tier, self.costs.remaining(task, need.tier), spec.size, need.aside)
            for need in found
        )

    def of_kind(self, project: str, kind: str, named: tuple[str, ...]) -> tuple[Need, ...]:
        """Of a fresh task of this kind, the least capable tier first."""
        key = (project, kind, named)
        if key not in self._by_kind:
            example = replace(self._blank, project=project, kind=kind)
            self._by_kind[key] = tuple(
                self._need(tier, self.costs.expected(example, tier), 1.0, aside)
                for tier, aside in self._tiers(project, named)
            )
        return self._by_kind[key]

    def _tiers(self, project: str, named: tuple[str, ...]) -> list[tuple[str, float]]:
        """Those that an account serves, with how much less they are liked than the one that is liked best."""
        policy = self._fleet.policy
        if AUTO in named:
            laid_down = self._fleet.projects.get(project)
            free = laid_down.tiers if laid_down and laid_down.tiers else tuple(t.name for t in policy.tiers)
            asides = {tier: FUEL * policy.weight_of(tier) for tier in free}
        else:
            asides = {tier: STEP_DOWN * n for n, tier in enumerate(named)}
        served = self._allowed.tiers(project)
        asides = {tier: aside for tier, aside in asides.items() if tier in served}
        least = min(asides.values(), default=0.0)
        ordered = sorted(asides, key=lambda tier: (policy.order_of(tier), tier))
        return [(tier, asides[tier] - least) for tier in ordered]

    @staticmethod
    def _need(tier: str, cost: costs.Expected, size: float, aside: float) -> Need:
        return Need(tier, cost.work / size, cost.ms / HOUR_MS / size, cost.chance, aside)
