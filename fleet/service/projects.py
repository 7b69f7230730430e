"""Projects: what they are called, and what persons lay down for them."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from fleet.core.events import ProjectSet
from fleet.core.model.policy import Project
from fleet.errors import NotDone
from fleet.home import Home
from fleet.service.requests import submit
from fleet.shell.stamp import stamp
from fleet.views.light import records
from fleet.views.project_figures import profile
from fleet.views.snapshot import snapshot
from workers.git import GitError
from workers.worktree.repository import locate


def expanded(path: str) -> Path:
    """The path with `~` filled in. Raises NotDone for the home of a user that there is none of."""
    try:
        return Path(path).expanduser()
    except RuntimeError as failed:
        raise NotDone(f"{path}: there is no such user's home") from failed


def project_name(said: str, base: Path | None = None) -> str:
    """What is written as a path is the repository there, by the path of its root (relative ones are relative to
    `base`); anything else is a name. Raises NotDone."""
    if "/" not in said and said not in (".", "..") and not said.startswith("~"):
        return said
    try:
        return str(locate((base or Path()) / expanded(said)).root)
    except GitError as failed:
        raise NotDone(str(failed)) from failed


@dataclass(frozen=True, slots=True)
class SandboxPaths:
    """What work may read, or write, in the sandbox from now on, and what it may no more: as a person says it."""

    read: Sequence[str] = ()
    write: Sequence[str] = ()
    forget: Sequence[str] = ()

    def __bool__(self) -> bool:
        return bool(self.read or self.write or self.forget)


def set_project(
    home: Home,
    said: str,
    *,
    weight: float | None,
    accounts: Sequence[str],
    tiers: Sequence[str],
    workers: int | None = None,
    sandbox: SandboxPaths = SandboxPaths(),
) -> str:
    """Lays down what holds for the project, in place of what held before; returns its name. What the sandbox lets it do
    is added to that; where nothing else is said, all else stays. Raises NotDone."""
    name = project_name(said)
    before = snapshot(home).projects.get(name, Project(name)) if home.database.exists() else Project(name)
    after = Project(
        name,
        1.0 if weight is None else weight,
        tuple(dict.fromkeys(accounts)),
        tuple(dict.fromkeys(_each(tiers))),
        workers,
    )
    if sandbox and after == Project(name) and weight is None:
        after = before
    forgotten = {_path(home, path) for path in sandbox.forget}
    reads = (*before.sandbox_read, *(_path(home, path) for path in sandbox.read))
    writes = (*before.sandbox_write, *(_path(home, path) for path in sandbox.write))
    project = replace(
        after,
        sandbox_read=tuple(path for path in dict.fromkeys(reads) if path not in forgotten),
        sandbox_write=tuple(path for path in dict.fromkeys(writes) if path not in forgotten),
    )
    submit(home, ProjectSet(**stamp(), project=project))
    return project.name


def _path(home: Home, said: str) -> str:
    """Absolute. Raises NotDone for one that has all of a person's home, or anything of Fleet's, in it."""
    path = Path(os.path.abspath(expanded(said)))  # noqa: PTH100
    for known in (Path.home(), home.root):
        if any(one.is_relative_to(path.resolve()) for one in (known, known.resolve())):
            raise NotDone(f"{path} is too much: {known} lies in it. Name a directory below that work needs")
    if path.resolve().is_relative_to(home.root.resolve()):
        raise NotDone(f"{path} is the fleet's own, and no work may reach that")
    return str(path)


def _each(said: Iterable[str]) -> list[str]:
    return [word.strip() for one in said for word in one.split(",") if word.strip()]


def projects(home: Home) -> list[dict[str, Any]]:
    """Those laid down and those that tasks belong to, by name. No accounts or tiers: all of them; no workers: as many
    as there is room for. `running` are its workers now."""
    fleet = snapshot(home)
    tasks: dict[str, Counter[str]] = {name: Counter() for name in fleet.projects}
    for task in fleet.tasks.values():
        tasks.setdefault(task.spec.project_name, Counter())[task.shown_state] += 1
    running = Counter(fleet.tasks[a.task].spec.project_name for a in fleet.attempts.values())
    return [
        _shown(fleet.projects.get(name, Project(name)), tasks[name], running[name]) for name in sorted(tasks)
    ]


def project(home: Home, said: str) -> dict[str, Any]:
    """With its `profile`: what its tasks take, by kind and tier. Raises NotDone for one that nothing is known of."""
    name = project_name(said)
    found = next((one for one in projects(home) if one["name"] == name), None)
    if found is None:
        raise NotDone(f"there is no project {name}: see `fleet project list`")
    return {**found, "profile": profile(home, snapshot(home), name)}


def _shown(one: Project, tasks: Counter[str], running: int) -> dict[str, Any]:
    return {
        "name": one.name,
        "weight": one.weight,
        "accounts": list(one.accounts),
        "tiers": list(one.tiers),
        "workers": one.workers,
        "sandbox_read": list(one.sandbox_read),
        "sandbox_write": list(one.sandbox_write),
        "paused": one.paused and records.pause(asdict(one.paused)),
        "running": running,
        "tasks": dict(sorted(tasks.items())),
    }
