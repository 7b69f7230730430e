"""What the outside does for the coordinator, as protocols. Fakes and real parts pass the same contract tests.

The client is no port: it stands behind the five modules of `workers/client`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from fleet.core.decisions import Effect, Note
from fleet.core.events import WindowReading
from fleet.core.model import Account, Attempt, Fleet
from fleet.core.model.prices import Prices
from fleet.core.model.protection import Protections
from fleet.spoken.choice import Choice


@dataclass(frozen=True, slots=True)
class Change:
    """What one commit writes, all of it or nothing: the fleet after, the attempts that ended on the way, the
    effects decided, the ids of effects that have been performed, and the notes with their times (ms)."""

    before: Fleet
    after: Fleet
    ended: Sequence[Attempt] = ()
    decided: Sequence[Effect] = ()
    done: Sequence[str] = ()
    notes: Sequence[tuple[int, Note]] = ()


@dataclass(frozen=True, slots=True)
class Loaded:
    """The fleet as last committed, the effects that were decided but not reported done, and the revision that this
    is."""

    fleet: Fleet
    outstanding: tuple[Effect, ...]
    revision: int = 0


@dataclass(frozen=True, slots=True)
class Committed:
    """What a commit came to: the revision of the state, one more with each, and the numbers of its notes in the
    journal, in their order. None of both is ever given out twice."""

    revision: int
    told: tuple[int, ...] = ()


class StoreFailed(Exception):
    """The store could not be written; nothing of the change was kept. The message says why and what to do."""


class Store(Protocol):
    """Durable state. One writer."""

    def load(self) -> Loaded: ...

    def commit(self, change: Change) -> Committed:
        """Writes the change in one transaction. A task that is gone takes its attempts and its history along. Raises
        StoreFailed, and then nothing has changed."""

    def tidy(self, before_ms: int) -> None:
        """Forgets what was told of no task before then, and gives room back to the disk where there is much. Raises
        StoreFailed: then that is still to be done."""

    def close(self) -> None: ...


Record = dict[str, Any]
"""A value of the fleet as it is kept: its fields by name, as JSON has them. One of an older version lacks what was
added since."""

HistoryLine = tuple[
    int, int, str, str | None, str | None, str | None, str | None, str | None, str, dict[str, Any]
]
"""A line of the journal: its number, when (ms), level, type (None of a line of an older version), task, attempt,
account, host, text, data."""


class Reader(Protocol):
    """What faces read of a store while its one writer goes on: as last committed, and all of one moment within a `with`
    block. A home that has no store yet is empty. Its methods raise StoreUnreadable. (`Store.load` gives the fleet as a
    whole, to whom needs that.)"""

    def __enter__(self) -> Reader: ...

    def __exit__(self, *_: object) -> None: ...

    def revision(self) -> int:
        """How often the state has been changed (`Committed`)."""

    def policy(self) -> Record | None: ...

    def paused_projects(self) -> list[Record]:
        """By name."""

    def task_states(self) -> dict[str, int]:
        """How many tasks there are in each state that has any. Queued ones that are paused count as `paused`."""

    def task_ids(self) -> list[str]:
        """In the order in which they were added."""

    def tasks(
        self,
        choice: Choice | None = None,
        order: str = "added",
        *,
        reverse: bool = False,
        limit: int | None = None,
    ) -> Iterator[Record]:
        """The tasks of the choice, without one all of them, in one of `choice.ORDERS`: one at a time, at most so
        many."""

    def tasks_count(self, choice: Choice) -> int: ...

    def open_tasks(self) -> list[Record]:
        """Those that have neither landed nor been cancelled, in the order in which they were added."""

    def tasks_in_trouble(self) -> list[Record]:
        """Those for which something is being performed, in vain so far."""

    def task(self, name: str) -> Record | None: ...

    def accounts(self) -> list[Record]:
        """All but the removed ones, by name."""

    def account(self, name: str) -> Record | None:
        """None also for a removed one."""

    def unbilled(self) -> list[str]:
        """Names of the local accounts, which cost nothing; removed ones, too."""

    def buckets(self) -> list[Record]:
        """By pool."""

    def workers(self) -> list[Record]:
        """The attempts that have not ended, in the order in which they began."""

    def attempts_of(self, task: str) -> list[Record]:
        """Those that have ended, too, in the order in which they began."""

    def runs(self, known: Iterable[str]) -> list[tuple[Any, ...]]:
        """Session, task, attempt, project, account, tier, begin and end (ms) of all attempts but the `known` ones."""

    def hosts(self) -> list[Record]:
        """By name."""

    def host(self, name: str) -> Record | None: ...

    def worktree(self, task: str) -> Record | None: ...

    def worktrees(self) -> list[tuple[Record, str]]:
        """Each with its task's state, removed ones, too."""

    def worktrees_on(self, host: str) -> list[tuple[Record, str]]:
        """Those that are there, or whose work has still to be brought from there."""

    def last_event(self) -> int:
        """The number of the journal's last line, 0 without one."""

    def event_before(self, at_ms: int) -> int:
        """That of the last line before a moment, 0 without one."""

    def events(self, after: int, most: int, task: str | None = None) -> list[HistoryLine]:
        """So many lines of the journal whose numbers come next, of all or of one task."""

    def history(self, task: str) -> list[HistoryLine]: ...

    def host_history(self, host: str) -> list[HistoryLine]:
        """The last twelve lines that are told of the host itself."""


class NoPlan(Exception):
    """There is no answer to the planning problem: the solver is missing, has failed, or ran out of time. The message
    says which. Whoever asked keeps the prices it has."""


class Planner(Protocol):
    """Solves the planning problem of a fleet as it stands."""

    def __call__(self, fleet: Fleet) -> Prices:
        """Raises NoPlan."""


class NoForecast(Exception):
    """Persons' own use cannot be forecast: the history cannot be read, or what is needed for it is not installed. The
    message says which. Whoever asked keeps the protections it has."""


class Forecaster(Protocol):
    """Forecasts what persons will use of each bucket, from all that was used so far."""

    async def __call__(self, fleet: Fleet) -> Protections:
        """Raises NoForecast."""


class NoReading(Exception):
    """The account's windows cannot be read now; the message says why. What is known of them stays as it is."""


class LoginReader(Protocol):
    """Asks an idle account, whose login its client keeps, about its windows. Costs no tokens."""

    def __call__(self, account: Account) -> tuple[WindowReading, ...]:
        """What they are now. Blocks for some seconds, and leaves nothing running. Raises NoReading."""


class NotAsked(Exception):
    """The account could not be asked; the message says why. Nothing is known of it then."""


@dataclass(frozen=True, slots=True)
class Proof:
    """What an account made of one small question. `refused`: its credential was. `passing`: the server or the way to it
    was in trouble, which ends by itself. `readings` are what the answer said of its windows."""

    ok: bool
    story: str
    refused: bool = False
    passing: bool = False
    readings: tuple[WindowReading, ...] = ()


class Prover(Protocol):
    """Asks an account one small question, with its own credential. Costs some tokens."""

    def __call__(self, account: Account) -> Proof:
        """Blocks for some seconds, and leaves nothing running. Raises NotAsked."""


@dataclass(frozen=True, slots=True)
class Lookup:
    """Which accounts' credentials are in the keyring, which really are not, and for which that cannot be known now:
    name and reason."""

    found: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    unreached: tuple[tuple[str, str], ...] = ()


class CredentialReader(Protocol):
    """Looks for the credentials of accounts in the keyring."""

    def __call__(self, accounts: Sequence[str]) -> Lookup:
        """Blocks for as long as the keyring takes."""


class Clock(Protocol):
    """Wall time. The core never asks for it; it arrives in events."""

    def now_ms(self) -> int: ...
