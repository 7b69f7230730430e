"""What a task was asked for may be revised after it was added: by a person, a board, a program.

The table says of each field and each stage of a task when that takes effect: *now*, for whatever the fleet does with
the task from here on; with the *next attempt*, while one under way keeps what it began with; or why not at all.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Literal, cast

from fleet.core.draft import Draft
from fleet.core.events import TaskRevised
from fleet.core.model import Fleet, Task, Word
from fleet.core.model.lifecycles import TaskState
from fleet.core.rules.attempts import end_judging, tell
from fleet.core.rules.finishing import allow_empty, verify_again
from fleet.core.rules.reviewing import review_revised
from fleet.core.rules.tasks import Refused, known, refuse_unprintable, take_back
from fleet.core.wording import stable_id, task_revised
from fleet.spoken.task_fields import FIELDS, WORDS

Stage = TaskState | Literal["begun", "merging"]
"""A state, or a part of one: `begun` is queued again after an attempt, `merging` landing with its merge under way."""

Effect = Literal["now", "next attempt"]

WHY_NOT = {
    "landed": "{task} has landed: its work is done. For more, add a task: fleet task add",
    "merging": "{task} is being merged into {target} right now: revise it if that fails, or add another task",
    "checking": "the work of {task} is being verified right now: try again in a moment",
    "begun": "the work of {task} has begun from {target}: cancel it, and add it anew with another --target",
    "stays": "the {field} of {task} stays what it was added with: cancel it, and add it anew",
}

_STAGES: tuple[Stage, ...] = (
    *("waiting", "queued", "begun", "running", "checking", "review", "landing", "merging"),
    *("held", "failed", "cancelled", "landed"),
)
_ROWS = {
    # waiting queued begun  running checking review landing merging  held failed cancelled landed
    "title": "now now now  now now now now now  now now now  -landed",
    "prompt": "next next next  now now now now -merging  now next next  -landed",
    "priority": "now now now  next next next next next  next next next  -landed",
    "value": "now now now  next next next next next  next next next  -landed",
    "deadline_ms": "now now now  next next next next next  next next next  -landed",
    "tiers": "now now now  next next next next next  next next next  -landed",
    "labels": "now now now  next next next next next  next next next  -landed",
    "paused": "now now now  next next next next next  next next next  -landed",
    "verify": "next next next  now -checking now now -merging  now next next  -landed",
    "allow_tools": "next next next  next next next next next  next next next  -landed",
    "max_turns": "next next next  next next next next next  next next next  -landed",
    "max_budget_usd": "next next next  next next next next next  next next next  -landed",
    "allow_empty": "now now now  now now now now now  now now now  -landed",
    "review": "now now now  now now now now -merging  now now now  -landed",
    "target": "now now -begun  -begun -begun -begun -begun -begun  -begun -begun -begun  -landed",
}
_CODES = {"now": "now", "next": "next attempt"} | {f"-{name}": why for name, why in WHY_NOT.items()}
_STAYS = " ".join(["-stays"] * (len(_STAGES) - 1) + ["-landed"])

TABLE: Mapping[str, Mapping[Stage, str]] = {
    field.name: dict(
        zip(
            _STAGES,
            (_CODES[code] for code in (_STAYS if field.stays else _ROWS[field.name]).split()),
            strict=True,
        )
    )
    for field in FIELDS
}
"""Of each field and stage: an `Effect`, or the sentence that refuses it (docs/tasks.md shows it)."""


def stage_of(task: Task) -> Stage:
    if task.state == "queued" and task.attempts:
        return "begun"
    return "merging" if task.landing_begun else task.state


def effects(fleet: Fleet, event: TaskRevised) -> dict[str, Effect]:
    """When each field that the event really changes takes effect. Raises Refused."""
    task = known(fleet.tasks, event.task)
    row = {name: TABLE[name][stage_of(task)] for name in _changed(task, event)}
    for name, effect in row.items():
        if effect not in ("now", "next attempt"):
            target = task.spec.target
            raise Refused(effect.format(task=task.id, target=target, field=WORDS[name]))
    return cast(dict[str, Effect], row)


def _changed(task: Task, event: TaskRevised) -> list[str]:
    unknown = sorted(set(event.fields) - set(TABLE))
    if unknown:
        raise Refused(f"a task has no field {unknown[0]}")
    return [
        name
        for name in TABLE
        if name in event.fields and getattr(event.spec, name) != getattr(task.spec, name)
    ]


def task_revised_asked(draft: Draft, event: TaskRevised) -> None:
    """Changes what is named, all of it or nothing. Raises Refused."""
    changed = list(effects(draft.peek(), event))
    task = known(draft.tasks, event.task)
    if not changed:
        return
    spec = replace(task.spec, **{name: getattr(event.spec, name) for name in changed})
    refuse_unprintable("title", spec.title)
    refuse_unprintable("reason", spec.paused.why if spec.paused else "")
    left = None if spec.max_budget_usd is None else spec.max_budget_usd - task.spent_usd
    if "max_budget_usd" in changed and left is not None and left <= 0.0:
        raise Refused(f"{task.id} has cost ${task.spent_usd:.2f} already: name a budget above that")
    still_late = task.late and spec.deadline_ms is not None and spec.deadline_ms <= draft.now_ms
    task = replace(task, spec=spec, late=still_late, revisions=task.revisions + 1)
    if "allow_tools" in changed:
        task = replace(task, denied=(), denied_ms=None)
    task = draft.put_task(task)
    _tell_revised(draft, task, changed, event.by)
    if "allow_empty" in changed:
        allow_empty(draft, task)
    if "review" in changed:
        review_revised(draft, task)
    elif "verify" in changed and (task.state == "review" or task.judging is not None):
        verify_again(draft, end_judging(draft, task), "its verification was revised")
    if "prompt" in changed:
        _tell_prompt(draft, task, event.id)
    draft.settle = True


def _tell_revised(draft: Draft, task: Task, changed: list[str], by: str) -> None:
    told, paused = _in_words(task, changed, by), task.spec.paused
    if changed == ["paused"]:
        draft.note(
            "info",
            "task.resumed" if paused is None else "task.paused",
            told,
            task=task.id,
            by=by,
            until_at_ms=None if paused is None else paused.until_ms,
        )
    else:
        draft.note("info", "task.edited", told, task=task.id, by=by, fields=tuple(changed))


def _in_words(task: Task, changed: list[str], by: str) -> str:
    told = [WORDS[name] for name in changed if name != "paused"]
    if "paused" in changed:
        told.append("resumed" if task.spec.paused is None else f"paused: {task.spec.paused.why}")
    return f"revised by {by}: {', '.join(told)}"


def _tell_prompt(draft: Draft, task: Task, cause: str) -> None:
    """A session that goes on is told of it; a new one begins with it."""
    attempt = draft.attempts.get(task.attempt or "")
    if attempt is None and task.session_id is None:
        return
    word = Word(stable_id(cause, "prompt"), task_revised(task.spec.prompt))
    draft.put_task(replace(task, words=(*task.words, word)))
    if task.state in ("review", "landing", "held") or task.judging is not None:
        take_back(draft, task.id, "its prompt was revised")
    elif task.state == "running" and attempt is not None and attempt.state == "running":
        tell(draft, attempt.id, word)
