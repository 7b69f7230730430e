"""Tasks that ended long ago are forgotten, with their attempts and their history: so that what is kept stays small.

Nothing is forgotten of which something is left to be said or done (`kept`).
"""

from __future__ import annotations

from dataclasses import replace

from fleet.core.draft import Draft
from fleet.core.events import ForgetAsked
from fleet.core.model import Fleet, Task
from fleet.core.model.lifecycles import TASK_ENDS


def forget_asked(draft: Draft, event: ForgetAsked) -> None:
    fleet = draft.peek()
    needed = waited_for(fleet)
    gone = [
        task.id
        for task in map(fleet.tasks.get, event.tasks)
        if task is not None and ended_before(task, event.before_ms) and not kept(fleet, task, needed)
    ]
    if gone:
        draft.drop("tasks", *gone)
        draft.drop("worktrees", *gone)
        names = {*gone}
        for task in [t for t in draft.tasks.values() if not names.isdisjoint(t.after)]:
            draft.put_task(replace(task, after=tuple(name for name in task.after if name in draft.tasks)))
        draft.note(
            "info",
            "fleet.forgot",
            f"forgot {len(gone)} tasks that had ended: {gone[0]} … {gone[-1]}",
            tasks=len(gone),
            first=gone[0],
            last=gone[-1],
        )


def ended_before(task: Task, before_ms: int) -> bool:
    return task.state in TASK_ENDS and task.ended_ms is not None and task.ended_ms <= before_ms


def waited_for(fleet: Fleet) -> frozenset[str]:
    """The tasks that others name which have not landed: those may still be tried, or be tried again."""
    return frozenset(name for task in fleet.tasks.values() if task.state != "landed" for name in task.after)


def kept(fleet: Fleet, task: Task, needed: frozenset[str]) -> str:
    """Why a task that has ended is not forgotten; empty when it may be. `needed`: see `waited_for`."""
    worktree = fleet.worktrees.get(task.id)
    if task.state == "failed":
        return "failed, and nobody has said what becomes of it (fleet task retry, or fleet task cancel)"
    if task.id in needed:
        return "another task names it in `after`"
    if task.spec.source is not None:
        return "its source may ask for it again, and there is one task of a source"
    if task.attempt in fleet.attempts:
        return "its worker is still ending"
    if worktree is not None and worktree.state != "removed":
        return "its worktree is still there"
    return ""
