"""What a piece of an attempt's spool says."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from fleet.core.model.judgement import Judgement
from fleet.core.model.replacing import replace
from fleet.core.model.tokens import NO_TOKENS, Tokens


@dataclass(frozen=True, slots=True)
class WindowReading:
    """One window of a `rate_limit_event`; `scope` is the tier it is for, None for all."""

    name: str
    scope: str | None
    utilization: float | None
    resets_ms: int | None
    status: str | None
    refused: bool = False


@dataclass(frozen=True, slots=True)
class Began:
    """The client's `system/init`: its version, and the model that answers."""

    version: str
    model: str = ""


@dataclass(frozen=True, slots=True)
class Answered:
    """One model answer; the same `message_id` again replaces its tokens (it was still streaming).

    Several that follow each other may be told as one (`and_then`): then this is the last of `count`, `first` is the id
    of the first one, and `earlier` are the tokens of all but the last."""

    message_id: str
    tokens: Tokens
    count: int = 1
    first: str | None = None
    earlier: Tokens = NO_TOKENS

    @property
    def begins_with(self) -> str:
        """The id of the first one."""
        return self.message_id if self.first is None else self.first

    def and_then(self, further: Answered) -> Answered:
        """Both as one. `further` is one answer, and may be a further piece of the last of these."""
        if further.message_id == self.message_id:
            return replace(self, tokens=further.tokens)
        return Answered(
            further.message_id,
            further.tokens,
            self.count + 1,
            self.begins_with,
            self.earlier + self.tokens,
        )


@dataclass(frozen=True, slots=True)
class WindowsRead:
    readings: tuple[WindowReading, ...]
    at_ms: int


@dataclass(frozen=True, slots=True)
class WordTaken:
    """The client has taken up the words of this id."""

    word: str


@dataclass(frozen=True, slots=True)
class WordLost:
    """The client threw the words of this id away: they have to be told again."""

    word: str


@dataclass(frozen=True, slots=True)
class Used:
    """The exact count since the last one, subagents included; it replaces what the answers since then said."""

    tokens: Tokens
    cost_usd: float | None


@dataclass(frozen=True, slots=True)
class AwaitsBackground:
    """The turn ended well, but commands or agents still run in the background; their end begins another turn."""


Outcome = Literal[
    "finished",
    "limited",
    "busy",
    "login",
    "cut",
    "turns",
    "budget",
    "interrupted",
    "unpaid",
    "credits",
    "unfit",
    "no_session",
    "no_model",
    "context",
    "refused",
    "error",
]


@dataclass(frozen=True, slots=True)
class TurnEnded:
    """A `result` line, judged: a good one once the client is at rest, any other at once. `judgement` is what it says
    of the work it was asked to review; None when nothing was, or it does not fit the schema."""

    outcome: Outcome
    detail: str
    readings: tuple[WindowReading, ...] = ()
    denied: tuple[str, ...] = ()
    """The tools whose calls were denied, one for each call."""
    judgement: Judgement | None = None


@dataclass(frozen=True, slots=True)
class Exited:
    """The supervisor's last record. `cause`: exited, stopped, stalled, deadline, start_timeout, cannot_start."""

    cause: str
    code: int | None
    detail: str


@dataclass(frozen=True, slots=True)
class Garbled:
    """Lines that could not be read; they stay in the spool."""

    count: int


Fact = (
    Began
    | Answered
    | WindowsRead
    | WordTaken
    | WordLost
    | Used
    | AwaitsBackground
    | TurnEnded
    | Exited
    | Garbled
)
