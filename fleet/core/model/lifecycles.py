"""The transition tables of task, attempt, account, worktree and host. An illegal pair raises with the story."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

TaskState = Literal[
    "waiting", "queued", "running", "checking", "review", "landing", "held", "landed", "failed", "cancelled"
]
AttemptState = Literal["starting", "running", "stopping", "ended"]
AccountState = Literal["ready", "silent", "quarantined", "removed"]
WorktreeState = Literal["making", "ready", "removing", "removed"]
HostState = Literal["ready", "suspected", "lost", "distrusted"]

Table = Mapping[str, frozenset[str]]


def _table(**rows: str) -> Table:
    return {state: frozenset(targets.split()) for state, targets in rows.items()}


TASK: Table = _table(
    waiting="queued cancelled",  # until everything in `after` has landed
    # until dispatch finds it a placement; landed: see rules/older, or as behind checking, when its review is called off
    queued="running checking review landing landed cancelled",
    running="queued checking review landing landed failed cancelled",  # an attempt is alive; on: it was a review
    checking="running queued review landing held landed failed cancelled",  # work committed, verification runs
    review="checking queued landing landed cancelled",  # verified; a person has to look before it lands
    landing="landed review held queued failed cancelled",  # verified, in the serial queue of its target
    held="checking landed review landing queued cancelled",  # only a person can bring it further: `Task.held_for`
    landed="landing review queued",  # where it was left on its branch, and is to be merged after all
    failed="queued waiting cancelled",
    cancelled="queued waiting",
)
ATTEMPT: Table = _table(
    starting="running stopping ended",
    running="stopping ended",
    stopping="ended",
    ended="",
)
ACCOUNT: Table = _table(
    ready="silent quarantined removed",
    silent="ready quarantined removed",  # it answers nobody; asked now and then
    quarantined="ready removed",
    removed="ready",
)
WORKTREE: Table = _table(  # from any state to removed: its host is lost
    making="ready removing removed",
    ready="removing making removed",
    removing="removed",
    removed="making",
)
HOST: Table = _table(
    ready="suspected distrusted",
    suspected="ready lost distrusted",  # does not answer; its workers are left alone
    lost="ready distrusted",  # given up: nothing that it still reports counts
    distrusted="lost",  # it broke the rules: nothing that it says counts until a person has looked
)
TABLES: Mapping[str, Table] = {
    "task": TASK,
    "attempt": ATTEMPT,
    "account": ACCOUNT,
    "worktree": WORKTREE,
    "host": HOST,
}

TASK_ENDS = frozenset({"landed", "failed", "cancelled"})


class IllegalTransition(Exception):
    """A state change that its table does not have: a bug in the core, with the story to find it by."""

    def __init__(self, what: str, name: str, before: str, after: str, cause: str) -> None:
        allowed = ", ".join(sorted(TABLES[what][before])) or "nothing: it is final"
        super().__init__(
            f"{what} {name} cannot go from {before} to {after} (cause: {cause}); from {before} it may go to {allowed}"
        )


def check_transition(what: str, name: str, before: str, after: str, cause: str) -> None:
    """Raises IllegalTransition unless `before` → `after` is in the table of `what`, or nothing changes."""
    if before != after and after not in TABLES[what][before]:
        raise IllegalTransition(what, name, before, after, cause)
