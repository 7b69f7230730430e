"""What persons ask for, but for hosts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from fleet.core.events.event import Event
from fleet.core.events.facts import WindowReading
from fleet.core.model import Account, Pause, Spend, TaskSpec
from fleet.core.model.policy import Floor, Limit, Project, Reservation, Strategy, Tier

PERSON = "a person"
"""Who revises or pauses a task, where it is no source."""


Paused = Literal["task", "project", "account", "all"]


@dataclass(frozen=True, slots=True, kw_only=True)
class TasksAdded(Event):
    """Ids up to the number `taken` have left a trace in a repository that the fleet does not know yet."""

    specs: tuple[TaskSpec, ...]
    taken: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskRevised(Event):
    """The `fields` of what a task was asked for become those of `spec`, whose others do not count. `by` is who
    revises it: a person, or a source such as `board:github`."""

    task: str
    fields: tuple[str, ...]
    spec: TaskSpec
    by: str = PERSON


@dataclass(frozen=True, slots=True, kw_only=True)
class CancelAsked(Event):
    task: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryAsked(Event):
    """With `fresh` its work goes on with a new session."""

    task: str
    fresh: bool = False


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
class ApproveAsked(Event):
    """A person has looked at the task's work as of `commit`, where its branch is: it may land. `seen` is the commit
    that was verified when they looked. Where `commit` is another one, it is verified first."""

    task: str
    commit: str
    seen: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SendBackAsked(Event):
    """A person has looked at the task's work, and its session is to do more. `word` as with `PersonSaid`."""

    task: str
    word: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RejectAsked(Event):
    """A person has looked at the task's work, and does not want it."""

    task: str
    why: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class LandAsked(Event):
    """A branch that was left as its task asked for is to be merged after all, into `target` where one is named."""

    task: str
    target: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountAdded(Event):
    account: Account


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountRemoved(Event):
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountVerified(Event):
    """A real request showed that its credential is good (`ok`), or was refused with `detail`. `answered`: the account
    answered it, if only with a limit. `readings` are what the answer said about the account's windows."""

    name: str
    ok: bool
    detail: str = ""
    answered: bool = False
    readings: tuple[WindowReading, ...] = ()
    renewed: bool = False
    """The credential is a new one, which the keyring has in place of the one before."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountSet(Event):
    """A person changes settings; None leaves one as it is. An empty `base_url` is the client's own address."""

    name: str
    base_url: str | None = None
    tiers: tuple[tuple[str, str], ...] | None = None
    concurrency: int | None = None
    spend: Spend | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PauseAsked(Event):
    """A person pauses the tasks, projects or accounts of these `names`, or all work (then there are none); without a
    `pause` they resume it. All of it is done or nothing. With `now` workers are stopped; else they end with their turn.
    """

    what: Paused
    names: tuple[str, ...] = ()
    pause: Pause | None = None
    now: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class PruneAsked(Event):
    """Remove the worktrees of tasks that have ended; what is not landed is preserved first."""

    tasks: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ForgetAsked(Event):
    """Forget tasks that ended before `before_ms`, with their attempts and their history, and what the journal tells of
    no task. Those of which something is left to be said or done stay."""

    tasks: tuple[str, ...]
    before_ms: int


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
class ProtectionSet(Event):
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


@dataclass(frozen=True, slots=True, kw_only=True)
class DrainAsked(Event):
    """No new workers while `on`. The living ones go on, unless `stop_workers`: then their tasks are put back."""

    on: bool
    stop_workers: bool = False
