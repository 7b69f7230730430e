"""Turns the records of one attempt's spool into the facts that the core understands."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from fleet.core import events
from fleet.core.model import Tokens
from profiles.windows import is_informative, scope_of
from workers.client import stream, verdict
from workers.client.windows import Windows
from workers.spool import Record

STDERR_TAIL_CHARS = 2_000

_OUTCOMES: Mapping[verdict.Kind, events.Outcome] = {
    verdict.Kind.FINISHED: "finished",
    verdict.Kind.LIMITED: "limited",
    verdict.Kind.BUSY: "busy",
    verdict.Kind.LOGIN: "login",
    verdict.Kind.BILLING: "login",
    verdict.Kind.CUT: "cut",
    verdict.Kind.TURNS: "turns",
    verdict.Kind.BUDGET: "budget",
    verdict.Kind.INTERRUPTED: "interrupted",
    verdict.Kind.NO_SESSION: "no_session",
    verdict.Kind.MODEL_MISSING: "no_model",
    verdict.Kind.TOO_LONG: "context",
    verdict.Kind.REFUSED: "refused",
}
"""What is not here (an answer that was too long, an unknown error) is tried again, with pauses."""


@dataclass(frozen=True, slots=True)
class Heard:
    """The facts for the core, and the lines of the client that tell a person something."""

    facts: list[events.Fact]
    lines: list[stream.Line]


class Listener:
    """Hears one attempt's spool from its beginning. What it was told before the committed offset is heard again with
    `hear` after a restart, and the facts thrown away: so its memory of the running turn is as it was."""

    def __init__(self, tiers: Mapping[str, str]) -> None:
        self._tiers = tiers
        self._seen = verdict.Seen()
        self._turn_judged = False
        self._stderr = ""

    def hear(self, records: Iterable[Record]) -> Heard:
        """What these records say, in order; pieces of one answer are folded into one fact."""
        heard = Heard([], [])
        for record in records:
            for fact in self._record(record, heard.lines):
                if _continues(heard.facts, fact):
                    heard.facts[-1] = fact
                else:
                    heard.facts.append(fact)
        return heard

    def _record(self, record: Record, lines: list[stream.Line]) -> Iterable[events.Fact]:
        if record.kind == "o":
            line = stream.read(record.payload)
            if isinstance(line, stream.Answer | stream.Retry | stream.Result):
                lines.append(line)
            return self._said(line, record.at_ms)
        if record.kind == "e":
            text = record.payload.decode(errors="replace")
            self._stderr = f"{self._stderr}\n{text}"[-STDERR_TAIL_CHARS:]
            return ()
        if record.kind == "s":
            return self._supervised(record.payload)
        return (events.Garbled(1),)

    def _said(self, line: stream.Line, at_ms: int) -> Iterable[events.Fact]:
        self._seen = self._seen.after(line)
        if isinstance(line, stream.Init):
            self._turn_judged = False
            return (events.Began(line.version),)
        if isinstance(line, stream.Answer):
            return self._answered(line, at_ms)
        if isinstance(line, Windows):
            return (events.WindowsRead(self._readings(line), at_ms),)
        if isinstance(line, stream.Replay):
            return (events.WordTaken(line.uuid),)
        if isinstance(line, stream.Lifecycle):
            return (events.WordTaken(line.uuid),) if line.state in ("started", "completed") else ()
        if isinstance(line, stream.Result):
            return self._ended(line)
        return (events.Garbled(1),) if isinstance(line, stream.Malformed) else ()

    def _answered(self, line: stream.Answer, at_ms: int) -> Iterable[events.Fact]:
        if line.error is not None:
            return (events.WindowsRead(self._readings(line.refused), at_ms),) if line.refused else ()
        return (events.Answered(line.message_id, _tokens(line.tokens)),)

    def _ended(self, result: stream.Result) -> Iterable[events.Fact]:
        judged = verdict.judge(result, self._seen, None)
        self._turn_judged = True
        taken = [events.WordTaken(uuid) for uuid in result.consumed]
        outcome = _OUTCOMES.get(judged.kind, "error")
        if outcome == "finished" and result.queued:
            return taken
        readings: tuple[events.WindowReading, ...] = ()
        if outcome == "limited" and judged.window is None:
            readings = (events.WindowReading("unnamed", None, None, None, "rejected", refused=True),)
        ended = events.TurnEnded(
            outcome,
            judged.reason if outcome != "finished" else "",
            _tokens(result.tokens),
            result.cost_usd,
            readings,
            len(result.permission_denials),
        )
        return [*taken, ended]

    def _supervised(self, payload: bytes) -> Iterable[events.Fact]:
        try:
            said = json.loads(payload)
        except ValueError:
            return (events.Garbled(1),)
        if not isinstance(said, dict) or said.get("event") != "exit":
            return ()
        code = said.get("code") if isinstance(said.get("code"), int) else None
        cause = str(said.get("cause") or "exited")
        return (events.Exited(cause, code, self._last_words(cause, code, said)),)

    def _last_words(self, cause: str, code: int | None, said: Mapping[str, object]) -> str:
        """Why the client ended: the supervisor's own word, or what it left on standard error."""
        if cause != "exited" or self._turn_judged:
            return str(said.get("detail") or "")
        number = said.get("signal")
        ended = verdict.Exit(code, number if isinstance(number, int) else None, self._stderr)
        return verdict.judge(None, self._seen, ended).reason

    def _readings(self, windows: Windows) -> tuple[events.WindowReading, ...]:
        """A refusal counts for the window that refused and for others said to be rejected, except those that only
        inform."""
        refused_by = windows.refused_by
        return tuple(
            events.WindowReading(
                name=window.name,
                scope=scope_of(window.name, self._tiers),
                utilization=window.utilization,
                resets_ms=window.resets_at_ms,
                status=window.status,
                refused=window is refused_by
                or (window.status == "rejected" and not is_informative(window.name)),
            )
            for window in windows.windows
        )


def _continues(facts: list[events.Fact], fact: events.Fact) -> bool:
    """Whether `fact` is a further piece of the answer that was heard last."""
    last = facts[-1] if facts else None
    return (
        isinstance(fact, events.Answered)
        and isinstance(last, events.Answered)
        and fact.message_id == last.message_id
    )


def is_urgent(fact: events.Fact) -> bool:
    """Whether a fact is worth a commit of its own at once: something waits for what follows from it."""
    if isinstance(fact, events.WindowsRead):
        return any(reading.refused for reading in fact.readings)
    return isinstance(fact, events.TurnEnded | events.Exited)


def _tokens(tokens: stream.Tokens) -> Tokens:
    return Tokens(tokens.input, tokens.output, tokens.cache_read, tokens.cache_creation)
