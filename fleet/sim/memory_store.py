"""A store that forgets everything when the process ends. Held to the same contract tests as the durable ones."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from fleet.core.decisions import Effect
from fleet.core.model import Attempt, Fleet
from fleet.ports import Change, Loaded, StoreFailed


class MemoryStore:
    """`Store` in memory. `load` after any number of commits gives what was committed, as a new process would see it."""

    def __init__(self, fleet: Fleet | None = None) -> None:
        self._fleet = fleet or Fleet()
        self._outstanding: dict[str, Effect] = {}
        self.ended: dict[str, Attempt] = {}
        self._closed = False

    @classmethod
    def opener(cls) -> Callable[[], MemoryStore]:
        """Opens one and the same memory again and again, as one would a file."""
        kept = cls()

        def again() -> MemoryStore:
            opened = cls()
            opened.__dict__ = kept.__dict__
            opened._closed = False
            return opened

        return again

    def load(self) -> Loaded:
        return Loaded(replace(self._fleet, ended=()), tuple(self._outstanding.values()))

    def commit(self, change: Change) -> None:
        """Keeps the change. Raises StoreFailed when the store has been closed."""
        if self._closed:
            raise StoreFailed("the store is closed: open it again, then apply the events again")
        self._fleet = change.after
        self.ended |= {attempt.id: attempt for attempt in change.ended}
        self._outstanding |= {effect.id: effect for effect in change.decided}
        for done in change.done:
            self._outstanding.pop(done, None)

    def close(self) -> None:
        self._closed = True
