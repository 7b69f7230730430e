"""Turns the records of one attempt's spool into the facts that the core understands."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from fleet.core import events
from fleet.core.capacity.headroom import UNNAMED
from fleet.core.model.tokens import Tokens
from fleet.shell.judgements import read_judgement
from profiles.windows import is_informative, scope_of
from workers.client import listen
from workers.sandbox.confined import not_made
from workers.spool import Record

_TELLING = (listen.Answer, listen.Retry, listen.Result)
_URGENT = (events.TurnEnded, events.Exited)

_OUTCOMES: Mapping[listen.Kind, events.Outcome] = {
    listen.Kind.FINISHED: "finished",
    listen.Kind.LIMITED: "limited",
    listen.Kind.BUSY: "busy",
    listen.Kind.LOGIN: "login",
    listen.Kind.BILLING: "unpaid",
    listen.Kind.CREDITS: "credits",
    listen.Kind.UNFIT: "unfit",
    listen.Kind.CUT: "cut",
    listen.Kind.TURNS: "turns",
    listen.Kind.BUDGET: "budget",
    listen.Kind.INTERRUPTED: "interrupted",
    listen.Kind.NO_SESSION: "no_session",
    listen.Kind.MODEL_MISSING: "no_model",
    listen.Kind.TOO_LONG: "context",
    listen.Kind.REFUSED: "refused",
}
"""What is not here (an answer that was too long, an unknown error) is tried again, with pauses."""


@dataclass(frozen=True, slots=True)
class Heard:
    """The facts for the core, and the lines of the client that tell a person something."""

    facts: list[events.Fact]
    messages: list[listen.Message]


class Listener:
    """Hears one attempt's spool from its beginning. What it was told before the committed offset is heard again with
    `hear` after a restart, and the facts thrown away: so its memory of the running turn is as it was."""

    def __init__(self, tiers: Mapping[str, str], *, judges: bool = False) -> None:
        """`judges`: its answers are judgements of work."""
        self._tiers = tiers
        self._judges = judges
        self._ear = listen.Ear()
        self._has_spoken = False
        self._turn_judged = False
        self._being_stopped = False
        self._good_end: events.TurnEnded | None = None

    def hear(self, records: Iterable[Record]) -> Heard:
        """What these records say, in order; pieces of one answer are folded into one fact."""
        heard = Heard([], [])
        for record in records:
            gather(heard.facts, self._record(record, heard.messages))
        return heard

    def _record(self, record: Record, telling: list[listen.Message]) -> Iterable[events.Fact]:
        if record.kind == "o":
            self._has_spoken = True
            said = self._ear.hear(record.payload)
            if isinstance(said.line, _TELLING):
                telling.append(said.line)
            return self._said(said, record.at_ms)
        if record.kind == "e":
            self._ear.hear_stderr(record.payload.decode(errors="replace"))
            return ()
        if record.kind == "s":
            return self._supervised(record.payload)
        return (events.Garbled(1),)

    def _said(self, said: listen.Heard, at_ms: int) -> Iterable[events.Fact]:
        line = said.line
        yield from (events.WordTaken(word) for word in said.taken)
        yield from (events.WordLost(word) for word in said.lost)
        if isinstance(line, listen.Init):
            self._turn_judged = False
            yield events.Began(line.version, line.model)
        elif isinstance(line, listen.Answer):
            yield from self._answered(line, at_ms)
        elif isinstance(line, listen.Windows):
            yield events.WindowsRead(self._readings(line), at_ms)
        elif isinstance(line, listen.Malformed):
            yield events.Garbled(1)
        if said.used is not None:
            yield events.Used(_tokens(said.used.tokens), said.used.cost_usd)
        if isinstance(line, listen.Result) and said.verdict is not None:
            yield from self._ended(line, said.verdict)
        elif said.verdict is not None:
            yield events.TurnEnded(_outcome(said.verdict), said.verdict.reason)
        if self._good_end is not None and self._ear.idle:
            yield self._good_end
            self._good_end = None

    def _answered(self, line: listen.Answer, at_ms: int) -> Iterable[events.Fact]:
        if line.error is not None:
            return (events.WindowsRead(self._readings(line.refused), at_ms),) if line.refused else ()
        return (events.Answered(line.message_id, _tokens(line.tokens)),)

    def _ended(self, result: listen.Result, judged: listen.Verdict) -> Iterable[events.Fact]:
        """A good end waits until the client is at rest: words told in the meantime get a turn of their own."""
        self._turn_judged = True
        outcome = _outcome(judged)
        denied = result.permission_denials
        if outcome == "finished":
            judgement = read_judgement(result.text) if self._judges else None
            self._good_end = events.TurnEnded(outcome, "", denied=denied, judgement=judgement)
            if self._ear.background:
                yield events.AwaitsBackground()
            return
        self._good_end = None
        if outcome == "interrupted" and self._being_stopped:
            # The supervisor's own doing (a stall, the deadline): its last record will say why.
            return
        readings: tuple[events.WindowReading, ...] = ()
        if outcome == "limited" and judged.window is None:
            readings = (events.WindowReading(UNNAMED, None, None, None, "rejected", refused=True),)
        yield events.TurnEnded(outcome, judged.reason, readings, denied)

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
        if cause == "exited" and not self._has_spoken and not_made(code, self._ear.stderr):
            story = f"its sandbox could not be made: {self._ear.stderr.strip()}"
            return (events.Exited("cannot_start", code, story),)
        return (events.Exited(cause, code, self._last_words(cause, code, said)),)

    def _last_words(self, cause: str, code: int | None, said: Mapping[str, object]) -> str:
        """Why the client ended: the supervisor's own word, or what it left on standard error."""
        if cause != "exited" or self._turn_judged:
            return str(said.get("detail") or "")
        number = said.get("signal")
        return self._ear.ended(code, number if isinstance(number, int) else None).reason

    def _readings(self, windows: listen.Windows) -> tuple[events.WindowReading, ...]:
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


def folded(facts: Iterable[events.Fact]) -> Iterator[events.Fact]:
    """The same, with answers that follow each other told as one: so that what it costs to apply them does not grow with
    their number."""
    last: events.Answered | None = None
    for fact in facts:
        if isinstance(fact, events.Answered):
            last = fact if last is None else last.and_then(fact)
            continue
        if last is not None:
            yield last
            last = None
        yield fact
    if last is not None:
        yield last


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


def _outcome(judged: listen.Verdict) -> events.Outcome:
    return _OUTCOMES.get(judged.kind, "error")


def _tokens(tokens: listen.Tokens) -> Tokens:
    return Tokens(tokens.input, tokens.output, tokens.cache_read, tokens.cache_creation)
