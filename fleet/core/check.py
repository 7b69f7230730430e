"""The invariants of the fleet, as sentences. The simulator asks for them after every step."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from fleet.core.model import Fleet, queue_of
from fleet.core.model.lifecycles import TASK_ENDS


def broken(fleet: Fleet) -> list[str]:
    """The invariants that do not hold, each as a sentence with what breaks it. Empty when all is well."""
    return [
        *_queue(fleet),
        *_workers(fleet),
        *_order(fleet),
        *_reviews(fleet),
        *_judging(fleet),
        *_landings(fleet),
        *_worktrees(fleet),
        *_hosts(fleet),
        *_ends(fleet),
    ]


def dangling(fleet: Fleet) -> list[str]:
    """What refers to something that is not there, each as a sentence: such a fleet is damaged, and no rule may be
    applied to it. Empty when all is there."""
    there = {"task": fleet.tasks, "account": fleet.accounts, "host": fleet.hosts}
    found = [
        (f"the attempt {attempt.id}", what, getattr(attempt, what))
        for attempt in fleet.attempts.values()
        for what in there
    ]
    found += [(f"the worktree of {w.task}", "task", w.task) for w in fleet.worktrees.values()]
    found += [(task.id, "task", after) for task in fleet.tasks.values() for after in task.after]
    return [
        *(
            f"{who} names the {what} {name}, which is not there"
            for who, what, name in found
            if name not in there[what]
        ),
        *(f"{a.id} has no worktree" for a in fleet.attempts.values() if a.task not in fleet.worktrees),
        *(f"{a.id} has ended, and counts as living" for a in fleet.attempts.values() if a.state == "ended"),
        *(
            f"{task.id} runs, and has no attempt"
            for task in fleet.tasks.values()
            if task.state == "running" and task.attempt not in fleet.attempts
        ),
    ]


def _queue(fleet: Fleet) -> Iterator[str]:
    if fleet.queue != queue_of(fleet.tasks.values()):
        yield "the queue holds exactly the queued tasks that are not paused, in lanes of rank order"


def _workers(fleet: Fleet) -> Iterator[str]:
    by_task = Counter(a.task for a in fleet.attempts.values())
    for task_id, workers in by_task.items():
        if workers > 1:
            yield f"no two workers are in one worktree: {task_id} has {workers}"
    for attempt in fleet.attempts.values():
        if attempt.state == "ended":
            yield f"an attempt that has ended leaves the fleet: {attempt.id}"
        if fleet.tasks[attempt.task].attempt != attempt.id:
            yield f"a living attempt is its task's own: {attempt.id}"
    for task in fleet.tasks.values():
        if task.state == "running" and task.attempt not in fleet.attempts:
            yield f"a running task has a living attempt: {task.id}"


def _order(fleet: Fleet) -> Iterator[str]:
    for task in fleet.tasks.values():
        open_ones = [t for t in task.after if not fleet.tasks[t].releases]
        if open_ones and task.state not in ("waiting", "cancelled", "failed"):
            yield f"a task starts only when all it waits for has landed: {task.id} is {task.state} before {open_ones}"
        if not open_ones and task.state == "waiting":
            yield f"a task whose dependencies have all landed waits no longer: {task.id}"


def _reviews(fleet: Fleet) -> Iterator[str]:
    for task in fleet.tasks.values():
        if task.state != "review":
            continue
        attempt = fleet.attempts.get(task.attempt or "")
        if attempt is not None and attempt.state != "stopping":
            yield f"nobody works on what a person looks at: {attempt.id} is {attempt.state}"
        if task.approved is not None:
            yield f"what has been approved is not looked at again: {task.id}"


def _judging(fleet: Fleet) -> Iterator[str]:
    for task in fleet.tasks.values():
        if task.judging is not None and task.state not in ("queued", "running"):
            yield f"work is judged only before it goes its way: {task.id} is {task.state}"
        if task.judging is not None and task.words:
            yield f"what is said to a session is never said to its judge: {task.id}"
    for attempt in fleet.attempts.values():
        judging = fleet.tasks[attempt.task].judging is not None
        if attempt.state != "stopping" and attempt.judges != judging:
            yield f"who judges works nothing, and who works judges nothing: {attempt.id}"


def _landings(fleet: Fleet) -> Iterator[str]:
    lanes = Counter((t.spec.repo, t.spec.target) for t in fleet.tasks.values() if t.landing_begun)
    for lane, count in lanes.items():
        if count > 1:
            yield f"one landing at a time per target: {lane} has {count}"
    for task in fleet.tasks.values():
        if task.landing_begun and task.state != "landing":
            yield f"only a landing task is being merged: {task.id} is {task.state}"
        if task.breaking_off and not task.landing_begun:
            yield f"only a merge under way is broken off: {task.id} is {task.state}"
        if task.state == "landing" and (task.spec.repo, task.spec.target) not in lanes:
            yield f"a target with tasks to land has a landing under way: {task.id} waits"


def _worktrees(fleet: Fleet) -> Iterator[str]:
    slots = Counter(w.slot for w in fleet.worktrees.values() if w.state != "removed")
    for slot, count in slots.items():
        if count > 1:
            yield f"every worktree has a block of ports of its own: slot {slot} is shared by {count}"
    for attempt in fleet.attempts.values():
        worktree = fleet.worktrees.get(attempt.task)
        if worktree is None or worktree.state in ("removing", "removed"):
            yield f"no worktree is removed under a worker: {attempt.id}"


def _hosts(fleet: Fleet) -> Iterator[str]:
    yield from _answering(fleet)
    there = {name for name, host in fleet.hosts.items() if not host.is_given_up}
    for attempt in fleet.attempts.values():
        worktree = fleet.worktrees.get(attempt.task)
        if attempt.host not in there:
            yield f"no attempt lives on a host that is given up or unknown: {attempt.id} on {attempt.host}"
        if worktree is not None and worktree.host != attempt.host:
            yield f"an attempt runs where its worktree is: {attempt.id} on {attempt.host}, not {worktree.host}"
    for worktree in fleet.worktrees.values():
        if not there.issuperset(worktree.hosts):
            yield f"no worktree lies on a host that is given up or unknown: that of {worktree.task} on {worktree.hosts}"
        if worktree.moves_from is not None and worktree.state == "ready":
            yield f"work is where a worker has gone on with it: {worktree.task} still moves from {worktree.moves_from}"


def _answering(fleet: Fleet) -> Iterator[str]:
    for host in fleet.hosts.values():
        if (host.state == "ready") != (host.silent_since_ms is None):
            yield f"a host is silent since some time exactly when it does not answer: {host.name} is {host.state}"
        if host.state == "distrusted" and not host.problem:
            yield f"what a host did that is not to be trusted is said: {host.name}"
        if host.is_here and host.state != "ready":
            yield f"this machine always answers: {host.name} is {host.state}"


def _ends(fleet: Fleet) -> Iterator[str]:
    for task in fleet.tasks.values():
        if (task.state in TASK_ENDS) != (task.ended_ms is not None):
            yield f"a task has an end exactly when it has ended: {task.id} is {task.state}"
        if task.state == "landed" and not task.landed_commit:
            yield f"a landed task names its commit: {task.id}"
        if task.state == "failed" and not task.reason:
            yield f"a failed task says why: {task.id}"
