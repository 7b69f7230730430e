"""A store around another one that fails, and at which the coordinator is killed, before and after its commit."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from random import Random

from fleet.core.model import Fleet
from fleet.core.notes import DATA
from fleet.ports import Change, Committed, Loaded, Store, StoreFailed
from tests.faults.rates import Rates
from tests.faults.safety import Violation


class Killed(Exception):
    """The coordinator is gone, as after SIGKILL."""

    def __init__(self, *, committed: bool) -> None:
        super().__init__()
        self.committed = committed


class FailingStore:
    def __init__(self, open_store: Callable[[], Store], rng: Random, rates: Callable[[], Rates]) -> None:
        self._open = open_store
        self._rng = rng
        self._rates = rates
        self._store = open_store()
        self._committed: Fleet | None = None

    def reopen(self) -> None:
        """As a new process would."""
        self._store.close()
        self._store = self._open()

    def load(self) -> Loaded:
        """Raises Violation when what comes back is not what was committed last."""
        loaded = self._store.load()
        if self._committed is not None and _kept(loaded.fleet) != _kept(self._committed):
            raise Violation("what was committed is not what the store gives back")
        return loaded

    def tidy(self, before_ms: int) -> None:
        self._store.tidy(before_ms)

    def commit(self, change: Change) -> Committed:
        rates = self._rates()
        if self._rng.random() < rates.store_fails:
            raise StoreFailed("simulated: no space left on device")
        if self._rng.random() < rates.killed_before_commit:
            raise Killed(committed=False)
        committed = self._store.commit(change)
        for _, note in change.notes:
            if tuple(note.data) != DATA[note.type]:
                raise Violation(f"{note.type} has {tuple(note.data)}, not {DATA[note.type]}: {note.text}")
        self._committed = change.after
        if self._rng.random() < rates.killed_after_commit:
            raise Killed(committed=True)
        return committed

    def close(self) -> None:
        self._store.close()


def _kept(fleet: Fleet) -> Fleet:
    """What has to survive: everything but the time, and the attempts that the last event ended."""
    return replace(fleet, now_ms=0, ended=())
