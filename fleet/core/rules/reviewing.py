"""A person decides about verified work: approves it, sends it back, rejects it, or has it merged after all.

What is approved is one commit. Whatever else the branch brings, by its session or by anybody, is looked at anew; and
however it lands, it is verified as it lands (docs/tasks.md, "Review").
"""

from __future__ import annotations

from dataclasses import replace

from fleet.core.draft import Draft
from fleet.core.events import ApproveAsked, LandAsked, RejectAsked, SendBackAsked
from fleet.core.model import Task, Word
from fleet.core.rules.attempts import end_judging
from fleet.core.rules.finishing import cancel, send_on, verify_again
from fleet.core.rules.judging import settled
from fleet.core.rules.tasks import Refused, known, refuse_unprintable, take_back
from fleet.spoken.reviews import by_person


def approve_asked(draft: Draft, event: ApproveAsked) -> None:
    task = _in_review(draft, event.task, "approve")
    if event.seen != task.commit:
        raise Refused(
            f"{task.id} has changed since you looked ({short(event.seen)} → {short(task.commit)}): look again, with "
            f"fleet task diff {task.id}"
        )
    draft.note(
        "info",
        "task.approved",
        f"approved by a person as of {short(event.commit)}",
        task=task.id,
        commit=event.commit,
    )
    task = replace(settled(draft, task, wanted=True) if task.stands else task, approved=event.commit)
    if event.commit == task.commit:
        send_on(draft, task)
    else:
        verify_again(draft, task, "its branch has moved since it was verified")


def send_back_asked(draft: Draft, event: SendBackAsked) -> None:
    """Its session goes on with what the person said, word for word. What failed before counts no more."""
    task = _in_review(draft, event.task, "send back")
    draft.note(
        "info", "task.sent_back", f"sent back by a person: {event.text}", task=task.id, word=event.word
    )
    task = settled(draft, task, wanted=False) if task.stands else task
    draft.put_task(replace(task, repairs=0, returned=0, words=(*task.words, Word(event.word, event.text))))
    take_back(draft, task.id, "a person has sent it back")


def reject_asked(draft: Draft, event: RejectAsked) -> None:
    task = _in_review(draft, event.task, "reject")
    refuse_unprintable("reason", event.why)
    task = settled(draft, task, wanted=False) if task.stands else task
    cancel(draft, task, f"rejected by a person: {event.why}" if event.why else "rejected by a person")


def land_asked(draft: Draft, event: LandAsked) -> None:
    """What was left on its branch goes the way of what is merged: reviewed if asked for, verified there."""
    task = known(draft.tasks, event.task)
    if task.state != "landed":
        raise Refused(
            f"{task.id} is {task.state}: only what was left on its branch is merged later (fleet why {task.id})"
        )
    if task.spec.land == "merge":
        raise Refused(f"{task.id} is on {task.spec.target} already ({short(task.landed_commit)})")
    if task.branch is None or task.reason:
        raise Refused(f"{task.id} left nothing to merge: {task.reason or 'it has no branch'}")
    spec = replace(task.spec, land="merge", target=event.target or task.spec.target)
    draft.note(
        "info",
        "task.landing",
        f"is to be merged into {spec.target} after all",
        task=task.id,
        target=spec.target,
        waits=True,
    )
    send_on(draft, replace(task, spec=spec, commit=task.landed_commit, on_branch=True, ended_ms=None))


def review_revised(draft: Draft, task: Task) -> None:
    """Another review is asked for before its merge has begun, or none any more."""
    review = task.spec.review
    if task.judging is not None:
        send_on(draft, end_judging(draft, task))
    elif (task.state == "review" and not by_person(review)) or (
        task.state == "landing" and review is not None and task.reviewed is None
    ):
        send_on(draft, task)


def _in_review(draft: Draft, task_id: str, what: str) -> Task:
    """Raises Refused for one that does not wait for a review."""
    task = known(draft.tasks, task_id)
    if task.state == "review":
        return task
    if task.state in ("landed", "failed", "cancelled"):
        raise Refused(f"{task.id} has {_ENDED[task.state]}: there is nothing to {what}")
    if task.spec.review:
        raise Refused(f"{task.id} is {task.state}: there is nothing to {what} yet (fleet why {task.id})")
    raise Refused(
        f"{task.id} is {task.state}, and no review of it is asked for, so there is nothing to {what}: fleet task edit "
        f"{task.id} --review"
    )


_ENDED = {"landed": "landed already", "failed": "failed", "cancelled": "been cancelled"}


def short(commit: str | None) -> str:
    return (commit or "")[:12] or "none"
