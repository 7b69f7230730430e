"""The life of worktrees: claimed with a placement (`placing`), removed when their work is safe."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from heapq import merge
from itertools import count

from fleet.core.decisions import RemoveWorktree
from fleet.core.draft import Draft
from fleet.core.events import WorktreeRemoved
from fleet.core.model import Attempt, Task, Word, Worktree
from fleet.core.model.maps import over


def _free_slot(draft: Draft) -> int:
    """The lowest block of ports that no living worktree has."""
    (taken, free), since = over(draft.worktrees, _slots)
    by: Counter[int] = Counter()
    for before, now in since:
        if before is not None and before.state != "removed":
            by[before.slot] -= 1
        if now is not None and now.state != "removed":
            by[now.slot] += 1
    given_back = sorted(slot for slot, more in by.items() if more < 0)
    return next(n for n in merge(free, given_back, count(len(taken))) if taken[n] + by[n] <= 0)


def _slots(worktrees: Mapping[str, Worktree]) -> tuple[Counter[int], list[int]]:
    """How many living worktrees have each block of ports, and those below their number that none has."""
    taken = Counter(w.slot for w in worktrees.values() if w.state != "removed")
    return taken, [n for n in range(len(taken)) if n not in taken]


def claim_worktree(draft: Draft, task: Task, host: str) -> None:
    """The task's worktree on `host`: as it is there, or to be made anew, with what it had before. What a worker has
    gone on with is no longer what had been preserved, which would only bring back older work."""
    before = draft.worktrees.get(task.id)
    if before is None:
        slot = _free_slot(draft)
        draft.put_worktree(Worktree(task=task.id, repo=task.spec.repo, slot=slot, host=host))
    elif before.state == "removed":
        again = replace(before, state="making", slot=_free_slot(draft), path=None, host=host)
        draft.put_worktree(replace(again, checkpoint=before.checkpoint or before.preserved))
    elif before.host != host:
        moved = replace(before, state="making", path=None, host=host, moves_from=before.lies_on)
        draft.put_worktree(replace(moved, preserved=None) if before.state == "ready" else moved)


def remember_heard(draft: Draft, attempt: Attempt, words: tuple[Word, ...]) -> None:
    """Keeps the words until the session that has taken them up is at home, for another host may be lost with it."""
    host = draft.hosts.get(attempt.host)
    if host is not None and not host.is_here:
        worktree = draft.worktrees[attempt.task]
        draft.put_worktree(replace(worktree, heard=(*worktree.heard, *words)))


def remove_worktree(draft: Draft, task_id: str) -> None:
    """Asks for the removal of the task's worktree, if there is one. What is in no commit is preserved first. One that
    was to be moved and is not there yet is removed where it still is."""
    worktree = draft.worktrees.get(task_id)
    if worktree is not None and worktree.state == "removed" and worktree.moves_from is not None:
        back = replace(worktree, state="making", host=worktree.moves_from, moves_from=None)
        worktree = draft.put_worktree(replace(back, slot=_free_slot(draft)))
    if worktree is not None and worktree.state in ("making", "ready"):
        draft.put_worktree(replace(worktree, state="removing"))
        draft.decide(RemoveWorktree, task=task_id)


def leave_unmade(draft: Draft, task_id: str) -> None:
    """A worktree that no worker has been in holds no work: it is given up without asking its host, which could not take
    it away. What has still to be brought from another host stays there."""
    worktree = draft.worktrees[task_id]
    if worktree.state == "making":
        draft.put_worktree(replace(worktree, state="removed", path=None))


def worktree_removed(draft: Draft, event: WorktreeRemoved) -> None:
    """Of one that its work had not been brought to yet, only what was found in it counts."""
    worktree = draft.worktrees.get(event.task)
    elsewhere = event.host is not None and worktree is not None and worktree.host != event.host
    if worktree is None or worktree.state != "removing" or elsewhere:
        return
    removed = replace(worktree, state="removed", heard=(), heard_before=())
    if event.preserved is not None or worktree.moves_from is None:
        removed = replace(removed, preserved=event.preserved, checkpoint=event.preserved, moves_from=None)
    draft.put_worktree(removed)
    if event.noticed:
        draft.note("warning", "worktree.noticed", event.noticed, task=event.task)
    if event.kept_at:
        draft.note(
            "warning",
            "worktree.kept",
            f"ignored files of its worktree are too much for git, so they lie in {event.kept_at}: delete them when you "
            "have looked",
            task=event.task,
            kept_at=event.kept_at,
        )
    if event.preserved:
        draft.note(
            "info",
            "worktree.removed",
            f"worktree removed; uncommitted work is kept in {event.preserved}",
            task=event.task,
            preserved=event.preserved,
        )
    else:
        draft.note("debug", "worktree.removed", "worktree removed", task=event.task, preserved=None)
    state = draft.tasks[event.task].state
    if state == "queued":
        draft.settle = True  # it was held back until now
    elif state in ("landed", "cancelled"):
        remove_worktree(draft, event.task)
