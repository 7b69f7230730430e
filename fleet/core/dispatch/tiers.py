"""Which tiers a task may use now."""

from __future__ import annotations

from fleet.core.model import Fleet, Task
from fleet.core.policy import AUTO


def is_free(task: Task) -> bool:
    """Whether the engine chooses the tier; otherwise the person named tiers, the preferred one first."""
    return AUTO in task.spec.tiers


def allowed(fleet: Fleet, task: Task) -> tuple[str, ...]:
    """Of those it may use, the ones above the strongest that has failed; the strongest again when none is above."""
    named = task.spec.tiers
    if AUTO in named:
        project = fleet.projects.get(task.spec.project_name)
        named = project.tiers if project and project.tiers else tuple(t.name for t in fleet.policy.tiers)
    if task.tier_failed is None:
        return named
    order = fleet.policy.order_of
    above = tuple(t for t in named if order(t) > order(task.tier_failed))
    return above or (max(named, key=order),)


def stronger(fleet: Fleet, task: Task, tier: str) -> str | None:
    """The next tier to escalate to when `tier` has failed, None when that was the strongest it may use."""
    order = fleet.policy.order_of
    above = [t for t in allowed(fleet, task) if order(t) > order(tier) and _served(fleet, t)]
    return min(above, key=order, default=None)


def _served(fleet: Fleet, tier: str) -> bool:
    return any(a.state != "removed" and a.model_of(tier) is not None for a in fleet.accounts.values())
