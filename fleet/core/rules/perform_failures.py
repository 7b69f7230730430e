"""What the coordinator cannot perform for a task: remembered with it, so that `why` can say so."""

from __future__ import annotations

from dataclasses import replace

from fleet.core.draft import Draft
from fleet.core.events import PerformFailed, PerformWentWell
from fleet.core.model import Trouble
from fleet.core.rules.attempts import stop, takes_again
from fleet.core.rules.unfit import shut


def perform_failed(draft: Draft, event: PerformFailed) -> None:
    """A worker that waits for a verification which only a person can make possible is let go: its session goes on
    with the next one. Where a host keeps the work, no other task of the repository is placed there."""
    task = draft.tasks.get(event.task)
    trouble = Trouble(event.effect, event.story, event.lasting, event.host, event.consent)
    if task is None or task.trouble == trouble:
        return
    draft.put_task(replace(task, trouble=trouble))
    if task.trouble is None or task.trouble.story != event.story:
        told = "in trouble" if event.consent is None else "waits for a person"
        draft.note(
            "debug",
            "trouble.began",
            f"{told}: {event.story}; it is tried again",
            task=task.id,
            effect=event.effect,
            lasting=event.lasting,
            consent=event.consent,
        )
    host = draft.hosts.get(event.host)
    if host is not None:
        tries = draft.before.settings.faults_max if event.lasting else 1
        shut(draft, host, task.spec.repo, event.story, lasting=event.lasting, tries=tries)
    attempt = draft.attempts.get(task.attempt or "")
    if event.lasting and task.state == "checking" and attempt is not None:
        stop(draft, attempt, "finished", how="close")


def perform_went_well(draft: Draft, event: PerformWentWell) -> None:
    task = draft.tasks.get(event.task)
    if task is not None and task.trouble is not None and task.trouble.effect == event.effect:
        draft.put_task(replace(task, trouble=None))
        takes_again(draft, task.trouble.host, task.spec.repo)
