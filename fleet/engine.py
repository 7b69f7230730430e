"""Load → step → commit state and decisions together → hand the decisions out. Synchronous."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace

from fleet.core.decisions import Effect, Note
from fleet.core.dispatch import Chooser
from fleet.core.events import Event, ForgetAsked, TaskRevised, TasksAdded
from fleet.core.model import Attempt, Fleet
from fleet.core.rules.placing import Choose
from fleet.core.rules.revising import effects
from fleet.core.rules.tasks import new_or_known_ids
from fleet.core.step import Refused, step
from fleet.ports import Change, Committed, Store, StoreFailed


@dataclass(frozen=True, slots=True)
class Applied:
    """What came of some events: effects to perform (at least once), notes for the log, and what was committed; None of
    both where that was nothing."""

    effects: tuple[Effect, ...]
    notes: tuple[Note, ...]
    change: Change | None = None
    committed: Committed | None = None
    more: bool = False
    """There may be more placements to make: whoever applies events goes on with `RoundGoesOn`, when others have had
    their turn."""


PLACED_AT_ONCE = 4
"""So many placements a round, so that whoever waits for the fleet does not wait for all of them."""


class Engine:
    """Holds the fleet in memory, exactly as the store has it."""

    def __init__(self, store: Store, choose: Choose | None = None) -> None:
        """`choose`: another rule of dispatch than ours. Raises StoreCorrupt."""
        self._choose = choose or Chooser(PLACED_AT_ONCE)
        loaded = store.load()
        self._store = store
        self.fleet: Fleet = loaded.fleet
        self.revision = loaded.revision
        self.outstanding: tuple[Effect, ...] = loaded.outstanding
        """Effects that an earlier life decided and did not report done: to be performed (again) now."""

    def apply(self, events: Sequence[Event], done: Sequence[str] = ()) -> Applied:
        """Applies the events in order and commits once. `done` are the ids of effects whose report this is.

        Raises Refused (a person's request that cannot be done) or StoreFailed; then nothing has changed, here
        or in the store, and the same events may be applied again.
        """
        steps = _Steps(self.fleet, self._choose)
        for event in events:
            steps.take(event)
        return self._commit(steps, done)

    def apply_each(
        self, first: Sequence[Event], asked: Sequence[Event]
    ) -> tuple[Applied, list[Done | Refused]]:
        """The same for many requests of a person, after the events that come `first`: one commit, but what is refused
        keeps none of the others back, and with all of them refused nothing has changed. Raises StoreFailed."""
        steps = _Steps(self.fleet, self._choose)
        for event in first:
            steps.take(event)
        came: list[Done | Refused] = []
        for event in asked:
            before = steps.after
            try:
                steps.take(event)
            except Refused as refused:
                came.append(refused)
            else:
                came.append(done(before, event, steps.after))
        if all(isinstance(one, Refused) for one in came):
            return Applied((), ()), came
        return self._commit(steps), came

    def _commit(self, steps: _Steps, done: Sequence[str] = ()) -> Applied:
        effects, notes = tuple(steps.effects), tuple(steps.notes)
        before, after = self.fleet, steps.after
        change = committed = None
        if done or effects or notes or steps.ended or _differs(before, after):
            change = Change(before, after, tuple(steps.ended), effects, tuple(done), notes)
            committed = self._store.commit(change)
            self.revision = committed.revision
        self.fleet = after
        for event in steps.taken:
            if isinstance(event, ForgetAsked):
                with suppress(StoreFailed):  # a full disk, say: the next time does it
                    self._store.tidy(event.before_ms)
        more = isinstance(self._choose, Chooser) and self._choose.left_off
        return Applied(effects, tuple(note for _, note in notes), change, committed, more)


class _Steps:
    """One event after the other, and what has come of them so far; nothing of one that is refused."""

    def __init__(self, fleet: Fleet, choose: Choose) -> None:
        self._choose = choose
        self.after = fleet
        self.taken: list[Event] = []
        self.ended: list[Attempt] = []
        self.effects: list[Effect] = []
        self.notes: list[tuple[int, Note]] = []

    def take(self, event: Event) -> None:
        """Raises Refused."""
        self.after, decisions = step(self.after, event, self._choose)
        self.taken.append(event)
        self.ended += self.after.ended
        for decision in decisions:
            if isinstance(decision, Note):
                self.notes.append((event.at_ms, decision))
            else:
                self.effects.append(decision)


@dataclass(frozen=True, slots=True)
class Done:
    """What a person's request came to. `tasks` are the ids of the tasks it asked for, in its order; those of `there`
    were there before, as their source has them. `made` are the ids of the reservation, limit or floor. Of a revision,
    `now` are the fields that are different from now on, `later` those that the next attempt has."""

    tasks: tuple[str, ...] = ()
    there: tuple[str, ...] = ()
    made: tuple[str, ...] = ()
    now: tuple[str, ...] = ()
    later: tuple[str, ...] = ()


def done(before: Fleet, event: Event, after: Fleet) -> Done:
    """Says what one event, applied to the fleet `before`, came to."""
    tasks = new_or_known_ids(before, event) if isinstance(event, TasksAdded) else ()
    revised = effects(before, event) if isinstance(event, TaskRevised) else {}
    there = tuple(dict.fromkeys(task for task in tasks if task in before.tasks))
    return Done(
        tasks,
        there,
        _made(before, after),
        now=tuple(name for name, effect in revised.items() if effect == "now"),
        later=tuple(name for name, effect in revised.items() if effect != "now"),
    )


def _made(before: Fleet, after: Fleet) -> tuple[str, ...]:
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
