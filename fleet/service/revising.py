"""Revises what tasks were asked for: one, or many in the same way."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cache
from typing import Any

from fleet.core.events import PERSON, TaskRevised
from fleet.core.model import Fleet, Pause, TaskSpec
from fleet.core.model.policy import Project
from fleet.engine import Done
from fleet.errors import NotDone
from fleet.home import Home
from fleet.service.repositories import Repositories
from fleet.service.requests import submit_each
from fleet.service.tasks import make_request, spec_of, without_account, without_host
from fleet.shell.stamp import stamp
from fleet.spoken.task_fields import FIELDS
from fleet.spoken.times import UnknownTime
from fleet.views.snapshot import snapshot
from workers.client.launch import BadLaunch
from workers.git import GitError


@dataclass(frozen=True, slots=True)
class Edited:
    """The fields, as they are said, that are different from now on, and those that the next attempt has."""

    now: tuple[str, ...]
    next_attempt: tuple[str, ...]
    warnings: tuple[str, ...]


def edit_each(
    home: Home, task_ids: Sequence[str], said: Mapping[str, Any], now: datetime, by: str = PERSON
) -> dict[str, Edited | NotDone]:
    """Revises each of the tasks in the same way: `said` are fields by their words, None for what is taken away. What
    came of each, by its id. Raises NotDone when the words themselves are wrong."""
    fleet = snapshot(home)
    names = tuple(field.name for field in FIELDS if field.word in said)
    came: dict[str, Edited | NotDone] = {}
    asked: dict[str, TaskRevised] = {}
    with _targets(fleet, task_ids, said) as target_of:
        for task_id in task_ids:
            task = fleet.tasks.get(task_id)
            if task is None:
                came[task_id] = NotDone(f"there is no task {task_id}: see `fleet task list`")
                continue
            try:
                spec = _revised(task.spec, said, target_of(task.spec), now, fleet.projects)
            except GitError as failed:
                came[task_id] = NotDone(str(failed))
                continue
            if spec.paused is not None:
                spec = replace(spec, paused=Pause(by, spec.paused.why))
            asked[task_id] = TaskRevised(**stamp(), task=task_id, fields=names, spec=spec, by=by)
    for (task_id, event), done in zip(asked.items(), submit_each(home, list(asked.values())), strict=True):
        came[task_id] = done if isinstance(done, NotDone) else _edited(fleet, event.spec, said, done)
    return {task_id: came[task_id] for task_id in task_ids}


def _edited(fleet: Fleet, spec: TaskSpec, said: Mapping[str, Any], done: Done) -> Edited:
    warnings = without_account(fleet, [spec]) if "tier" in said else []
    warnings += without_host(fleet, [spec]) if "label" in said else []
    return Edited(_said(done.now), _said(done.later), tuple(warnings))


def _revised(
    spec: TaskSpec, said: Mapping[str, Any], target: str, now: datetime, projects: Mapping[str, Project]
) -> TaskSpec:
    """Raises NotDone, GitError."""
    given = {word: value for word, value in said.items() if value is not None}
    request = make_request({"prompt": spec.prompt, "repo": spec.repo, **given}, "fleet task edit")
    try:
        return spec_of(request, spec.repo, target, spec.project, now, projects)
    except (UnknownTime, BadLaunch) as failed:
        raise NotDone(str(failed)) from failed


@contextmanager
def _targets(
    fleet: Fleet, task_ids: Sequence[str], said: Mapping[str, Any]
) -> Iterator[Callable[[TaskSpec], str]]:
    """What each task lands in from now on. Only who names another target needs the repositories to be there, each of
    which is looked at once."""
    if "target" not in said:
        yield lambda spec: spec.target
        return
    named = said["target"]
    repos = {fleet.tasks[task_id].spec.repo for task_id in task_ids if task_id in fleet.tasks}
    with Repositories(repos) as repositories:

        @cache
        def target(repo: str) -> str:
            repository = repositories.at(repo)
            repository.read_targets({named})
            return repository.target(named)

        yield lambda spec: target(spec.repo)


def _said(names: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(field.word for field in FIELDS if field.name in names)
