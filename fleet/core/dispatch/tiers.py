"""Which tiers a task may use now. Why they rise after a failed check: docs/dispatch.md, "5. The choice"."""

from __future__ import annotations

from fleet.core.model import Account, Fleet, Task
from fleet.core.model.policy import AUTO
from fleet.spoken.reviews import tier_of


def is_free(task: Task) -> bool:
    """Whether the engine chooses the tier; otherwise the person named tiers, the preferred one first."""
    return AUTO in task.work.tiers


def allowed(fleet: Fleet, task: Task) -> tuple[str, ...]:
    """Of those it may use, the ones above the strongest that has failed; the strongest again when none is above. Of a
    review, those that may judge."""
    if task.judging is not None:
        return task.judging.tiers
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
    above = [t for t in allowed(fleet, task) if order(t) > order(tier) and _is_served(fleet, task, t)]
    return min(above, key=order, default=None)


def judges_of(fleet: Fleet, task: Task) -> tuple[str, ...]:
    """The tiers that may review its work: the one that is asked for, unless the work was made with a stronger one; else
    all that are not below that."""
    order, asked = fleet.policy.order_of, tier_of(task.spec.review)
    made_with = task.made_with
    if asked is not None and (made_with is None or order(asked) >= order(made_with)):
        return (asked,)
    known = tuple(t.name for t in fleet.policy.tiers)
    if made_with is None:
        return known
    return tuple(dict.fromkeys((made_with, *(t for t in known if order(t) >= order(made_with)))))


def others_judge(fleet: Fleet, task: Task, account: str) -> bool:
    """Whether there is another account than this one that may judge the task."""
    return any(
        other.name != account and any(_serves(fleet, task, other, tier) for tier in allowed(fleet, task))
        for other in fleet.accounts.values()
    )


def is_for_project(fleet: Fleet, task: Task, account: Account) -> bool:
    """Whether the task's project may use the account."""
    project = fleet.projects.get(task.spec.project_name) if fleet.projects else None
    return project is None or not project.accounts or account.name in project.accounts


def _is_served(fleet: Fleet, task: Task, tier: str) -> bool:
    """Whether an account that the task may use has the tier."""
    return any(_serves(fleet, task, account, tier) for account in fleet.accounts.values())


def _serves(fleet: Fleet, task: Task, account: Account, tier: str) -> bool:
    return (
        account.state != "removed"
        and account.spends != "never"
        and account.model_of(tier) is not None
        and is_for_project(fleet, task, account)
    )
