"""What persons ask for, and when it is refused."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from dataclasses import replace
from graphlib import CycleError, TopologicalSorter

from fleet.core.capacity import demand
from fleet.core.decisions import TellWorker
from fleet.core.draft import Draft
from fleet.core.events import (
    CancelAsked,
    DrainAsked,
    PersonSaid,
    PruneAsked,
    RetryAsked,
    TasksAdded,
)
from fleet.core.model import Attempt, Fleet, Task, TaskSpec, Word
from fleet.core.model.lifecycles import TASK_ENDS
from fleet.core.rules.attempts import end_judging, stop
from fleet.core.rules.finishing import cancel, look_at_held
from fleet.core.rules.sessions import without_session
from fleet.core.rules.worktrees import remove_worktree

CIRCLE_SHOWN = 20
"""So many tasks of a circle are named, half of them at each end."""


_UNPRINTABLE = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
"""Categories of Unicode: controls, what steers the direction or is not seen, halves of a character, line ends."""


class Refused(Exception):
    """The request cannot be done; the message says why and what to do instead."""


def tasks_added(draft: Draft, event: TasksAdded) -> None:
    """Adds the tasks in their order, but for those whose source has one. Raises Refused for an unknown dependency or a
    cycle, shown."""
    ids_of_specs = new_or_known_ids(draft.peek(), event)
    ids = {spec.key or f"\0{n}": ids_of_specs[n] for n, spec in enumerate(event.specs)}
    if len(ids) < len(event.specs):
        raise Refused("two tasks of the request have the same id: give each an id of its own")
    for spec in event.specs:
        refuse_unprintable("title", spec.title)
        refuse_unprintable("source", spec.source or "")
    made: dict[str, TaskSpec] = {}
    for task_id, spec in zip(ids_of_specs, event.specs, strict=True):
        if task_id not in draft.tasks:
            made.setdefault(task_id, spec)
    after = {
        task_id: tuple(_dependency(draft, ids, spec, name) for name in spec.after)
        for task_id, spec in made.items()
    }
    _refuse_cycle(after, {task_id: key for key, task_id in ids.items() if not key.startswith("\0")})
    before = max(draft.value("tasks_made"), event.taken) if made else draft.value("tasks_made")
    for number, (task_id, spec) in enumerate(made.items(), start=before + 1):
        landed = all(t in draft.tasks and draft.tasks[t].releases for t in after[task_id])
        task = Task(
            id=task_id,
            number=number,
            spec=spec,
            created_ms=draft.now_ms,
            state="queued" if landed else "waiting",
            after=after[task_id],
        )
        draft.put_task(task)
        draft.note(
            "info",
            "task.added",
            f"added: {spec.title}",
            task=task_id,
            repo=spec.repo,
            priority=spec.priority,
            tiers=spec.tiers,
            after=after[task_id],
        )
    draft.set("tasks_made", before + len(made))
    if made:
        demand.arrived(draft, tuple(made.values()))
    draft.settle = True


def new_or_known_ids(fleet: Fleet, event: TasksAdded) -> tuple[str, ...]:
    """The task of each spec, in their order: a new one, or the one that its source has already, in the fleet as it was
    before or earlier in the request."""
    sources = {spec.source for spec in event.specs if spec.source is not None}
    known = {_source(t.spec): t.id for t in fleet.tasks.values() if t.spec.source in sources}
    made = max(fleet.tasks_made, event.taken)
    ids: list[str] = []
    for spec in event.specs:
        there = None if spec.source is None else known.get(_source(spec))
        if there is None:
            made += 1
            there = f"t{made}"
            known[_source(spec)] = there
        ids.append(there)
    return tuple(ids)


def _source(spec: TaskSpec) -> tuple[str, str | None]:
    return spec.project_name, spec.source


def refuse_unprintable(what: str, text: str) -> None:
    """A title is one line that reads as what it is. Joiners are left: emoji and some scripts need them."""
    for at, letter in enumerate(text):
        if letter not in "\u200c\u200d" and unicodedata.category(letter) in _UNPRINTABLE:
            before = f", after “{text[:at][-20:]}”" if at else ""
            raise Refused(
                f"the {what} has {letter!a} as its character {at + 1}{before}: leave it out, a {what} is one line "
                "of visible characters"
            )


def _dependency(draft: Draft, ids: dict[str, str], spec: TaskSpec, name: str) -> str:
    found = ids.get(name) or (name if name in draft.tasks else None)
    if found is None:
        raise Refused(f"“{spec.title}” waits for {name}, but there is no such task: see `fleet task list`")
    return found


def _refuse_cycle(after: dict[str, tuple[str, ...]], names: dict[str, str]) -> None:
    """Looks among the new tasks, shown by the names they were given; old ones cannot wait for new ones."""
    try:
        TopologicalSorter(after).prepare()
    except CycleError as found:
        circle = [names.get(task_id, task_id) for task_id in reversed(found.args[1])]
        if len(circle) > CIRCLE_SHOWN:
            circle[CIRCLE_SHOWN // 2 : -CIRCLE_SHOWN // 2] = [f"… {len(circle) - CIRCLE_SHOWN} more …"]
        raise Refused(f"the tasks wait for each other in a circle: {' → '.join(circle)}") from None


def known(tasks: Mapping[str, Task], task_id: str) -> Task:
    """Raises Refused for one that is not there."""
    task = tasks.get(task_id)
    if task is None:
        raise Refused(f"there is no task {task_id}: see `fleet task list`")
    return task


def cancel_asked(draft: Draft, event: CancelAsked) -> None:
    task = known(draft.tasks, event.task)
    if task.state == "cancelled":
        return
    if task.state == "landed":
        raise Refused(f"{task.id} has already landed: there is nothing to cancel")
    if not task.landing_begun:
        cancel(draft, task)
    elif not task.breaking_off:
        draft.put_task(replace(task, breaking_off=True))
        draft.note(
            "info",
            "task.cancelling",
            f"its merge into {task.spec.target} is being broken off",
            task=task.id,
            target=task.spec.target,
        )


def retry_asked(draft: Draft, event: RetryAsked) -> None:
    """Puts an ended task back. Its branch goes on where it was, and its session, unless a new one is asked for."""
    task = known(draft.tasks, event.task)
    if task.state not in ("failed", "cancelled"):
        raise Refused(f"{task.id} is {task.state}: only a failed or cancelled task can be tried again")
    if task.attempt in draft.attempts:
        raise Refused(f"its worker {task.attempt} is still being stopped: try again in a moment")
    landed = all(draft.tasks[t].releases for t in task.after)
    draft.put_task(
        replace(
            replace(without_session(task), renewed_for="a person asked for a new one")
            if event.fresh
            else replace(task, shuns=(), bound=False),
            state="queued" if landed else "waiting",
            reason="",
            faults=0,
            host_faults=0,
            killed=0,
            repairs=0,
            returned=0,
            not_before_ms=0,
            ended_ms=None,
            unanswered=0,
            renewed=False,
            renewals=0,
            refused_on=(),
        )
    )
    draft.note(
        "info",
        "task.retried",
        "tried again, with a new session" if event.fresh else "tried again",
        task=task.id,
        fresh=event.fresh,
    )
    draft.settle = True


def person_said(draft: Draft, event: PersonSaid) -> None:
    """Words reach a running worker at once; otherwise the session's next worker is given them. Verified work
    whose merge has not begun goes back to its session for them."""
    task = known(draft.tasks, event.task)
    if task.state == "landed":
        raise Refused(f"{task.id} has landed: its session is over. Say it to a new one: fleet task add")
    if task.state in TASK_ENDS:
        raise Refused(
            f"{task.id} is {task.state}: put it back with `fleet task retry {task.id}`, then say it"
        )
    if task.landing_begun:
        raise Refused(
            f"{task.id} is being merged into {task.spec.target} right now: say it to a new task, or try again if "
            "the merge fails"
        )
    word = Word(event.word, event.text)
    attempt = draft.attempts.get(task.attempt or "")
    works = (
        task.state == "running" and attempt is not None and attempt.state == "running" and not attempt.judges
    )
    if event.tier is not None and not works:
        raise Refused(
            f"{task.id} has no worker at work now, and only a session at work can be given another tier"
        )
    draft.put_task(replace(task, words=(*task.words, word)))
    draft.note("info", "task.said", f"a person said: {event.text}", task=task.id, word=word.id)
    if attempt is not None and works:
        _tell_at_work(draft, attempt, word, event)
    elif task.state in ("review", "landing", "held") or task.judging is not None:
        take_back(draft, task.id, "a person has said more")


def _tell_at_work(draft: Draft, attempt: Attempt, word: Word, event: PersonSaid) -> None:
    model = None
    if event.tier is not None:
        model = draft.accounts[attempt.account].model_of(event.tier)
        if model is None:
            raise Refused(f"{attempt.account}, where {attempt.task} is at work, has no tier {event.tier}")
        attempt = replace(attempt, tier=event.tier, model=model)
        draft.put_task(replace(draft.tasks[attempt.task], made_with=event.tier))
    draft.put_attempt(replace(attempt, told=(*attempt.told, word.id)))
    draft.decide(
        TellWorker, attempt=attempt.id, word=word.id, text=word.text, interrupt=event.interrupt, model=model
    )


def take_back(draft: Draft, task_id: str, why: str) -> None:
    """There is more for its session to do before it may land, and before a model reviews it."""
    task = end_judging(draft, draft.tasks[task_id])
    draft.put_task(replace(task, state="queued", reason=why, not_before_ms=0))
    draft.settle = True


def prune_asked(draft: Draft, event: PruneAsked) -> None:
    for task_id in event.tasks:
        task = known(draft.tasks, task_id)
        if task.state not in TASK_ENDS:
            raise Refused(
                f"{task_id} is {task.state}: only the worktree of a task that has ended can be pruned"
            )
        if task.attempt not in draft.attempts:
            remove_worktree(draft, task_id)


def drain_asked(draft: Draft, event: DrainAsked) -> None:
    draft.set("draining", event.on)
    if event.on and event.stop_workers:
        for attempt in list(draft.attempts.values()):
            if attempt.state != "stopping":
                stop(draft, attempt, "paused", how="ladder")
    if not event.on:
        look_at_held(draft, at_once=True)
        draft.settle = True
