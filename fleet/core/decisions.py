"""What to do about what happened. Each decision carries its id, its cause (the event's id) and whom it is
about.

All but `Note` are committed with the state that caused them and performed at least once; every performer is
idempotent.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from fleet.core.notes import NoteType, Value


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    id: str
    cause: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StartWorker(Decision):
    """Make the worktree ready, bring the session, start the client under its supervisor."""

    attempt: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TellWorker(Decision):
    """Say the words of this id to the session; before them end its turn, or set another model, where asked."""

    attempt: str
    word: str
    text: str
    interrupt: bool = False
    model: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StopWorker(Decision):
    """`close`: let it end by itself; `quick`: its turn is over, end it now; `ladder`: interrupt first."""

    attempt: str
    how: Literal["close", "quick", "ladder"]
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckWork(Decision):
    """Commit what the worker left, then run the task's verification in its worktree."""

    attempt: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LandWork(Decision):
    task: str
    begun_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class LookAtHeld(Decision):
    task: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoveWorktree(Decision):
    """Preserve what is not in a commit, then remove the directory."""

    task: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Note(Decision):
    """A line for the log and the task's history. A program goes by `type` and `data`, a person by `text`."""

    level: Literal["debug", "info", "warning", "error"]
    type: NoteType
    text: str
    task: str | None = None
    attempt: str | None = None
    account: str | None = None
    host: str | None = None
    data: Mapping[str, Value] = field(default_factory=dict)


IN_WORDS: dict[type[Decision], str] = {
    StartWorker: "starting the worker",
    TellWorker: "telling the worker",
    StopWorker: "stopping the worker",
    CheckWork: "the verification",
    LandWork: "landing",
    LookAtHeld: "looking at its target",
    RemoveWorktree: "removing the worktree",
}
"""What could not be done, as a person says it."""

Effect = StartWorker | TellWorker | StopWorker | CheckWork | LandWork | LookAtHeld | RemoveWorktree
AnyDecision = Effect | Note
