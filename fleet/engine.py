"""F2: load → step → commit state and decisions together → hand the decisions out. Synchronous."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from fleet.core.decisions import Effect, Note
from fleet.core.dispatch import choose as dispatch_choose
from fleet.core.events import Event
from fleet.core.model import Attempt, Fleet
from fleet.core.rules.placing import Choose
from fleet.core.step import step
from fleet.ports import Change, Store


@dataclass(frozen=True, slots=True)
class Applied:
    """What came of some events: effects to perform (at least once), and notes for the log."""

    effects: tuple[Effect, ...]
    notes: tuple[Note, ...]


class Engine:
    """Holds the fleet in memory, exactly as the store has it."""

    def __init__(self, store: Store, choose: Choose = dispatch_choose) -> None:
        self._choose = choose
        loaded = store.load()
        self._store = store
        self.fleet: Fleet = loaded.fleet
        self.outstanding: tuple[Effect, ...] = loaded.outstanding
        """Effects that an earlier life decided and did not report done: to be performed (again) now."""

    def apply(self, events: Sequence[Event], done: Sequence[str] = ()) -> Applied:
        """Applies the events in order and commits once. `done` are the ids of effects whose report this is.

        Raises Refused (a person's request that cannot be done) or StoreFailed; then nothing has changed, here
        or in the store, and the same events may be applied again.
        """
        before = after = self.fleet
        ended: list[Attempt] = []
        effects: list[Effect] = []
        notes: list[tuple[int, Note]] = []
        for event in events:
            after, decisions = step(after, event, self._choose)
            ended += after.ended
            for decision in decisions:
                if isinstance(decision, Note):
                    notes.append((event.at_ms, decision))
                else:
                    effects.append(decision)
        if done or effects or notes or ended or _differs(before, after):
            self._store.commit(Change(before, after, tuple(ended), tuple(effects), tuple(done), tuple(notes)))
        self.fleet = after
        return Applied(tuple(effects), tuple(note for _, note in notes))


def made(before: Fleet, after: Fleet) -> tuple[str, ...]:
    """Ids of what persons laid down in between: reservations, limits, floors."""
    maps = (
        (before.reservations, after.reservations),
        (before.limits, after.limits),
        (before.floors, after.floors),
    )
    return tuple(key for was, now in maps for key in now if key not in was)


def _differs(before: Fleet, after: Fleet) -> bool:
    """Whether anything but the time has changed: time alone is not worth a write."""
    return replace(before, now_ms=after.now_ms, ended=after.ended) != after
