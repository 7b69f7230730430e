"""Traces of ids that were given out: on this disk, and in what repositories have by name.

A database that was put back from a backup is older than they are. Yet no id is given out twice: it names branches,
references, directories and sessions, and two things under one name would be taken for each other. And what the
references prove to have landed has landed, whatever such a database says.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from fleet.core import events
from fleet.core.model import HERE, Attempt, Fleet, Task
from fleet.core.model.lifecycles import TASK_ENDS
from fleet.home import Home
from fleet.shell import places
from fleet.shell.stamp import stamp
from workers.client import session
from workers.git import HEADS, Git, GitError
from workers.landing import was_verified
from workers.worktree.branch import claimed

Traces = dict[int, int]
"""By the number of a task the highest number of an attempt that left a trace, 0 where none did."""

_OURS = re.compile(
    r"refs/(?:heads/fleet[/-]|fleet/made/[^/]+/fleet[/-]|fleet/(?:verified|checkpoints|work|given-up|preserved|kept)/)"
    r"t(\d{1,7})(?:\.(\d{1,7}))?(?![A-Za-z0-9])"
)
_RUN = re.compile(r"t(\d{1,7})\.(\d{1,7})")
_FILE = re.compile(r"t(\d{1,7})(?:\.(\d{1,7}))?\.(?:log|picture)")
_WORKTREE = re.compile(r"t(\d{1,7})(?:\..*)?")
_ORDER = re.compile(r"\d+-d(\d{1,12})\..*")


def on_disk(home: Home) -> Traces:
    """Runs, logs, pictures, worktrees and sessions of this home."""
    found: Traces = {}
    _note(found, _RUN, _names(home.runs))
    _note(found, _FILE, _names(home.checks))
    _note(found, _FILE, _names(home.pictured))
    for repository in _names(home.worktrees):
        _note(found, _WORKTREE, _names(home.worktrees / repository))
    of_ours = re.compile(re.escape(session.slug(str(home.worktrees.resolve()))) + r"-.*-t(\d{1,7})")
    for account in _names(home.root / "accounts"):
        _note(found, of_ours, _names(home.config_dir(account) / "projects"))
    return found


def in_repositories(repos: Iterable[str]) -> Traces:
    """Branches and references, of whichever home. A repository that cannot be read has none to tell of."""
    found: Traces = {}
    for repo in repos:
        try:
            words = (
                "for-each-ref",
                "--format=%(refname)",
                "refs/fleet/",
                f"{HEADS}fleet/",
                f"{HEADS}fleet-*",
            )
            _note(found, _OURS, Git(Path(repo)).run(*words).lines)
        except (GitError, OSError):
            continue
    return found


def newer(home: Home, fleet: Fleet) -> list[events.Event]:
    """What a fleet that is older than the world has to be told before it goes on; nothing, as a rule."""
    repos = sorted({task.spec.repo for task in fleet.tasks.values()})
    return [*given_out(home, fleet, repos), *landed(home, fleet)]


def given_out(home: Home, fleet: Fleet, repos: Iterable[str]) -> Iterator[events.TracesFound]:
    """What was given out and the fleet does not know of: one event, or none."""
    found = on_disk(home)
    for number, attempt in in_repositories(repos).items():
        found[number] = max(attempt, found.get(number, 0))
    tasks = max(found, default=0)
    attempts = tuple(
        (task.id, found[task.number])
        for task in fleet.tasks.values()
        if found.get(task.number, 0) > task.attempts
    )
    decisions = _last_order(home, fleet.attempts.values())
    if tasks > fleet.tasks_made or attempts or decisions > fleet.decisions_made:
        unknown = tuple(f"t{number}" for number in sorted(found) if number > fleet.tasks_made)
        yield events.TracesFound(
            **stamp(), tasks=tasks, attempts=attempts, decisions=decisions, unknown=unknown
        )


def landed(home: Home, fleet: Fleet) -> Iterator[events.FoundLanded]:
    """The open tasks whose verified work is in their target already, those first that others wait for."""
    released = {task.id for task in fleet.tasks.values() if task.releases}
    found: set[str] = set()
    waiting = [t for t in fleet.tasks.values() if t.state not in TASK_ENDS and t.spec.land == "merge"]
    verified = {repo: _verified(repo) for repo in {task.spec.repo for task in waiting}}
    waiting = [task for task in waiting if places.verified_ref(task) in verified[task.spec.repo]]
    proved = {task.id: _proved(home, fleet, task) for task in waiting}
    while ready := [
        t for t in waiting if t.id not in found and proved[t.id] and released.issuperset(t.after)
    ]:
        for task in ready:
            found.add(task.id)
            released.add(task.id)
            yield events.FoundLanded(**stamp(), task=task.id, commit=proved[task.id] or "")


def _proved(home: Home, fleet: Fleet, task: Task) -> str | None:
    """The commit with which the task's own work was verified, where its target has that; None where it has not."""
    git = Git(Path(task.spec.repo))
    try:
        target, verified = (
            git.commit_of(f"{HEADS}{task.spec.target}"),
            git.commit_of(places.verified_ref(task)),
        )
        if target is None or verified is None:
            return None
        tips = _own_tips(git, home, fleet, task)
        if not tips or not all(was_verified(git, tip, verified, target) for tip in tips):
            return None
        return None if task.words and not _made_since(git, tips, fleet.now_ms) else verified
    except (GitError, OSError):
        return None


def _own_tips(git: Git, home: Home, fleet: Fleet, task: Task) -> list[str]:
    """Of the branches that are provably the task's, those where something was done; another home may have a task of
    the same id in the same repository."""
    bases: dict[str, str | None] = dict(claimed(git, places.worktree_path(home, task)))
    worktree = fleet.worktrees.get(task.id)
    if task.branch is not None and worktree is not None and worktree.host != HERE:
        bases.setdefault(task.branch, task.base_commit)
    tips = {name: git.commit_of(f"{HEADS}{name}") for name in bases}
    return [tip for name, tip in tips.items() if tip is not None and tip != bases[name]]


def _made_since(git: Git, tips: Iterable[str], now_ms: int) -> bool:
    """Whether its work is newer than what is known: then its words were taken up in between, too."""
    stamps = [int(git.said("show", "--no-patch", "--format=%ct", tip, "--")) for tip in tips]
    return max(stamps) * 1_000 > now_ms


def _verified(repo: str) -> set[str]:
    try:
        return set(Git(Path(repo)).run("for-each-ref", "--format=%(refname)", "refs/fleet/verified/").lines)
    except (GitError, OSError):
        return set()


def _last_order(home: Home, living: Iterable[Attempt]) -> int:
    """The highest decision of which a worker has been told: an order of the same name would not be obeyed again."""
    names = (name for attempt in living for name in _names(home.runs / attempt.id / "orders"))
    return max((int(found[1]) for name in names if (found := _ORDER.fullmatch(name))), default=0)


def _note(found: Traces, pattern: re.Pattern[str], names: Iterable[str]) -> None:
    for name in names:
        match = pattern.fullmatch(name) if pattern is not _OURS else pattern.match(name)
        if match is not None:
            number = int(match[1])
            attempt = int(match[2] or 0) if pattern.groups > 1 else 0
            found[number] = max(attempt, found.get(number, 0))


def _names(folder: Path) -> list[str]:
    try:
        return [path.name for path in folder.iterdir()]
    except (FileNotFoundError, NotADirectoryError):
        return []


def strangers(home: Home, fleet: Fleet) -> list[Path]:
    """Worktrees of tasks that the fleet does not know. They are left as they are: work may lie in them."""
    return [
        home.worktrees / repository / name
        for repository in sorted(_names(home.worktrees))
        for name in sorted(_names(home.worktrees / repository))
        if re.fullmatch(r"t\d+", name) and name not in fleet.tasks
    ]
