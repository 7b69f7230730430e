"""An attempt: one run of a task by one worker."""

from __future__ import annotations

from dataclasses import dataclass

from fleet.core.model.lifecycles import AttemptState
from fleet.core.model.task import Word
from fleet.core.model.tokens import NO_TOKENS, Tokens

ATTEMPT_MS_MAX = 86_400_000
"""Hardly any attempt runs for so long (`fleet up --attempt-timeout`: six hours by default)."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """One run of a task by one worker. Only attempts that have not ended are in `Fleet.attempts`.

    `began`: its worker has been started, so there is a spool; `offset` is how far that has been applied, in bytes.
    `resumes`: it was started to go on with a session;
    `carry_from` is the account whose directory that session has to be brought from. `told` are the ids of words
    handed to the worker that it has not taken up yet. `plans`: its first turn only makes a plan, with the task's
    planning tier; then it goes on with `tier`. `judges`: it reviews the task's work, and reads only.
    `tokens` are those of turns that have ended, `running_tokens` and `answer_tokens` those of the running one, whose
    latest answer may still grow. While it is `stopping`, `reason` is already what it will have ended for.
    """

    id: str
    task: str
    number: int
    account: str
    tier: str
    model: str
    host: str
    session_id: str
    started_ms: int
    state: AttemptState = "starting"
    began: bool = False
    resumes: bool = False
    carry_from: str | None = None
    plans: bool = False
    judges: bool = False
    opening: tuple[Word, ...] = ()
    told: tuple[str, ...] = ()
    reason: str = ""
    detail: str = ""
    offset: int = 0
    answers: int = 0
    answer_id: str | None = None
    answer_tokens: Tokens = NO_TOKENS
    running_tokens: Tokens = NO_TOKENS
    tokens: Tokens = NO_TOKENS
    cost_usd: float | None = None
    malformed: int = 0
    awaits_background: bool = False
    ended_ms: int | None = None

    @property
    def used(self) -> Tokens:
        """All tokens so far, those of the running turn included."""
        return self.tokens + self.running_tokens + self.answer_tokens

    def ms_at(self, now_ms: int) -> int:
        """How long it has run. Longer than any attempt may, or less than nothing, says a clock that was put right while
        it ran: then it counts as nothing, or a class's time would be learned as years."""
        ms = now_ms - self.started_ms
        return ms if 0 <= ms <= ATTEMPT_MS_MAX else 0
