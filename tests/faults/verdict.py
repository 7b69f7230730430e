"""What must hold when faults have been healed and time has passed: nothing is left over, nothing was lost."""

from __future__ import annotations

from collections.abc import Iterator

from fleet.core.dispatch import explain
from fleet.core.idle import is_idle
from fleet.core.model import Fleet
from fleet.core.model.lifecycles import TASK_ENDS
from tests.faults.safety import Watch
from tests.faults.world import World, lane_of


def unfinished(fleet: Fleet, world: World, watch: Watch) -> list[str]:
    """Each as a sentence; empty when all is well."""
    return [*_tasks(fleet), *_targets(fleet, world), *_workers(fleet, world), *_words(fleet, world, watch)]


def _tasks(fleet: Fleet) -> Iterator[str]:
    for task in fleet.tasks.values():
        why = explain(fleet, task)
        if task.state not in TASK_ENDS and not (task.state == "waiting" and why.stuck):
            yield f"every task that can end ends: {task.id} is {task.state}: {why.summary} {why.refusals}"
    if not is_idle(fleet):
        yield "a fleet that has nothing left to do is idle"


def _targets(fleet: Fleet, world: World) -> Iterator[str]:
    for lane, history in world.repos.targets.items():
        if len(set(history)) < len(history):
            yield f"a task lands once: {lane} holds {history}"
        for task_id in history:
            if fleet.tasks[task_id].state != "landed":
                yield f"what was merged has landed: {task_id} is {fleet.tasks[task_id].state}"
    for task in fleet.tasks.values():
        merged = task.spec.land == "merge" and task.state == "landed"
        if merged and task.id not in world.repos.history(lane_of(task)):
            yield f"what has landed was merged: {task.id}"


def _workers(fleet: Fleet, world: World) -> Iterator[str]:
    for run in world.runs.values():
        if run.alive:
            yield f"no worker is left behind: {run.attempt}"
    for task_id, host in world.disks.there:
        state = fleet.tasks[task_id].state
        if state in ("landed", "cancelled"):
            yield f"the worktree of a {state} task is removed: {task_id} on {host}"
        if host not in fleet.worktrees[task_id].hosts:
            yield f"what lies on a host is known: {task_id} on {host}"


def _words(fleet: Fleet, world: World, watch: Watch) -> Iterator[str]:
    for task in fleet.tasks.values():
        heard = world.disks.at_home(task.id).heard
        for word, times in heard.items():
            if times > 1 and task.id not in world.disks.strays:
                yield f"no word is heard twice: {task.id} heard {word} {times} times"
        if task.state == "landed":
            for word in sorted(watch.owed[task.id] - set(heard)):
                yield f"no word is lost: {task.id} landed without having heard {word}"
