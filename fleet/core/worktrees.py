"""The life of worktrees: claimed with a placement (`placing`), removed when their work is safe."""

from __future__ import annotations

from dataclasses import replace

from fleet.core.decisions import RemoveWorktree
from fleet.core.draft import Draft
from fleet.core.events import WorktreeRemoved


def remove_worktree(draft: Draft, task_id: str) -> None:
    """Asks for the removal of the task's worktree, if there is one. What is in no commit is preserved first."""
    worktree = draft.worktrees.get(task_id)
    if worktree is not None and worktree.state in ("making", "ready"):
        draft.put_worktree(replace(worktree, state="removing"))
        draft.decide(RemoveWorktree, task=task_id)


def worktree_removed(draft: Draft, event: WorktreeRemoved) -> None:
    worktree = draft.worktrees.get(event.task)
    if worktree is None or worktree.state != "removing":
        return
    draft.put_worktree(replace(worktree, state="removed", preserved=event.preserved))
    kept = f"; uncommitted work is kept in {event.preserved}" if event.preserved else ""
    draft.note("info", f"worktree removed{kept}", task=event.task)
    if draft.tasks[event.task].state == "queued":
        draft.settle = True  # it was held back until now
