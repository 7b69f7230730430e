"""What a task has changed: from where its branch left its target to where it is now."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from fleet.core.model import HERE
from fleet.errors import NotDone, NotFound
from fleet.home import Home
from fleet.ports import Record
from fleet.shell.places import work_ref_of
from fleet.store.sqlite_reader import SqliteReader
from workers import changes
from workers.changes import Changes
from workers.git import HEADS, Git, GitError, answer


@dataclass(frozen=True, slots=True)
class Diff:
    """`brought_ms`: the work lies on another host, and this is as of when it was last brought home. `works`: a worker
    is at it. What is in no commit is not in here."""

    task: str
    repo: Path
    branch: str
    changes: Changes
    brought_ms: int | None
    works: bool


@contextmanager
def diff(home: Home, task_id: str) -> Iterator[Diff]:
    """Raises NotDone, NotFound."""
    with SqliteReader(home.root) as reader:
        task, worktree = reader.task(task_id), reader.worktree(task_id)
    if task is None:
        raise NotFound(f"there is no task {task_id}: see `fleet task list`")
    if not task["branch"]:
        raise NotDone(f"{task_id} has no branch yet, as no worker of it has started: fleet why {task_id}")
    repo = Path(task["spec"]["repo"])
    lies_on = _lies_on(worktree)
    try:
        git = Git(repo)
        head, brought = _head(git, task, lies_on)
        with changes.changes(repo, _base(git, task, head), head) as found:
            brought_ms = worktree["checkpoint_ms"] if worktree is not None and brought else None
            yield Diff(task_id, repo, task["branch"], found, brought_ms, task["state"] == "running")
    except (GitError, OSError) as failed:
        raise NotDone(str(failed)) from failed


def _lies_on(worktree: Record | None) -> str | None:
    """The other host that has the task's work; None when it is all at home."""
    if worktree is None:
        return None
    there = worktree.get("moves_from") or (
        worktree.get("host", HERE) if worktree["state"] != "removed" else HERE
    )
    return None if there == HERE else there


def _head(git: Git, task: Record, lies_on: str | None) -> tuple[str, bool]:
    """Where the branch is, and whether that is how its work on another host was last brought home: whichever is ahead,
    as home's branch follows when the work comes home for good. Raises NotDone."""
    names = (f"{HEADS}{task['branch']}", task["commit"], task["landed_commit"])
    head = next((found for name in names if name and (found := git.commit_of(name))), None)
    work = git.commit_of(work_ref_of(task["id"])) if lies_on is not None else None
    if work is not None and (head is None or git.asks("merge-base", "--is-ancestor", head, work)):
        return work, True
    if head is None and lies_on is not None:
        raise NotDone(
            f"the work of {task['id']} lies on host {lies_on}, and none of it was brought home yet: "
            f"fleet task open {task['id']} says how to look at it there"
        )
    if head is None:
        raise NotDone(
            f"the branch {task['branch']} of {task['id']} is gone from {git.directory}, and so is its commit"
        )
    return head, False


def _base(git: Git, task: Record, head: str) -> str:
    """Where it left its target, which it may have merged since; of what the target has taken in, where it began."""
    target = None if task["state"] == "landed" else git.commit_of(f"{HEADS}{task['spec']['target']}")
    met = answer(git, "merge-base", target, head) if target else None
    base = met.out if met is not None and met.ok else task["base_commit"]
    found = git.commit_of(base) if base else None
    if found is None:
        raise NotDone(f"where the branch of {task['id']} began is not in {git.directory} any more")
    return found
