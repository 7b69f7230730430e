"""Deadlines that pass: what has missed its deadline goes to another lane of the queue, where it is in the order of
value again and stands in nobody's way. And those that are at risk: a person may want to do something about them."""

from __future__ import annotations

from collections.abc import Mapping

from fleet.core.capacity.costs import Costs
from fleet.core.draft import Draft
from fleet.core.model import Task, is_timed
from fleet.core.model.lifecycles import TASK_ENDS
from fleet.core.model.maps import among
from fleet.core.model.policy import AUTO
from fleet.core.model.replacing import replace


def pass_by(draft: Draft) -> None:
    """Looks at the heads of the lanes with deadlines, which stand in the order of those."""
    fleet = draft.peek()
    for lane in [lane for lane in fleet.queue if is_timed(lane)]:
        for deadline_ms, _, _, task_id in fleet.queue[lane]:
            if deadline_ms > draft.now_ms:
                break
            draft.put_task(replace(draft.tasks[task_id], late=True))


def look_at_risks(draft: Draft) -> None:
    """Says of each task with a deadline whether it is expected to be done by then, were it begun now."""
    costs: Costs | None = None
    due = [draft.tasks[name] for name in among(draft.tasks, _with_deadline)]
    for task in sorted(due, key=lambda task: task.number):
        costs = costs or Costs(draft.peek())
        if _is_at_risk(draft, costs, task) != (task.at_risk_ms is not None):
            draft.put_task(replace(task, at_risk_ms=draft.now_ms if task.at_risk_ms is None else None))


def _with_deadline(tasks: Mapping[str, Task]) -> list[str]:
    """Those whose deadline may be at risk, or was."""
    return [
        name
        for name, task in tasks.items()
        if task.at_risk_ms is not None or (task.spec.deadline_ms is not None and task.state not in TASK_ENDS)
    ]


def _is_at_risk(draft: Draft, costs: Costs, task: Task) -> bool:
    deadline_ms = task.spec.deadline_ms
    if deadline_ms is None or task.state in TASK_ENDS:
        return False
    return draft.now_ms + _needs_ms(draft, costs, task) > deadline_ms


def _needs_ms(draft: Draft, costs: Costs, task: Task) -> float:
    """How long its work is expected to take still, by the quickest of its tiers; what is verified takes none."""
    if task.state not in ("queued", "waiting", "running"):
        return 0.0
    attempt = draft.attempts.get(task.attempt or "")
    if attempt is not None:
        return costs.remaining(task, attempt.tier).ms
    order = [tier.name for tier in draft.value("policy").tiers]
    tiers = order if AUTO in task.spec.tiers else task.spec.tiers
    return min((costs.remaining(task, tier).ms for tier in tiers), default=0.0)
