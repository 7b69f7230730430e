"""Adds tasks: from a command line, or many at once from a TOML file."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from fleet.core.events import PERSON, TasksAdded
from fleet.core.model import Fleet, Pause, TaskSpec
from fleet.core.model.policy import AUTO, Project
from fleet.engine import Done
from fleet.errors import NotDone
from fleet.home import Home
from fleet.service.consents import unasked
from fleet.service.projects import expanded, project_name
from fleet.service.repositories import MANY, Repositories, Repository
from fleet.service.requests import submit
from fleet.shell import traces
from fleet.shell.stamp import stamp
from fleet.spoken import reviews
from fleet.spoken.labels import read_labels
from fleet.spoken.times import UnknownTime, parse_when
from fleet.views.snapshot import snapshot
from workers.client.launch import BadLaunch, check_rule
from workers.git import GitError
from workers.printable import one_line

TITLE_CHARS = 60

DEFAULT_TIERS = ("sonnet",)

SIZES = {"S": 0.5, "M": 1.0, "L": 2.0, "XL": 4.0}
"""Sizes by name, as a multiple of a usual task of the kind."""


class TaskRequest(BaseModel):
    """One task as it is asked for. The names are those of `fleet task add` and of `[[task]]` in a file."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    prompt: str
    repo: str
    id: str | None = None
    title: str | None = None
    tier: tuple[str, ...] | None = None
    kind: str = "execution"
    size: float = Field(default=1.0, gt=0, le=1e6)
    value: float | None = Field(default=None, gt=0, le=1e12)
    project: str = ""
    plan: str | None = None
    subagents: str | None = None
    priority: int = 0
    deadline: str | None = None
    after: tuple[str, ...] = ()
    verify: tuple[str, ...] = ()
    land: Literal["branch", "merge"] = "branch"
    target: str | None = None
    allow_tool: tuple[str, ...] = ()
    max_turns: int | None = Field(default=None, ge=1)
    max_budget_usd: float | None = Field(default=None, gt=0, allow_inf_nan=False)
    label: tuple[str, ...] = ()
    source: str | None = None
    paused: str | None = None
    allow_empty: bool = False
    review: str | None = None

    @field_validator("tier", mode="before")
    @classmethod
    def _tiers(cls, value: object) -> object:
        return tuple(t.strip() for t in value.split(",") if t.strip()) if isinstance(value, str) else value

    @field_validator("after", "verify", "allow_tool", "label", mode="before")
    @classmethod
    def _one_or_many(cls, value: object) -> object:
        return (value,) if isinstance(value, str) else value

    @field_validator("size", mode="before")
    @classmethod
    def _named_size(cls, value: object) -> object:
        return SIZES.get(value.strip().upper(), value) if isinstance(value, str) else value

    @field_validator("kind", "plan", "subagents", "source")
    @classmethod
    def _one_word(cls, value: str | None) -> str | None:
        if value is not None and (not value.isprintable() or len(value.split()) != 1):
            raise ValueError("must be one word")
        return value

    @field_validator("review", mode="before")
    @classmethod
    def _reviewed(cls, value: object) -> object:
        return reviews.read(value)

    @field_validator("label")
    @classmethod
    def _labels(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        return read_labels(value)

    @field_validator("project")
    @classmethod
    def _named(cls, value: str) -> str:
        if not value.isprintable():
            raise ValueError("must be a name, or the path of a repository")
        return value.strip()

    @field_validator("prompt", "paused")
    @classmethod
    def _not_blank(cls, value: str | None) -> str | None:
        if value is not None and not value.strip():
            raise ValueError("must not be empty")
        return value

    @field_validator("tier")
    @classmethod
    def _some_tier(cls, value: tuple[str, ...] | None) -> tuple[str, ...] | None:
        if value is None:
            return None
        if not value:
            raise ValueError("must name a tier, such as sonnet or sonnet,opus, or auto")
        if AUTO in value and len(value) > 1:
            raise ValueError(f"{AUTO} stands alone: the engine chooses among all tiers")
        return tuple(dict.fromkeys(value))


@dataclass(frozen=True, slots=True)
class Added:
    """The ids, in the order asked for, and what the person should know about them. Those of `there` were there before:
    their source has asked for them already."""

    ids: tuple[str, ...]
    there: tuple[str, ...]
    warnings: tuple[str, ...]


def add(home: Home, requests: list[TaskRequest], now: datetime) -> Added:
    """Raises NotDone when any of them cannot be added; then none is."""
    fleet = snapshot(home)
    with Repositories({request.repo for request in requests}) as repositories:
        specs, warnings = _specs(requests, repositories, now, fleet.projects)
    warnings += [*without_account(fleet, specs), *without_host(fleet, specs)]
    done = submit(home, TasksAdded(**stamp(), specs=tuple(specs), taken=_taken(home, fleet, specs)))
    warnings += [*_there(specs, done), *_without_consent(home, specs)]
    return Added(done.tasks, done.there, tuple(dict.fromkeys(warnings)))


def _taken(home: Home, fleet: Fleet, specs: list[TaskSpec]) -> int:
    """The number of the last task that left a trace in repositories that are new to this fleet, unless its home is new
    as well: then what is there is of another one."""
    new = {spec.repo for spec in specs} - {task.spec.repo for task in fleet.tasks.values()}
    if not new or not (fleet.tasks_made or traces.on_disk(home)):
        return 0
    return max(traces.in_repositories(sorted(new)), default=0)


def _without_consent(home: Home, specs: list[TaskSpec]) -> list[str]:
    """What would wait for a person's consent, of the first task of each repository. Of many repositories nobody wants
    to wait for that here."""
    first = {spec.repo: spec.target for spec in reversed(specs)}
    told: list[str] = []
    for repo, target in first.items() if len(first) < MANY else ():
        with suppress(GitError, OSError):  # the tasks have been added: their start tells of it
            told += filter(None, [unasked(home, Path(repo), target)])
    return told


def _there(specs: list[TaskSpec], done: Done) -> list[str]:
    """What made no task of its own, as its source has one."""
    seen = set(done.there)
    told = []
    for spec, task_id in zip(specs, done.tasks, strict=True):
        if task_id in seen:
            told.append(f"{spec.source} has asked for {task_id} already: no second task was added")
        seen.add(task_id)
    return told


@contextmanager
def _naming(requests: list[TaskRequest], number: int) -> Iterator[None]:
    """Says of many which one cannot be added."""
    try:
        yield
    except (GitError, UnknownTime, BadLaunch, NotDone) as failed:
        one = f"task {number + 1} (“{_title(requests[number])}”): " if len(requests) > 1 else ""
        raise NotDone(f"{one}{failed}") from failed


def _specs(
    requests: list[TaskRequest], found: Repositories, now: datetime, projects: Mapping[str, Project]
) -> tuple[list[TaskSpec], list[str]]:
    name_of = cache(project_name)
    specs: list[TaskSpec] = []
    warnings: list[str] = []
    for number, (request, repository) in enumerate(zip(requests, _located(requests, found), strict=True)):
        with _naming(requests, number):
            project = name_of(request.project) if request.project else ""
            specs.append(
                spec_of(
                    request, str(repository.root), repository.target(request.target), project, now, projects
                )
            )
            warnings += _warnings(request, repository, specs[-1].target)
    return specs, warnings


def _located(requests: list[TaskRequest], found: Repositories) -> list[Repository]:
    """The repository of each, which has looked up all that is asked of it."""
    repositories: list[Repository] = []
    targets: dict[Repository, tuple[int, set[str | None]]] = {}
    for number, request in enumerate(requests):
        with _naming(requests, number):
            repositories.append(found.at(request.repo))
        targets.setdefault(repositories[-1], (number, set()))[1].add(request.target)
    for repository, (first, named) in targets.items():
        with _naming(requests, first):
            repository.read_targets(named)
    return repositories


def without_account(fleet: Fleet, specs: list[TaskSpec]) -> list[str]:
    """Tiers that no account has may be mistyped, or their account may come later."""
    accounts = [account for account in fleet.accounts.values() if account.state != "removed"]
    there = {tier for account in accounts for tier, _ in account.tiers}
    asked = dict.fromkeys(
        tier
        for spec in specs
        for tier in (*spec.tiers, spec.plan_tier, spec.subagent_tier, reviews.tier_of(spec.review))
        if tier not in (None, AUTO)
    )
    advice = f"accounts have {', '.join(sorted(there))}" if there else "fleet account add"
    return [f"no account has the tier {tier} now ({advice})" for tier in asked if tier not in there]


def without_host(fleet: Fleet, specs: list[TaskSpec]) -> list[str]:
    """The same of labels: a task runs only on a host that has all of its."""
    hosts = list(fleet.hosts.values())
    asked = dict.fromkeys(spec.labels for spec in specs)
    return [
        f"no host has {'the label' if len(labels) == 1 else 'all the labels'} {', '.join(labels)} now (fleet host list)"
        for labels in asked
        if labels and not any(set(labels) <= set(host.labels) for host in hosts)
    ]


def _tiers(request: TaskRequest, project: Project | None) -> tuple[str, ...]:
    """Those asked for; else what its project allows, the engine choosing among them; else the usual one."""
    if request.tier is not None:
        return request.tier
    return (AUTO,) if project is not None and project.tiers else DEFAULT_TIERS


def spec_of(
    request: TaskRequest,
    root: str,
    target: str,
    project: str,
    now: datetime,
    projects: Mapping[str, Project],
) -> TaskSpec:
    for rule in request.allow_tool:
        check_rule(rule)
    return TaskSpec(
        prompt=request.prompt,
        repo=root,
        title=_title(request),
        tiers=_tiers(request, projects.get(project or root)),
        target=target,
        key=request.id,
        priority=request.priority,
        deadline_ms=parse_when(request.deadline, now) if request.deadline else None,
        after=request.after,
        verify=request.verify,
        land=request.land,
        allow_tools=request.allow_tool,
        max_turns=request.max_turns,
        max_budget_usd=request.max_budget_usd,
        project=project,
        kind=request.kind,
        size=request.size,
        value=request.value,
        plan_tier=request.plan,
        subagent_tier=request.subagents,
        labels=request.label,
        source=request.source,
        paused=Pause(request.source or PERSON, request.paused) if request.paused else None,
        allow_empty=request.allow_empty,
        review=request.review,
    )


def _warnings(request: TaskRequest, repository: Repository, target: str) -> list[str]:
    warnings = []
    if repository.dirty:
        warnings.append(
            f"{repository.here} has uncommitted changes; workers start from {target} as committed"
        )
    held = repository.holds_up(target) if request.land == "merge" else None
    return [*warnings, held] if held else warnings


def _title(request: TaskRequest) -> str:
    if request.title:
        return request.title
    first = one_line(request.prompt.strip().splitlines()[0].strip())
    return first if len(first) <= TITLE_CHARS else first[: TITLE_CHARS - 1].rstrip() + "…"


def read_file(path: Path) -> list[TaskRequest]:
    """The tasks of a TOML file: `[[task]]` tables, with what they share in `[defaults]`. A relative `repo` is relative
    to the file. Raises NotDone naming the table and key."""
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as failed:
        raise NotDone(f"{path} cannot be read: {failed.strerror}") from failed
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as failed:
        raise NotDone(f"{path} is not valid TOML: {failed}") from failed
    unknown = sorted(set(table) - {"defaults", "task"})
    if unknown or not isinstance(table.get("task"), list):
        what = f"unknown key {unknown[0]!r}" if unknown else "there is no [[task]]"
        raise NotDone(f"{path}: {what}; a file of tasks has [[task]] tables and at most one [defaults]")
    defaults = _table(path, "[defaults]", table.get("defaults", {}))
    if "source" in defaults:
        raise NotDone(f"{path}: [defaults] has a source: that is one task's, so put it into its [[task]]")
    places = _Places(path.parent)
    return [
        _request(path, n, places, {**defaults, **_table(path, f"task {n}", one)})
        for n, one in enumerate(table["task"], start=1)
    ]


class _Places:
    """What the paths in a file mean; each is looked at once."""

    def __init__(self, base: Path) -> None:
        self.path = cache(lambda said: str((base / expanded(said)).resolve()))
        self.project = cache(lambda said: project_name(said, base))


def _table(path: Path, named: str, value: object) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise NotDone(f"{path}: {named} is {value!r}, not a table of keys")
    return value


def _request(path: Path, number: int, places: _Places, one: Mapping[str, Any]) -> TaskRequest:
    merged: dict[str, Any] = {"repo": ".", **one}
    if isinstance(merged["repo"], str):
        merged["repo"] = places.path(merged["repo"])
    if isinstance(merged.get("project"), str) and merged["project"]:
        try:
            merged["project"] = places.project(merged["project"])
        except NotDone as failed:
            raise NotDone(f"{path}: task {number}: project: {failed}") from failed
    return make_request(merged, f"{path}: task {number}")


def make_request(values: Mapping[str, Any], named: str) -> TaskRequest:
    """Raises NotDone beginning with `named`."""
    try:
        return TaskRequest.model_validate(dict(values))
    except ValidationError as failed:
        problems = "; ".join(
            f"{'.'.join(map(str, p['loc']))}: {p['msg'].removeprefix('Value error, ')}"
            for p in failed.errors()
        )
        raise NotDone(f"{named}: {problems}") from failed
