"""Turns the records of one attempt's spool into the facts that the core understands."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from fleet.core import events
from fleet.core.model.tokens import Tokens
from profiles.windows import is_informative, scope_of
from workers.client import messages, stream, verdict
from workers.client.activity import Activity
from workers.client.windows import Windows
from workers.spool import Record

STDERR_TAIL_CHARS = 2_000
LOGIN_TRIES = 3
"""A subscription's client ends by itself after two."""
_TELLING = (messages.Answer, messages.Retry, messages.Result)
_URGENT = (events.TurnEnded, events.Exited)

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
class _Total:
    tokens: Tokens
    cost_usd: float


@dataclass(frozen=True, slots=True)
class Heard:
    """The facts for the core, and the lines of the client that tell a person something."""

    facts: list[events.Fact]
    messages: list[messages.Message]


class Listener:
    """Hears one attempt's spool from its beginning. What it was told before the committed offset is heard again with
    `hear` after a restart, and the facts thrown away: so its memory of the running turn is as it was."""

    def __init__(self, tiers: Mapping[str, str]) -> None:
        self._tiers = tiers
        self._seen = verdict.Seen()
        self._activity = Activity()
        self._turn_judged = False
        self._being_stopped = False
        self._good_end: events.TurnEnded | None = None
        self._counted = _Total(Tokens(), 0.0)
        self._stderr = ""

    def hear(self, records: Iterable[Record]) -> Heard:
        """What these records say, in order; pieces of one answer are folded into one fact."""
        heard = Heard([], [])
        for record in records:
            gather(heard.facts, self._record(record, heard.messages))
        return heard

    def _record(self, record: Record, telling: list[messages.Message]) -> Iterable[events.Fact]:
        if record.kind == "o":
            line = stream.read(record.payload)
            if isinstance(line, _TELLING):
                telling.append(line)
            return self._said(line, record.at_ms)
        if record.kind == "e":
            text = record.payload.decode(errors="replace")
            self._stderr = f"{self._stderr}\n{text}"[-STDERR_TAIL_CHARS:]
            return ()
        if record.kind == "s":
            return self._supervised(record.payload)
        return (events.Garbled(1),)

    def _said(self, line: messages.Message, at_ms: int) -> Iterable[events.Fact]:
        self._seen = self._seen.after(line)
        before, self._activity = self._activity, self._activity.after(line)
        if self._activity is not before:
            yield from (events.WordTaken(word) for word in sorted(self._activity.taken - before.taken))
            yield from (events.WordLost(word) for word in sorted(self._activity.lost - before.lost))
        if isinstance(line, messages.Init):
            self._turn_judged = False
            yield events.Began(line.version)
        elif isinstance(line, messages.Answer):
            yield from self._answered(line, at_ms)
        elif isinstance(line, Windows):
            yield events.WindowsRead(self._readings(line), at_ms)
        elif isinstance(line, messages.Result):
            yield from self._ended(line)
        elif isinstance(line, messages.Retry):
            yield from self._refused_again(line)
        elif isinstance(line, messages.Malformed):
            yield events.Garbled(1)
        if self._good_end is not None and self._activity.idle:
            yield self._good_end
            self._good_end = None

    def _refused_again(self, retry: messages.Retry) -> Iterable[events.Fact]:
        """With an API key the client asks ten times, over minutes, although a refused key stays refused."""
        if retry.status == 401 and retry.attempt == LOGIN_TRIES:
            yield events.TurnEnded("login", f"{retry.error} (401), {LOGIN_TRIES} times in a row")

    def _answered(self, line: messages.Answer, at_ms: int) -> Iterable[events.Fact]:
        if line.error is not None:
            return (events.WindowsRead(self._readings(line.refused), at_ms),) if line.refused else ()
        return (events.Answered(line.message_id, _tokens(line.tokens)),)

    def _ended(self, result: messages.Result) -> Iterable[events.Fact]:
        """A good end waits until the client is at rest: words told in the meantime get a turn of their own."""
        judged = verdict.judge(result, self._seen, None)
        self._turn_judged = True
        outcome = _OUTCOMES.get(judged.kind, "error")
        denials = len(result.permission_denials)
        yield self._used(result)
        if outcome == "finished":
            self._good_end = events.TurnEnded(outcome, "", denials=denials)
            if self._activity.background:
                yield events.AwaitsBackground()
            return
        self._good_end = None
        if outcome == "interrupted" and self._being_stopped:
            # The supervisor's own doing (a stall, the deadline): its last record will say why.
            return
        readings: tuple[events.WindowReading, ...] = ()
        if outcome == "limited" and judged.window is None:
            readings = (events.WindowReading("unnamed", None, None, None, "rejected", refused=True),)
        yield events.TurnEnded(outcome, judged.reason, readings, denials)

    def _used(self, result: messages.Result) -> events.Used:
        """What was used since the last result. An older client gives only the process's totals."""
        if result.turn is not None:
            return events.Used(_sum(result.turn), sum(use.cost_usd for use in result.turn))
        total, before = _Total(_sum(result.models), result.cost_usd), self._counted
        self._counted = total
        return events.Used(total.tokens - before.tokens, total.cost_usd - before.cost_usd)

    def _supervised(self, payload: bytes) -> Iterable[events.Fact]:
        try:
            said = json.loads(payload)
        except (ValueError, RecursionError):
            return (events.Garbled(1),)
        if not isinstance(said, dict):
            return (events.Garbled(1),)
        self._being_stopped = self._being_stopped or said.get("event") == "stopping"
        if said.get("event") != "exit":
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


def gather(facts: list[events.Fact], further: Iterable[events.Fact]) -> None:
    """Adds further facts in order. A further piece of the answer that was heard last takes its place, and counts of
    what is garbled add up."""
    for fact in further:
        last = facts[-1] if facts else None
        if isinstance(fact, events.Garbled) and isinstance(last, events.Garbled):
            facts[-1] = events.Garbled(last.count + fact.count)
        elif _continues(last, fact):
            facts[-1] = fact
        else:
            facts.append(fact)


def _continues(last: events.Fact | None, fact: events.Fact) -> bool:
    """Whether `fact` is a further piece of the answer that was heard last."""
    return (
        isinstance(fact, events.Answered)
        and isinstance(last, events.Answered)
        and fact.message_id == last.message_id
    )


def is_urgent(fact: events.Fact) -> bool:
    """Whether a fact is worth a commit of its own at once: something waits for what follows from it."""
    if isinstance(fact, events.WindowsRead):
        return any(reading.refused for reading in fact.readings)
    return isinstance(fact, _URGENT)


def _sum(models: Iterable[messages.ModelUse]) -> Tokens:
    return sum((_tokens(use.tokens) for use in models), Tokens())


def _tokens(tokens: messages.Tokens) -> Tokens:
    return Tokens(tokens.input, tokens.output, tokens.cache_read, tokens.cache_creation)
