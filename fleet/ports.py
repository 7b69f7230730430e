"""What the outside does for the coordinator, as protocols. Fakes and real parts pass the same contract
tests."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from fleet.core.decisions import Effect, Note
from fleet.core.events import WindowReading
from fleet.core.model import Account, Attempt, Fleet
from fleet.core.model.prices import Prices
from fleet.core.model.protection import Protections


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
    """The fleet as last committed, and the effects that were decided but not reported done."""

    fleet: Fleet
    outstanding: tuple[Effect, ...]


class StoreFailed(Exception):
    """The store could not be written; nothing of the change was kept. The message says why and what to do."""


class Store(Protocol):
    """Durable state. One writer."""

    def load(self) -> Loaded: ...

    def commit(self, change: Change) -> None:
        """Writes the change in one transaction. Raises StoreFailed, and then nothing has changed."""

    def close(self) -> None: ...


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


class Clock(Protocol):
    """Wall time. The core never asks for it; it arrives in events."""

    def now_ms(self) -> int: ...
