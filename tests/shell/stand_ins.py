"""Workers and finishing as the coordinator's performers know them, with every fault at hand.

A worker here is a recorded client: its start writes the spool that a supervisor would have written.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Collection
from pathlib import Path

from fleet.core.model import HERE, Account, Attempt, Task, Worktree
from fleet.core.wording import opening_id
from fleet.shell.finishing import Checked, Ended
from fleet.shell.hosts.driver import Vacated
from fleet.shell.starting import Started
from tests.shell.spools import as_lines, records, write
from workers.orders import Close, Order, Say, Stop
from workers.worktree.make import Made

FIRST_WORD = b"11111111-1111-4111-8111-111111111111"


def nothing() -> None:
    """No fault."""


class Workers:
    """Stands for a Starter and for the host it starts on, with its runs. `before_start` may block or raise; each worker
    `pauses_after` so many records."""

    def __init__(self, runs: Path, plays: str = "finished") -> None:
        self.folder = runs
        self.plays = plays
        self.pauses_after: int | None = None
        self.before_start: Callable[[Attempt], None] = lambda attempt: None
        self.before_sweep: Callable[[str], None] = lambda attempt: None
        self.starts: Counter[str] = Counter()
        self.orders: list[tuple[str, Order]] = []
        self.dead: set[str] = set()

    name = HERE

    def of(self, host: str) -> Workers:
        return self

    @property
    def drivers(self) -> Workers:
        return self

    @property
    def runs(self) -> Workers:
        return self

    def start(self, task: Task, attempt: Attempt, account: Account, worktree: Worktree) -> Started:
        self.starts[attempt.id] += 1
        self.before_start(attempt)
        if not self.has_started(attempt):
            write(self.folder, attempt.id, self._spooled(attempt.id)[: self.pauses_after])
        made = Made(f"fleet/{task.id}", "abc", "")
        return Started(made, self.folder, attempt.session_id, attempt.resumes)

    def go_on(self, attempt_id: str) -> None:
        """Says what comes after the pause."""
        write(self.folder, attempt_id, self._spooled(attempt_id)[self.pauses_after :])

    def _spooled(self, attempt_id: str) -> list[bytes]:
        word = opening_id(attempt_id).encode()
        return [line.replace(FIRST_WORD, word) for line in as_lines(records(self.plays))[:-1]]

    def has_started(self, attempt: Attempt) -> bool:
        return (self.folder / attempt.id / "spool").exists()

    def abandon(self, attempt: Attempt | str) -> bool:
        name = attempt if isinstance(attempt, str) else attempt.id
        return not (self.folder / name / "spool").exists()

    def order(self, attempt_id: str, order: Order) -> None:
        if not (self.folder / attempt_id / "spool").exists():
            raise FileNotFoundError(attempt_id)
        self.orders.append((attempt_id, order))
        if isinstance(order, Close | Stop):
            cause = "exited" if isinstance(order, Close) else "stopped"
            self.leave(attempt_id, cause)

    def leave(self, attempt_id: str, cause: str) -> None:
        """The supervisor's last word."""
        exit_ = {"event": "exit", "code": 0, "signal": None, "cause": cause, "detail": None}
        write(self.folder, attempt_id, [b"s 9 %s\n" % json.dumps(exit_).encode()])

    def said_to(self, attempt_id: str) -> list[str]:
        return [
            order.line for attempt, order in self.orders if attempt == attempt_id and isinstance(order, Say)
        ]

    def alive(self, attempt_id: str) -> bool:
        return attempt_id not in self.dead

    def gone(self, attempts: Collection[str]) -> set[str]:
        return {attempt for attempt in attempts if not self.alive(attempt)}

    def sweep(self, attempt_id: str) -> tuple[int, ...]:
        self.before_sweep(attempt_id)
        return ()

    def memory_free_bytes(self) -> int:
        return 16_000_000_000

    def disk_free_bytes(self) -> int:
        return 64_000_000_000


class Finishing:
    """Stands for a Finisher that finds everything in order."""

    def __init__(self) -> None:
        self.before: Callable[[], None] = nothing
        self.checked: Counter[str] = Counter()
        self.removed: Counter[str] = Counter()

    def check(self, task: Task, worktree: Worktree, turn: str = "once") -> Checked:
        self.checked[task.id] += 1
        self.before()
        return Checked(True, "c0ffee", "")

    def land(self, task: Task, worktree: Worktree) -> Ended:
        return Ended("landed", "c0ffee", "")

    def look(self, task: Task) -> tuple[bool, bool]:
        return False, False

    def remove(self, task: Task, worktree: Worktree) -> Vacated:
        self.removed[task.id] += 1
        return Vacated(None)
