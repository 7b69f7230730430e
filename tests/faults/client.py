"""A worker as the coordinator sees it: a supervisor's spool, and a client that answers, is refused, and dies."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from random import Random

from fleet.core.events import (
    Answered,
    Began,
    Exited,
    Fact,
    Garbled,
    Outcome,
    TurnEnded,
    Used,
    WindowReading,
    WindowsRead,
    WordLost,
    WordTaken,
)
from fleet.core.model import Finding, Judgement
from fleet.core.model.judgement import Severity
from fleet.core.model.tokens import Tokens
from fleet.virtual.agenda import Agenda
from tests.faults.meters import Pool
from tests.faults.rates import Rates


@dataclass
class Work:
    """What is left of a task, wherever its session goes: answers, failing checks, and the words it has heard. `log`
    is which attempt has given which answer, and when."""

    task: str
    answers_left: int
    bugs: int
    heard: Counter[str] = field(default_factory=Counter)
    dirty: bool = False
    commits: int = 0
    log: list[tuple[str, int]] = field(default_factory=list)

    def copy(self) -> Work:
        return replace(self, heard=Counter(self.heard), log=list(self.log))


@dataclass
class Credential:
    good: bool = True


@dataclass
class Message:
    """What a client is told: a word, or the opening that carries the words said before."""

    id: str
    words: tuple[str, ...]


@dataclass
class Run:
    """One worker: its spool survives it."""

    attempt: str
    task: str
    host: str
    account: str
    tier: str
    session: str
    resumed: bool
    judges: bool
    work: Work
    pool: Pool
    credential: Credential
    agenda: Agenda
    rng: Random
    rates: Callable[[], Rates]
    wrote: Callable[[Run], None]
    silence: Callable[[], Outcome | None]
    """What the account's server says while it answers nobody."""
    unfit: Outcome | None
    """What it makes of the session, if it does not take it."""
    alive: bool = True
    exited: bool = False
    spool: list[tuple[int, Fact]] = field(default_factory=list)
    size: int = 0
    inbox: deque[Message] = field(default_factory=deque)
    orders: set[str] = field(default_factory=set)
    ending: str = ""
    turn: bool = False
    answers: int = 0
    late: tuple[int, tuple[WindowReading, ...]] | None = None

    def begin(self, opening: Message, *, vanished: bool) -> None:
        """The client starts and reads its opening; `vanished` makes it say that there is no such session."""
        self.write(Began("2.1.330"))
        if vanished:
            self.write(TurnEnded("no_session", "no conversation found with that session id"))
            return
        self.inbox.append(opening)
        self._soon(self.rng.randint(200, 2_000))

    def _soon(self, delay_ms: int) -> None:
        self.agenda.after(delay_ms, self.live)

    def write(self, *facts: Fact) -> None:
        for fact in facts:
            self.size += self.rng.randint(20, 400)
            self.spool.append((self.size, fact))
        self.wrote(self)

    def read(self, offset: int, lines: int) -> tuple[int, tuple[Fact, ...]]:
        """Up to `lines` facts from `offset` on, and the offset behind them."""
        found = [(end, fact) for end, fact in self.spool if end > offset][:lines]
        return (found[-1][0] if found else offset), tuple(fact for _, fact in found)

    # --- orders ---

    def tell(self, order: str, message: Message) -> None:
        if self.alive and order not in self.orders:
            self.orders.add(order)
            self.inbox.append(message)
            self._soon(self.rng.randint(50, 3_000))

    def stop(self, order: str, how: str) -> None:
        if self.alive and order not in self.orders:
            self.orders.add(order)
            self.ending = how
            if how != "close":
                self.agenda.after(self.rng.randint(50, 4_000), lambda: self._exit("stopped", 0))
            else:
                self._soon(self.rng.randint(50, 500))

    # --- life ---

    def live(self) -> None:
        """One breath: take up a word, or give an answer, or go."""
        if not self.alive:
            return
        if not self.turn:
            if self.inbox:
                self._take()
            elif self.ending == "close":
                self._exit("exited", 0)
            return
        if self.inbox and self.rng.random() < 0.3:
            self._take()
        elif not self._goes_wrong():
            self._answer()

    def _take(self) -> None:
        message = self.inbox.popleft()
        self.turn = True
        for word in message.words:
            self.work.heard[word] += 1
            self.work.answers_left += 1
        self.write(WordTaken(message.id))
        if self.rng.random() < 0.3:
            self.write(WordTaken(message.id))
        self._soon(self.rng.randint(500, 8_000))

    def _answer(self) -> None:
        if not self.credential.good:
            self._end_turn("login", "401 from the server")
            return
        refusing = self.pool.draw(self.tier, self.agenda.now_ms)
        if refusing is not None:
            jitter_ms = self._jitter_ms()
            self.write(
                WindowsRead((refusing.reading(refused=True, jitter_ms=jitter_ms),), self.agenda.wall_ms)
            )
            self._end_turn("limited", f"You've hit your {refusing.name} limit")
            return
        self.answers += 1
        self.work.dirty = True
        self.work.log.append((self.attempt, self.agenda.now_ms))
        said = Answered(f"{self.attempt}-{self.answers}", Tokens(10, 20))
        self.write(*([said, said] if self.rng.random() < 0.2 else [said]))
        self._read_meters()
        if self.work.answers_left > 0:
            self.work.answers_left -= 1
        if self.work.answers_left == 0:
            self.work.bugs = max(0, self.work.bugs - (self.answers > 1))
            self._end_turn("finished", "")
        else:
            self._soon(self.rng.randint(2_000, 90_000))

    def _end_turn(self, outcome: Outcome, detail: str) -> None:
        self.turn = False
        if self.inbox and self.rng.random() < self.rates().word_lost:
            self.write(*(WordLost(message.id) for message in self.inbox))
            self.inbox.clear()
        if outcome == "finished":
            self.write(Used(Tokens(10, 20), 0.01))
        judges = self.judges and outcome == "finished"
        self.write(TurnEnded(outcome, detail, judgement=self._judgement() if judges else None))
        if self.inbox or self.ending == "close":
            self._soon(self.rng.randint(10, 1_000))

    def _judgement(self) -> Judgement | None:
        """Of the work that it read: a pass, findings, or an answer that does not fit."""
        severities: tuple[Severity, ...] = ("blocking", "minor")
        found = [Finding("src/x.py", 1, one, "wrong") for one in severities if self.rng.random() < 0.4]
        return None if self.rng.random() < 0.25 else Judgement(tuple(found))

    def _jitter_ms(self) -> int:
        return self.rng.randint(-2_000, 2_000) if self.rng.random() < self.rates().reading_jitter else 0

    def _read_meters(self) -> None:
        """Readings as they come: some windows missing, resets that jitter, and some that arrive late."""
        rates = self.rates()
        seen = tuple(
            w.reading(jitter_ms=self._jitter_ms())
            for w in self.pool.windows
            if w.scope in (None, self.tier) and self.rng.random() >= rates.reading_missing
        )
        if self.late is not None:
            at_ms, readings = self.late
            self.late = None
            self.write(WindowsRead(readings, at_ms))
        if self.rng.random() < rates.reading_late:
            self.late = (self.agenda.wall_ms, seen)
        elif seen:
            self.write(WindowsRead(seen, self.agenda.wall_ms))

    def _goes_wrong(self) -> bool:
        rates, dice = self.rates(), self.rng.random
        says = self.unfit or self.silence()
        if says is not None:
            self._end_turn(says, f"simulated {says}")
            return True
        if dice() < rates.credential_expires:
            self.credential.good = False
        if dice() < rates.answer_garbled:
            self.write(Garbled(1))
        for outcome, rate in (
            ("cut", rates.answer_cut),
            ("busy", rates.answer_busy),
            ("error", rates.answer_error),
            ("no_model", rates.answer_no_model),
            ("context", rates.answer_context),
        ):
            if dice() < rate:
                self._end_turn(outcome, f"simulated {outcome}")  # type: ignore[arg-type]
                return True
        if dice() < rates.answer_crash:
            self._exit("exited", 137)
        elif dice() < rates.answer_stalled:
            self._exit("stalled", None)
        elif dice() < rates.answer_lost:
            self.die()
        return not self.alive

    def die(self) -> None:
        """Without a word, as with its machine."""
        self.alive = False
        self.wrote(self)

    def _exit(self, cause: str, code: int | None) -> None:
        if self.alive:
            self.alive, self.exited = False, True
            self.write(Exited(cause, code, ""))
