"""What a unit of size of a task needs with each tier it may use."""

from __future__ import annotations

from dataclasses import dataclass, replace

from fleet.core import costs
from fleet.core.model import Fleet, Task, TaskSpec
from fleet.core.policy import AUTO
from fleet.planning.allowed import Allowed
from fleet.planning.periods import HOUR_MS


@dataclass(frozen=True, slots=True)
class Need:
    """`work` in work units, `hours` of a worker, the `chance` that the work is verified."""

    tier: str
    work: float
    hours: float
    chance: float


class Needs:
    """Looks costs up once for each project, kind and tier."""

    def __init__(self, fleet: Fleet, allowed: Allowed) -> None:
        self._fleet = fleet
        self._allowed = allowed
        self._by_kind: dict[tuple[str, str, tuple[str, ...]], tuple[Need, ...]] = {}
        self._spec = TaskSpec(prompt="", repo="", title="", tiers=(), target="")

    def of(self, task: Task) -> tuple[Need, ...]:
        """Of what is still to be done of the task, the least capable tier first."""
        spec = task.spec
        found = self.of_kind(spec.project_name, spec.kind, spec.tiers)
        if task.tier_failed is not None:
            order = self._fleet.policy.order_of
            found = tuple(need for need in found if order(need.tier) > order(task.tier_failed or ""))
        if task.tier_work <= 0.0:
            return found
        return tuple(
            self._need(need.tier, costs.remaining(self._fleet, task, need.tier), spec.size) for need in found
        )

    def of_kind(self, project: str, kind: str, tiers: tuple[str, ...]) -> tuple[Need, ...]:
        """Of a fresh task of this kind, the least capable tier first."""
        key = (project, kind, tiers)
        if key not in self._by_kind:
            self._by_kind[key] = tuple(
                self._need(tier, costs.expected(self._fleet, self._example(project, kind), tier), 1.0)
                for tier in self._tiers(project, tiers)
            )
        return self._by_kind[key]

    def _example(self, project: str, kind: str) -> TaskSpec:
        return replace(self._spec, project=project, kind=kind)

    def _tiers(self, project: str, tiers: tuple[str, ...]) -> list[str]:
        policy = self._fleet.policy
        named = set(tiers) - {AUTO}
        if AUTO in tiers:
            laid_down = self._fleet.projects.get(project)
            known = tuple(tier.name for tier in policy.tiers)
            named |= set(laid_down.tiers if laid_down and laid_down.tiers else known)
        served = self._allowed.tiers(project)
        return sorted(named & served, key=lambda tier: (policy.order_of(tier), tier))

    @staticmethod
    def _need(tier: str, cost: costs.Expected, size: float) -> Need:
        return Need(tier, cost.work / size, cost.ms / HOUR_MS / size, cost.chance)
