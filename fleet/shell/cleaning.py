"""Keeping house by one rule: what belongs to tasks that ended long enough ago goes, unless something would be lost.

Worktrees go once what is in no commit has been preserved; branches when their target has all of them; runs and logs
when nothing is left of the worker; tasks are forgotten last, when nothing else is left of them. What stays though it is
old enough is told with the reason.
"""

from __future__ import annotations

import fcntl
import os
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, get_args

from fleet.core import events
from fleet.core.model import Fleet, Task
from fleet.core.rules.forgetting import ended_before, kept, waited_for
from fleet.errors import NotDone
from fleet.home import Home
from fleet.shell import old_branches
from fleet.shell.stamp import stamp
from fleet.shell.traces import strangers
from fleet.spoken import settings
from fleet.spoken.spans import DAY_MS, span_ms
from workers.git import GitError
from workers.worktree.deleting import delete

Part = Literal["worktrees", "branches", "runs", "journal"]
PARTS: tuple[Part, ...] = get_args(Part)
AT_ONCE = 2_000
"""So many tasks are forgotten with one event, so that nobody waits for long behind it."""
OLD_MS = 30 * DAY_MS
"""A task that ended so long ago is old, unless told otherwise."""


@dataclass(frozen=True, slots=True)
class Rule:
    """What is cleaned, of tasks that ended so long ago. `automatic`: the coordinator does it by itself."""

    parts: frozenset[Part] = frozenset(PARTS)
    older_than_ms: int = OLD_MS
    automatic: bool = False


def read_rule(home: Home) -> Rule:
    """The settings `clean.*`. Raises NotDone where they say what nobody understands."""
    try:
        said = settings.section("clean", home.config, os.environ)
    except settings.WrongSetting as failed:
        raise NotDone(str(failed)) from failed
    parts = frozenset(part for part in PARTS if said[part])
    return Rule(parts, span_ms(said["older_than"]), said["automatic"] is True)


@dataclass(slots=True)
class Found:
    """What goes, and what stays though it is old enough: by the reason, what. `branches` by repository: what may go, by
    full name with its commit."""

    worktrees: list[str] = field(default_factory=list)
    branches: dict[str, Mapping[str, str]] = field(default_factory=dict)
    runs: list[Path] = field(default_factory=list)
    tasks: list[str] = field(default_factory=list)
    kept: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))

    @property
    def branch_names(self) -> list[str]:
        heads = "refs/heads/"
        names = (name for refs in self.branches.values() for name in refs)
        return sorted(name.removeprefix(heads) for name in names if name.startswith(heads))


def look(home: Home, fleet: Fleet, rule: Rule, now_ms: int) -> Found:
    """Changes nothing."""
    found, before_ms = Found(), now_ms - rule.older_than_ms
    old = [task for task in fleet.tasks.values() if ended_before(task, before_ms)]
    there = {task for task, worktree in fleet.worktrees.items() if worktree.state != "removed"}
    if "worktrees" in rule.parts:
        _look_at_worktrees(home, fleet, old, found)
    settled = [task for task in old if task.id not in there and task.attempt not in fleet.attempts]
    if "branches" in rule.parts:
        _look_at_branches(home, settled, found)
    runs = _runs_by_task(home)
    if "runs" in rule.parts:
        _look_at_runs(fleet, settled, runs, found)
    if "journal" in rule.parts:
        goes = {*found.runs}
        left = {task for task, paths in runs.items() if not goes.issuperset(paths)}
        _look_at_tasks(fleet, old, left, found)
    return found


def _look_at_worktrees(home: Home, fleet: Fleet, old: Iterable[Task], found: Found) -> None:
    for task in old:
        worktree = fleet.worktrees.get(task.id)
        if worktree is None or worktree.state not in ("making", "ready"):
            continue
        if task.attempt in fleet.attempts:
            found.kept["its worker is still ending"].append(f"worktree of {task.id}")
        else:
            found.worktrees.append(task.id)
    for path in strangers(home, fleet):
        found.kept["this database does not know its task"].append(str(path))


def _look_at_branches(home: Home, settled: Iterable[Task], found: Found) -> None:
    by_repo: dict[str, list[Task]] = defaultdict(list)
    for task in settled:
        by_repo[task.spec.repo].append(task)
    for repo, tasks in by_repo.items():
        try:
            seen = old_branches.old_branches(home, repo, tasks)
        except (GitError, OSError) as failed:
            found.kept[f"its repository cannot be read: {failed}"].append(repo)
            continue
        found.branches[repo] = seen.removable
        for name, why in seen.kept.items():
            found.kept[why].append(f"branch {name}")


def _runs_by_task(home: Home) -> dict[str, list[Path]]:
    """Runs and logs of verifications, by the task of their name."""
    found: dict[str, list[Path]] = defaultdict(list)
    for folder in (home.runs, home.checks):
        for path in folder.iterdir() if folder.is_dir() else ():
            if not path.name.startswith("."):
                found[path.name.partition(".")[0]].append(path)
    return found


def _look_at_runs(
    fleet: Fleet, settled: Iterable[Task], runs: Mapping[str, list[Path]], found: Found
) -> None:
    for task in settled:
        found.runs += runs.get(task.id, [])
    for name, paths in runs.items():
        if name not in fleet.tasks:
            found.kept["this database does not know its task"] += map(str, paths)


def _look_at_tasks(fleet: Fleet, old: Iterable[Task], left: Collection[str], found: Found) -> None:
    needed, going = waited_for(fleet), {*found.worktrees}
    for task in old:
        why = kept(fleet, task, needed)
        if task.id in going and task.state != "failed":
            why = "its worktree goes first: it is forgotten the next time"
        elif not why and task.id in left:
            why = "its runs are still there"
        if why:
            found.kept[why].append(f"task {task.id}")
        else:
            found.tasks.append(task.id)


def sweep(found: Found) -> Iterator[str]:
    """Removes branches and runs, which no state knows of; gives in words what could not be. Worktrees and tasks are the
    coordinator's to remove, or the engine's."""
    for repo, refs in found.branches.items():
        try:
            old_branches.remove(repo, refs)
        except (GitError, OSError) as failed:
            found.branches[repo] = {}
            yield f"branches of {repo} stay: {failed}"
    for path in list(found.runs):
        try:
            if not _removed(path):
                found.runs.remove(path)
                yield f"{path} stays: it still has its supervisor"
        except OSError as failed:
            found.runs.remove(path)
            yield f"{path} stays: {failed}"


def events_of(found: Found, rule: Rule, now_ms: int) -> Iterator[events.Person]:
    """What is to be applied so that worktrees and tasks go: the first of them always, whatever there is to remove."""
    yield events.PruneAsked(**stamp(), tasks=tuple(found.worktrees))
    if "journal" in rule.parts:
        for begin in range(0, max(len(found.tasks), 1), AT_ONCE):
            some = tuple(found.tasks[begin : begin + AT_ONCE])
            yield events.ForgetAsked(**stamp(), tasks=some, before_ms=now_ms - rule.older_than_ms)


def by_itself(home: Home, fleet: Fleet, now_ms: int) -> list[events.Person]:
    """As the coordinator does it, where the home's rule says so. Raises NotDone, OSError."""
    rule = read_rule(home)
    if not rule.automatic:
        return []
    found = look(home, fleet, rule, now_ms)
    for _ in sweep(found):
        pass  # it is tried again the next time
    return [*events_of(found, rule, now_ms)]


def _removed(path: Path) -> bool:
    """False where a supervisor holds the run."""
    if not path.is_dir():
        path.unlink(missing_ok=True)
        return True
    try:
        fd = os.open(path / "lock", os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        fd = -1
    try:
        if fd >= 0:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        delete(path)
    except BlockingIOError:
        return False
    finally:
        if fd >= 0:
            os.close(fd)
    return True
