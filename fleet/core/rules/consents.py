"""A person's consent to the commands of a repository's own text: only the work waits that would run them.

A task that would start from such a text leaves the queue before anything was started for it, and so do those that would
start from the same one. Work at its gate waits there, verified work is held. Whoever waits needs a person: `why` and
`status` say for what, and nobody waits for the fleet to become idle.
"""

from __future__ import annotations

from dataclasses import replace

from fleet.core.draft import Draft
from fleet.core.events import ConsentGiven, StartFailed
from fleet.core.model import Attempt, Task, Trouble
from fleet.core.rules import finishing
from fleet.core.rules.attempts import CONSENT, end
from fleet.core.rules.worktrees import leave_unmade


def start_waits(draft: Draft, event: StartFailed, attempt: Attempt) -> None:
    """The task goes back, with nothing counted against it, and all others that would begin at the same branch wait with
    it: what is told, is told once."""
    leave_unmade(draft, attempt.task)
    if attempt.state == "stopping":
        end(draft, attempt, attempt.reason, attempt.detail)
        return
    told = any(task.consent == event.consent for task in draft.tasks.values())
    end(draft, attempt, CONSENT, event.detail)
    task = draft.tasks[attempt.task]
    draft.note(
        "debug" if told else "warning",
        "task.consent_needed",
        f"waits for a person: {event.detail}",
        task=task.id,
        consent=event.consent,
    )
    trouble = Trouble(event.attempt, event.detail, lasting=True, consent=event.consent)
    alike = [one for one in draft.tasks.values() if _begins_with(one, task)]
    for one in (task, *alike):
        if draft.tasks[one.id].state == "queued":
            draft.put_task(replace(draft.tasks[one.id], trouble=trouble))


def _begins_with(one: Task, task: Task) -> bool:
    """Whether both have not begun, and would at the same branch."""
    places = {(t.spec.repo, t.spec.target, t.base_commit) for t in (one, task)}
    return one.id != task.id and one.state == "queued" and task.base_commit is None and len(places) == 1


def given(draft: Draft, event: ConsentGiven) -> None:
    for name in event.tasks:
        task = draft.tasks.get(name)
        if task is None or task.consent is None:
            continue
        task = draft.put_task(replace(task, trouble=None))
        draft.note(
            "info",
            "task.consent_given",
            "goes on: what it waited for is agreed to, or not asked for any more",
            task=name,
        )
        draft.settle = True
        if task.state == "held":
            finishing.send_on(draft, task)
