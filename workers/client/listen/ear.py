"""One process of the client, heard from its first line on: each line, and what it means after all before it."""

from __future__ import annotations

from dataclasses import dataclass

from workers.client.listen.activity import Activity
from workers.client.listen.messages import Message, ModelUse, Result, Retry, Tokens
from workers.client.listen.stream import read
from workers.client.listen.verdict import Exit, Kind, Seen, Verdict, judge

STDERR_TAIL_CHARS = 2_000
LOGIN_TRIES = 3
"""A subscription's client ends by itself after two. With an API key it asks ten times, over minutes, although a refused
key stays refused."""


@dataclass(frozen=True, slots=True)
class Used:
    """What a turn has used."""

    tokens: Tokens
    cost_usd: float


@dataclass(frozen=True, slots=True)
class Heard:
    """A line, and what it means."""

    line: Message
    verdict: Verdict | None = None
    """How the turn ended, if this line ends it."""
    used: Used | None = None
    """Since the last result; only with one."""
    taken: tuple[str, ...] = ()
    """Messages that the session's history holds from now on: they need not be told again."""
    lost: tuple[str, ...] = ()
    """Messages that the client threw away: tell them again."""


class Ear:
    """Make a new one for each process."""

    def __init__(self) -> None:
        self._seen = Seen()
        self._activity = Activity()
        self._total = Used(Tokens(), 0.0)
        self._stderr = ""

    @property
    def idle(self) -> bool:
        """Whether no turn runs or is queued, and nothing that would begin one runs in the background."""
        return self._activity.idle

    @property
    def background(self) -> int:
        """How many commands and agents run in the background."""
        return self._activity.background

    @property
    def stderr(self) -> str:
        """The end of what it said on standard error."""
        return self._stderr.lstrip("\n")

    def hear(self, payload: bytes) -> Heard:
        """A line of its standard output. Raises nothing, whatever the bytes."""
        line = read(payload)
        self._seen = self._seen.after(line)
        before, self._activity = self._activity, self._activity.after(line)
        taken: tuple[str, ...] = ()
        lost: tuple[str, ...] = ()
        if self._activity is not before:
            taken = tuple(sorted(self._activity.taken - before.taken))
            lost = tuple(sorted(self._activity.lost - before.lost))
        if isinstance(line, Result):
            return Heard(line, judge(line, self._seen, None), self._used(line), taken, lost)
        return Heard(line, _refused_again(line), None, taken, lost)

    def hear_stderr(self, text: str) -> None:
        """What it says on standard error: its end tells how the process ended."""
        self._stderr = f"{self._stderr}\n{text}"[-STDERR_TAIL_CHARS:]

    def ended(self, code: int | None, signal: int | None = None) -> Verdict:
        """How a process ended that gave no result for what it was told; `code` is None when a signal ended it."""
        return judge(None, self._seen, Exit(code, signal, self._stderr))

    def _used(self, result: Result) -> Used:
        """An older client gives only the process's totals."""
        if result.turn is not None:
            return Used(_sum(result.turn), sum(use.cost_usd for use in result.turn))
        total, before = Used(_sum(result.models), result.cost_usd), self._total
        self._total = total
        return Used(total.tokens - before.tokens, total.cost_usd - before.cost_usd)


def _refused_again(line: Message) -> Verdict | None:
    if isinstance(line, Retry) and line.status == 401 and line.attempt == LOGIN_TRIES:
        return Verdict(Kind.LOGIN, f"{line.error} (401), {LOGIN_TRIES} times in a row")
    return None


def _sum(models: tuple[ModelUse, ...]) -> Tokens:
    return sum((use.tokens for use in models), Tokens())
