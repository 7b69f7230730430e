"""A person's verdict on verified work, with the commit that they have looked at."""

from __future__ import annotations

import re
from pathlib import Path
from uuid import UUID

from fleet.core.events import ApproveAsked, LandAsked, RejectAsked, SendBackAsked
from fleet.core.model import Task
from fleet.core.rules.reviewing import short
from fleet.errors import NotDone
from fleet.home import Home
from fleet.service.repositories import Repositories
from fleet.service.requests import submit
from fleet.shell.stamp import stamp
from fleet.views.snapshot import snapshot
from workers.git import HEADS, Git, GitError

COMMENTS = "Comments on your work, by file and line:"

_COMMENT = re.compile(r"[^:\n]+:\d+(-\d+)?: \S")
_LEADS_ON = (" ", "\t")
"""With these a line goes on with the comment before it."""


def approve(home: Home, task_id: str, commit: str | None = None) -> bool:
    """What was looked at may land: `commit`, else the one that was verified. Whether it is verified again first, as the
    branch has moved. Raises NotDone, also when the branch is elsewhere than what was looked at."""
    task = known(home, task_id)
    looked_at = task.commit or ""
    if task.state == "review":
        looked_at = _as_it_is(task, commit)
    submit(home, ApproveAsked(**stamp(), task=task_id, commit=looked_at, seen=task.commit or ""))
    return looked_at != task.commit


def known(home: Home, task_id: str) -> Task:
    """Raises NotDone."""
    task = snapshot(home).tasks.get(task_id)
    if task is None:
        raise NotDone(f"there is no task {task_id}: see `fleet task list`")
    return task


def _as_it_is(task: Task, commit: str | None) -> str:
    """The commit that the task's branch is at, which is the one that was looked at. Raises NotDone."""
    try:
        git = Git(Path(task.spec.repo))
        head = git.commit_of(f"{HEADS}{task.branch}") or git.commit_of(task.commit or "")
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


def land(home: Home, task_id: str, target: str | None = None) -> str | None:
    """What was left on its branch is merged after all, into the target it began from or the one that is named. What the
    person should know of that target. Raises NotDone."""
    task = known(home, task_id)
    with Repositories({task.spec.repo}) as repositories:
        try:
            repository = repositories.at(task.spec.repo)
            named = task.spec.target if target is None else target
            repository.read_targets({named})
            named = repository.target(named)
            held = repository.holds_up(named)
        except GitError as failed:
            raise NotDone(str(failed)) from failed
    submit(home, LandAsked(**stamp(), task=task_id, target=named))
    return held


def reject(home: Home, task_id: str, why: str = "") -> None:
    """Ends the task; what its session left is kept under refs/fleet/. Raises NotDone."""
    submit(home, RejectAsked(**stamp(), task=task_id, why=why))
