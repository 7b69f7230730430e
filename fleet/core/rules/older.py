"""A fleet that is older than the world: a backup was put in its place, or it began anew beside what there was."""

from __future__ import annotations

from dataclasses import replace

from fleet.core.draft import Draft
from fleet.core.events import FoundLanded, TracesFound
from fleet.core.model.lifecycles import TASK_ENDS
from fleet.core.rules.attempts import stop
from fleet.core.rules.finishing import begin_landings, landed

SHOWN = 12
"""Of the tasks that are not known, in the line that tells of them."""


def traces_found(draft: Draft, event: TracesFound) -> None:
    """No id is given out a second time; what lies there under those that are not known is left as it is."""
    if event.tasks > draft.value("tasks_made"):
        draft.set("tasks_made", event.tasks)
        more = f" and {len(event.unknown) - SHOWN} more" if len(event.unknown) > SHOWN else ""
        draft.note(
            "warning",
            "fleet.older",
            f"this database is older than what lies beside it: it knows nothing of {', '.join(event.unknown[:SHOWN])}"
            f"{more}. Their branches, worktrees and preserved work are left as they are; the next task is "
            f"t{event.tasks + 1}",
            tasks=len(event.unknown),
            next_task=event.tasks + 1,
        )
    for task_id, number in event.attempts:
        task = draft.tasks.get(task_id)
        if task is not None and task.attempts < number:
            draft.put_task(replace(task, attempts=number))
            draft.note(
                "warning",
                "task.older",
                f"its attempts up to {task_id}.{number} are not in this database, which is older than they are",
                task=task_id,
                attempts=number,
            )
    draft.set("decisions_made", max(event.decisions, draft.value("decisions_made")))


def found_landed(draft: Draft, event: FoundLanded) -> None:
    """Once: whatever is still being done for it is ended, or finds that it has landed. What it waited for counts here,
    too: its work cannot have landed before theirs."""
    task = draft.tasks.get(event.task)
    if task is None or task.state in TASK_ENDS:
        return
    if any(not draft.tasks[name].releases for name in task.after):
        return
    if task.state == "waiting":
        task = draft.put_task(replace(task, state="queued"))
    why = f"its references say that it had landed on {task.spec.target} before, as {event.commit[:12]}"
    attempt = draft.attempts.get(task.attempt or "")
    landed(draft, replace(task, landing_begun=False, breaking_off=False), event.commit, why)
    if attempt is not None:
        stop(draft, attempt, "finished", how="close")
    begin_landings(draft)
    draft.settle = False  # others may be found to have landed, too: nothing is begun before
