"""Where a task's work lies: its worktree, its branch's name, its ports, the marker of its processes."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

from fleet.core.model import Task
from fleet.home import Home

CHECK = "check-"
GIT = "git"


def _of_repository(repo: str) -> str:
    """The name of its directories: its own for people, a digest of its path for uniqueness."""
    name = re.sub(r"[^A-Za-z0-9._-]+", "-", Path(repo).name).strip("-.") or "repository"
    return f"{name}-{hashlib.sha256(repo.encode()).hexdigest()[:8]}"


def worktree_path(home: Home, task: Task) -> Path:
    return home.worktrees / _of_repository(task.spec.repo) / task.id


def landing_path(home: Home, task: Task) -> Path:
    """The worktree in which merges into the task's target are made and verified."""
    digest = hashlib.sha256(task.spec.target.encode()).hexdigest()[:8]
    return home.worktrees / _of_repository(task.spec.repo) / f"landing-{digest}"


def branch_name(task: Task) -> str:
    """The branch it has, or `fleet/<task>-<slug>` for one that has none yet."""
    slug = re.sub(r"[^a-z0-9]+", "-", task.spec.title.lower()).strip("-")[:40].strip("-")
    return task.branch or (f"fleet/{task.id}-{slug}" if slug else f"fleet/{task.id}")


def preserve_ref(task: Task) -> str:
    return f"refs/fleet/preserved/{task.id}.{task.attempts}"


def verified_ref(task: Task) -> str:
    return f"refs/fleet/verified/{task.id}"


def check_marker(task: Task, home_id: str) -> str:
    """FLEET_RUN of a task's verification, which is not a worker's."""
    return f"{CHECK}{task.id}@{home_id}"


def git_marker(task: Task, home_id: str) -> str:
    """FLEET_RUN of what git at home does for a task, and of the hooks that it runs."""
    return f"{GIT}-{task.id}@{home_id}"


def home_git_marker(home_id: str) -> str:
    """The same of what a coordinator's git does for no task in particular."""
    return f"{GIT}@{home_id}"


def is_git_marker(name: str) -> bool:
    """Of a marker without the home's id."""
    return name == GIT or name.startswith(f"{GIT}-")


def check_log(home: Home, task: Task) -> Path:
    """Where the output of the attempt's verification goes. Raises OSError where it cannot."""
    home.checks.mkdir(mode=0o700, parents=True, exist_ok=True)
    return home.checks / f"{task.id}.{task.attempts}.log"


def checkpoint_ref(task: Task) -> str:
    """What a worker on another host had in no commit yet when that was last brought home."""
    return f"refs/fleet/checkpoints/{task.id}"


def work_ref(task: Task) -> str:
    """The head of the task's branch on another host, as it was last brought home."""
    return work_ref_of(task.id)


def work_ref_of(task_id: str) -> str:
    return f"refs/fleet/work/{task_id}"
