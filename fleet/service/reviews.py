"""A person's verdict on verified work, with the commit that they have looked at."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import NamedTuple, TypeVar
from uuid import UUID

from fleet.core.events import ApproveAsked, LandAsked, Person, RejectAsked, SendBackAsked
from fleet.core.model import Fleet, Task
from fleet.core.rules.reviewing import short
from fleet.errors import NotDone
from fleet.home import Home
from fleet.service.repositories import Repositories
from fleet.service.requests import submit, submit_each
from fleet.service.talk import Ask
from fleet.shell.stamp import stamp
from fleet.views.snapshot import snapshot
from workers.git import Git, GitError

COMMENTS = "Comments on your work, by file and line:"

_COMMENT = re.compile(r"[^:\n]+:\d+(-\d+)?: \S")
_LEADS_ON = (" ", "\t")
"""With these a line goes on with the comment before it."""


class Approved(NamedTuple):
    """`again`: it is verified again first, as its branch has moved. `into` is the branch that it lands on; None where
    it is left on its own."""

    again: bool
    into: str | None
    branch: str


class Merged(NamedTuple):
    """Into which branch it will be merged, and what the person should know of that."""

    into: str
    held: str | None


def approve_each(
    home: Home, task_ids: Sequence[str], commit: str | None = None
) -> dict[str, Approved | NotDone]:
    """What was looked at may land: `commit`, else the one that was verified. What came of each task, by its id; it is
    refused, too, when its branch is elsewhere than what was looked at."""
    fleet = snapshot(home)
    repos = {task.spec.repo for task in _in_review(fleet, task_ids)}
    with Repositories(repos) as repositories:
        heads = _heads(repositories, _in_review(fleet, task_ids))

        def ask(task: Task) -> Person:
            looked_at = task.commit or ""
            if task.state == "review":
                looked_at = _as_it_is(task, heads[task.spec.repo], commit)
            return ApproveAsked(**stamp(), task=task.id, commit=looked_at, seen=task.commit or "")

        def told(task: Task, asked: Person) -> Approved:
            again = isinstance(asked, ApproveAsked) and asked.commit != task.commit
            return Approved(again, task.spec.target if task.spec.land == "merge" else None, task.branch or "")

        return _each(home, fleet, task_ids, ask, told)


def _in_review(fleet: Fleet, task_ids: Sequence[str]) -> list[Task]:
    return [task for task in map(fleet.tasks.get, task_ids) if task is not None and task.state == "review"]


Heads = dict[str, str] | NotDone
"""The commits of a repository's branches, or why they cannot be read."""


def _heads(repositories: Repositories, tasks: Sequence[Task]) -> dict[str, Heads]:
    """Of the tasks' branches, by repository: each is read once."""
    branches: dict[str, list[str]] = {}
    for task in tasks:
        branches.setdefault(task.spec.repo, []).append(task.branch or "")
    heads: dict[str, Heads] = {}
    for repo, names in branches.items():
        try:
            heads[repo] = repositories.at(repo).heads(names)
        except GitError as failed:
            heads[repo] = NotDone(str(failed))
    return heads


Told = TypeVar("Told")


def _each(
    home: Home,
    fleet: Fleet,
    task_ids: Sequence[str],
    ask: Callable[[Task], Person],
    told: Callable[[Task, Person], Told],
) -> dict[str, Told | NotDone]:
    """Asks of each task what `ask` makes of it (or raises NotDone), all at once, and says what came of each."""
    came: dict[str, Told | NotDone] = {}
    asked: dict[str, Person] = {}
    for task_id in task_ids:
        try:
            asked[task_id] = ask(_known(fleet, task_id))
        except NotDone as refused:
            came[task_id] = refused
    for (task_id, event), done in zip(asked.items(), submit_each(home, list(asked.values())), strict=True):
        came[task_id] = done if isinstance(done, NotDone) else told(fleet.tasks[task_id], event)
    return {task_id: came[task_id] for task_id in task_ids}


def _known(fleet: Fleet, task_id: str) -> Task:
    """Raises NotDone."""
    task = fleet.tasks.get(task_id)
    if task is None:
        raise NotDone(f"there is no task {task_id}: see `fleet task list`")
    return task


def _as_it_is(task: Task, heads: Heads, commit: str | None) -> str:
    """The commit that the task's branch is at, which is the one that was looked at. Raises NotDone."""
    if isinstance(heads, NotDone):
        raise heads
    git = Git(Path(task.spec.repo))
    try:
        head = heads.get(task.branch or "") or git.commit_of(task.commit or "")
        named = task.commit if commit is None else git.commit_of(commit)
    except GitError as failed:
        raise NotDone(str(failed)) from failed
    if head is None:
        raise NotDone(
            f"the branch {task.branch} of {task.id} is gone from {task.spec.repo}, and so is its commit"
        )
    if named is None:
        raise NotDone(
            f"{commit} is no commit of {task.spec.repo}: fleet task diff {task.id} shows which there is"
        )
    if named != head:
        raise NotDone(
            f"the branch of {task.id} has changed since you looked ({short(named)} → {short(head)}): look again, with "
            f"fleet task diff {task.id}, then fleet task approve {task.id} --commit {short(head)}"
        )
    return head


def send_back(home: Home, task_id: str, text: str, comments: str = "") -> None:
    """What the person says, and their comments on lines, reach the session as one message, word for word. Raises
    NotDone."""
    _refuse_no_comments(comments)
    said = "\n\n".join(part for part in (text, comments and f"{COMMENTS}\n{comments}") if part.strip())
    if not said:
        raise NotDone(f'say what is to be done: fleet task send-back {task_id} "…", or --comments FILE')
    event = stamp()
    submit(home, SendBackAsked(**event, task=task_id, word=str(UUID(event["id"])), text=said))


def read_comments(path: Path) -> str:
    """Raises NotDone."""
    try:
        return path.read_text(encoding="utf-8").rstrip("\n")
    except (OSError, UnicodeDecodeError) as failed:
        raise NotDone(f"{path} cannot be read: {failed}") from failed


def _refuse_no_comments(comments: str) -> None:
    for number, line in enumerate(comments.splitlines(), start=1):
        goes_on = line.startswith(_LEADS_ON) or not line.strip()
        if not _COMMENT.match(line) and not (goes_on and number > 1):
            raise NotDone(
                f"line {number} of the comments is “{line[:60]}”: write path:line: text, such as "
                "src/app.py:12: name it after what it gives; further lines of a comment begin with a blank"
            )


def land_each(home: Home, task_ids: Sequence[str], target: str | None = None) -> dict[str, Merged | NotDone]:
    """What was left on its branch is merged after all, into the target it began from or the one that is named. What
    came of each task, by its id."""
    fleet = snapshot(home)
    repos = {task.spec.repo for task in map(fleet.tasks.get, task_ids) if task is not None}
    with Repositories(repos) as repositories:

        @cache
        def merged(repo: str, named: str) -> Merged | NotDone:
            try:
                repository = repositories.at(repo)
                into = repository.target(named)
                return Merged(into, repository.holds_up(into))
            except GitError as failed:
                return NotDone(str(failed))

        def into(task: Task) -> Merged:
            found = merged(task.spec.repo, task.spec.target if target is None else target)
            if isinstance(found, NotDone):
                raise found
            return found

        return _each(
            home,
            fleet,
            task_ids,
            lambda task: LandAsked(**stamp(), task=task.id, target=into(task).into),
            lambda task, _: into(task),
        )


def rejecting(why: str = "") -> Ask:
    """Ends a task; what its session left is kept under refs/fleet/."""
    return lambda task_id: RejectAsked(**stamp(), task=task_id, why=why)
