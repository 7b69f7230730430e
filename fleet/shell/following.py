"""Follows the spools of living workers and gathers what they say into events, from the committed offsets on."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path
from uuid import uuid4

from fleet.core import events
from fleet.core.model import HERE, Attempt, Fleet
from fleet.shell.facts import Listener, folded, gather, is_urgent
from workers.client import listen
from workers.spool import Batch, Follower, parse

GATHER_S = 0.1
"""How long facts that nothing waits for are gathered before they are committed together."""


@dataclass(slots=True)
class _Pending:
    """What has been read of one spool since the last commit."""

    start: int
    end: int
    facts: list[events.Fact] = field(default_factory=list)


Said = Callable[[str, listen.Message], None]
AheadMs = Callable[[str], int]
"""By how much the clock of an attempt's host is ahead of ours."""


def _in_step(attempt: str) -> int:
    return 0


class Following:
    """`poll` often; what it returns is to be applied as it stands: offsets make a second time harmless."""

    def __init__(
        self,
        runs: Path,
        said: Said,
        lost: Callable[[str, Exception], None],
        ahead_ms: AheadMs = _in_step,
    ) -> None:
        self._runs = runs
        self._follower = Follower(runs)
        self._listeners: dict[str, Listener] = {}
        self._pending: dict[str, _Pending] = {}
        self._gathering_since: float | None = None
        self._urgent = False
        self._said = said
        self._lost = lost
        self._ahead_ms = ahead_ms

    def close(self) -> None:
        self._follower.close()

    @property
    def followed(self) -> Iterable[str]:
        return self._listeners.keys()

    def is_read_up(self, attempt: str) -> bool:
        """Whether nothing that has been read of it waits for its commit."""
        return attempt not in self._pending

    def sync(self, fleet: Fleet) -> None:
        """Follows exactly the workers that live."""
        for attempt in fleet.attempts.values():
            if attempt.id not in self._listeners and attempt.began and self._is_here(attempt):
                self._watch(fleet, attempt)
        for gone in [a for a in self._listeners if a not in fleet.attempts]:
            self._follower.forget(gone)
            del self._listeners[gone]
            self._pending.pop(gone, None)

    def _is_here(self, attempt: Attempt) -> bool:
        """Whether all that was applied is. The copy of another host's spool may be shorter after this machine lost its
        power: then it is copied again first."""
        if attempt.host == HERE or not attempt.offset:
            return True
        try:
            return (self._runs / attempt.id / "spool").stat().st_size >= attempt.offset
        except FileNotFoundError:
            return False

    def _watch(self, fleet: Fleet, attempt: Attempt) -> None:
        account = fleet.accounts[attempt.account]
        listener = Listener(dict(account.tiers), judges=attempt.judges)
        if attempt.offset:
            self._hear_again(attempt, listener)
        self._listeners[attempt.id] = listener
        self._follower.watch(attempt.id, attempt.offset)

    def _hear_again(self, attempt: Attempt, listener: Listener) -> None:
        """Brings a listener to where the committed offset is, and not a byte further: the facts of that part are
        applied already, and what comes after it will be heard as new. A spool that is gone is reported by `poll`."""
        left = attempt.offset
        try:
            with (self._runs / attempt.id / "spool").open("rb") as spool:
                for line in spool:
                    left -= len(line)
                    if left < 0:
                        return
                    listener.hear((parse(line[:-1]),))
        except FileNotFoundError:
            return

    def poll(self, at_ms: int) -> list[events.Spooled]:
        """The events that are due: at once when something waits for them, else gathered for `GATHER_S`."""
        for batch in self._follower.poll():
            self._take(batch)
        if not self._pending:
            return []
        now = time.monotonic()
        self._gathering_since = self._gathering_since or now
        if not self._urgent and now - self._gathering_since < GATHER_S:
            return []
        due = [
            events.Spooled(
                at_ms=at_ms, id=uuid4().hex, attempt=a, start=p.start, end=p.end, facts=tuple(folded(p.facts))
            )
            for a, p in self._pending.items()
        ]
        self._pending.clear()
        self._gathering_since = None
        self._urgent = False
        return due

    def _take(self, batch: Batch) -> None:
        listener = self._listeners.get(batch.attempt)
        if listener is None:
            return
        if batch.error is not None:
            self._lost(batch.attempt, batch.error)
            return
        heard = listener.hear(batch.records)
        for line in heard.messages:
            self._said(batch.attempt, line)
        pending = self._pending.setdefault(batch.attempt, _Pending(batch.start, batch.end))
        pending.end = batch.end
        gather(pending.facts, self._by_our_clock(batch.attempt, heard.facts))
        self._urgent = self._urgent or any(is_urgent(fact) for fact in heard.facts)

    def _by_our_clock(self, attempt: str, facts: Iterable[events.Fact]) -> Iterable[events.Fact]:
        """Which of two readings is the newer is a matter of one clock."""
        ahead_ms = self._ahead_ms(attempt)
        for fact in facts:
            yield replace(fact, at_ms=fact.at_ms - ahead_ms) if isinstance(fact, events.WindowsRead) else fact
