"""What happened. Each event carries its time (integer milliseconds) and its id; nothing else may change
state.

Persons' requests can be refused (`step.Refused`); reports of the world cannot: one that comes too late is
ignored by its fence.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from fleet.core.foresight import Foresight
from fleet.core.model import Account, TaskSpec
from fleet.core.policy import Floor, Limit, Project, Reservation, Strategy, Tier
from fleet.core.prices import Prices
from fleet.core.tokens import Tokens


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    at_ms: int
    id: str


# --- what persons ask for -------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class TasksAdded(Event):
    specs: tuple[TaskSpec, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class CancelAsked(Event):
    task: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryAsked(Event):
    task: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonSaid(Event):
    """`word` is the id by which the words are told exactly once. `interrupt` ends the running turn first; `tier`
    is what the session goes on with from then on."""

    task: str
    word: str
    text: str
    interrupt: bool = False
    tier: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountAdded(Event):
    account: Account


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountRemoved(Event):
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountVerified(Event):
    """A real request with its credential was answered (`ok`), or refused with `detail`. `readings` are what the answer
    said about the account's windows."""

    name: str
    ok: bool
    detail: str = ""
    readings: tuple[WindowReading, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class PruneAsked(Event):
    """Remove the worktrees of tasks that have ended; what is not landed is preserved first."""

    tasks: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ProjectSet(Event):
    project: Project


@dataclass(frozen=True, slots=True, kw_only=True)
class ReservationAdded(Event):
    """Its id is given by the core."""

    reservation: Reservation


@dataclass(frozen=True, slots=True, kw_only=True)
class ReservationRemoved(Event):
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitAdded(Event):
    """Its id is given by the core."""

    limit: Limit


@dataclass(frozen=True, slots=True, kw_only=True)
class FloorAdded(Event):
    """Its id is given by the core."""

    floor: Floor


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitRemoved(Event):
    """A limit or a floor."""

    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StrategySet(Event):
    strategy: Strategy


@dataclass(frozen=True, slots=True, kw_only=True)
class ForesightSet(Event):
    """Whether what a person is expected to use is kept for them."""

    on: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class TiersSet(Event):
    """The whole ordering, the least capable first, in place of the one before."""

    tiers: tuple[Tier, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class BreakerSet(Event):
    """A person opens the circuit breaker, with `why`, or closes it again with an empty one. `faults_max` changes how
    many ends of workers in a row open it."""

    why: str | None = None
    faults_max: int | None = None


# --- the coordinator and its hosts ----------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Beat(Event):
    """Time has passed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Priced(Event):
    """The planning problem was solved anew."""

    prices: Prices


@dataclass(frozen=True, slots=True, kw_only=True)
class Foreseen(Event):
    """Persons' own use was forecast anew."""

    foresight: Foresight


@dataclass(frozen=True, slots=True, kw_only=True)
class HostSeen(Event):
    host: str
    workers_max: int
    memory_free_bytes: int | None
    problem: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class DrainAsked(Event):
    """No new workers while `on`. The living ones go on, unless `stop_workers`: then their tasks are put back."""

    on: bool
    stop_workers: bool = False


# --- reports of workers ---------------------------------------------------------------------------------

StartFault = Literal["repository", "setup", "client", "credential", "disk", "launch"]


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerStarted(Event):
    """The worker runs in its worktree. `session_id` differs from the one asked for when the transcript had
    vanished and the session had to begin anew."""

    attempt: str
    branch: str
    base_commit: str
    path: str
    session_id: str
    resumed: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class StartFailed(Event):
    attempt: str
    fault: StartFault
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerLost(Event):
    """The supervisor is gone without an exit record; its leftovers have been swept."""

    attempt: str
    detail: str


@dataclass(frozen=True, slots=True)
class WindowReading:
    """One window of a `rate_limit_event`; `scope` is the tier it is for, None for all."""

    name: str
    scope: str | None
    utilization: float | None
    resets_ms: int | None
    status: str | None
    refused: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountRead(Event):
    """An idle account was asked about its windows at `seen_ms`; those that it does not name stay as they were."""

    name: str
    readings: tuple[WindowReading, ...]
    seen_ms: int


@dataclass(frozen=True, slots=True)
class Began:
    """The client's `system/init`."""

    version: str


@dataclass(frozen=True, slots=True)
class Answered:
    """One model answer; the same `message_id` again replaces its tokens (it was still streaming)."""

    message_id: str
    tokens: Tokens


@dataclass(frozen=True, slots=True)
class WindowsRead:
    readings: tuple[WindowReading, ...]
    at_ms: int


@dataclass(frozen=True, slots=True)
class WordTaken:
    """The client has taken up the words of this id."""

    word: str


@dataclass(frozen=True, slots=True)
class WordLost:
    """The client threw the words of this id away: they have to be told again."""

    word: str


@dataclass(frozen=True, slots=True)
class Used:
    """The exact count since the last one, subagents included; it replaces what the answers since then said."""

    tokens: Tokens
    cost_usd: float | None


@dataclass(frozen=True, slots=True)
class AwaitsBackground:
    """The turn ended well, but commands or agents still run in the background; their end begins another turn."""


Outcome = Literal[
    "finished",
    "limited",
    "busy",
    "login",
    "cut",
    "turns",
    "budget",
    "interrupted",
    "no_session",
    "no_model",
    "context",
    "refused",
    "error",
]


@dataclass(frozen=True, slots=True)
class TurnEnded:
    """A `result` line, judged: a good one once the client is at rest, any other at once."""

    outcome: Outcome
    detail: str
    readings: tuple[WindowReading, ...] = ()
    denials: int = 0


@dataclass(frozen=True, slots=True)
class Exited:
    """The supervisor's last record. `cause`: exited, stopped, stalled, deadline, start_timeout, cannot_start."""

    cause: str
    code: int | None
    detail: str


@dataclass(frozen=True, slots=True)
class Garbled:
    """Lines that could not be read; they stay in the spool."""

    count: int


Fact = (
    Began
    | Answered
    | WindowsRead
    | WordTaken
    | WordLost
    | Used
    | AwaitsBackground
    | TurnEnded
    | Exited
    | Garbled
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Spooled(Event):
    """The bytes `start` to `end` of an attempt's spool, and what they say. Applied only at its own offset:
    so no line is lost or applied twice, whatever crashes when."""

    attempt: str
    start: int
    end: int
    facts: tuple[Fact, ...] = ()


# --- reports of checks, landings and worktrees ----------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkChecked(Event):
    """Work committed and verified in the worktree: `commit` is the branch's head, `output` what failed."""

    task: str
    attempt: str
    ok: bool
    commit: str | None
    output: str = ""


LandingOutcome = Literal["landed", "conflict", "unverified", "held", "moved", "broken"]


@dataclass(frozen=True, slots=True, kw_only=True)
class LandingEnded(Event):
    """How bringing a branch into its target ended. `moved`: the target moved meanwhile, try again.
    `held`: verified, but the target is checked out somewhere; `detail` says what a person can do.
    `broken`: it cannot be tried at all (a repository that vanished)."""

    task: str
    begun_ms: int
    outcome: LandingOutcome
    commit: str | None
    detail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldSeen(Event):
    """A held task was looked at again: `landed` by a person, or its target is `free`, or neither."""

    task: str
    landed: bool
    free: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class WorktreeRemoved(Event):
    task: str
    preserved: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class PerformFailed(Event):
    """A decision about the task could not be performed and is tried again: once for each story that it fails with.
    `lasting`: it goes on failing for what a person has to mend."""

    task: str
    effect: str
    story: str
    lasting: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class PerformWentWell(Event):
    """What had failed has been performed."""

    task: str
    effect: str


World = (
    WorkerStarted
    | StartFailed
    | WorkerLost
    | Spooled
    | WorkChecked
    | LandingEnded
    | HeldSeen
    | WorktreeRemoved
    | PerformFailed
    | PerformWentWell
    | AccountRead
    | HostSeen
    | Beat
    | Priced
    | Foreseen
)
Person = (
    TasksAdded
    | CancelAsked
    | RetryAsked
    | PersonSaid
    | AccountAdded
    | AccountRemoved
    | AccountVerified
    | PruneAsked
    | DrainAsked
    | ProjectSet
    | ReservationAdded
    | ReservationRemoved
    | LimitAdded
    | FloorAdded
    | LimitRemoved
    | StrategySet
    | ForesightSet
    | TiersSet
    | BreakerSet
)
