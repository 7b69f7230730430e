"""A store that forgets everything when the process ends. Held to the same contract tests as the durable ones."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from fleet.core.decisions import Effect, Note
from fleet.core.model import Attempt, Fleet
from fleet.core.model.maps import changed
from fleet.ports import Change, Committed, Loaded, StoreFailed


@dataclass
class Memory:
    """What is kept between one opening of the store and the next, as a file would be."""

    fleet: Fleet = field(default_factory=lambda: Fleet(home_id="memory"))
    outstanding: dict[str, Effect] = field(default_factory=dict)
    attempts: dict[str, Attempt] = field(default_factory=dict)
    """All that there were, those that have ended, too."""
    notes: list[tuple[int, int, Note]] = field(default_factory=list)
    """Each with its number and its time (ms)."""
    told: int = 0
    revision: int = 0


class MemoryStore:
    """`Store` in memory. `load` after any number of commits gives what was committed, as a new process would see it."""

    def __init__(self, memory: Memory | None = None) -> None:
        self._memory = memory or Memory()
        self._closed = False

    def load(self) -> Loaded:
        return Loaded(
            replace(self._memory.fleet, ended=()),
            tuple(self._memory.outstanding.values()),
            self._memory.revision,
        )

    def commit(self, change: Change) -> Committed:
        """Keeps the change. Raises StoreFailed when the store has been closed."""
        if self._closed:
            raise StoreFailed("the store is closed: open it again, then apply the events again")
        memory = self._memory
        tasks = change.after.tasks
        gone = {key for key in changed(change.before.tasks, tasks) if key not in tasks}
        if gone:
            memory.attempts = {key: a for key, a in memory.attempts.items() if a.task not in gone}
            memory.notes = [told for told in memory.notes if told[2].task not in gone]
        memory.fleet = change.after
        memory.attempts |= {attempt.id: attempt for attempt in change.ended}
        living = change.after.attempts
        memory.attempts |= {
            key: living[key] for key in changed(change.before.attempts, living) if key in living
        }
        told = range(memory.told + 1, memory.told + 1 + len(change.notes))
        memory.notes += [(seq, *note) for seq, note in zip(told, change.notes, strict=True)]
        memory.told += len(change.notes)
        memory.revision += 1
        memory.outstanding |= {effect.id: effect for effect in change.decided}
        for done in change.done:
            memory.outstanding.pop(done, None)
        return Committed(memory.revision, tuple(told))

    def tidy(self, before_ms: int) -> None:
        self._memory.notes = [
            told for told in self._memory.notes if told[2].task is not None or told[1] >= before_ms
        ]

    def close(self) -> None:
        self._closed = True
