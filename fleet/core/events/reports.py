"""What is reported of workers, their worktrees, checks and landings, and what the coordinator sees by itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from fleet.core.events.event import Event
from fleet.core.events.facts import Fact, WindowReading
from fleet.core.model.prices import Prices
from fleet.core.model.protection import Protections

StartFault = Literal[
    "repository",
    "setup",
    "client",
    "credential",
    "keyring",
    "machine",
    "launch",
    "unfit",
    "no_way",
    "consent",
]
"""`unfit`: the git of a host refuses the repository, though home can read it. `no_way`: the host answers, but nothing
that a start needs reached it for so long that the work goes elsewhere. `consent`: a person has to agree first to what
the repository wants to run."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerStarted(Event):
    """The worker runs in its worktree. `session_id` differs from the one asked for when the transcript had
    vanished and the session had to begin anew. `kept` is the ref at home with what was in no commit, where the worktree
    was brought from another host."""

    attempt: str
    branch: str
    base_commit: str
    path: str
    session_id: str
    resumed: bool
    kept: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StartFailed(Event):
    """`trouble` are the words for a machine's trouble, which stay the same while it lasts, and `lasting` means that it
    hardly passes unless a person does something. `consent` is the text that a person has to agree to first, by its
    digest. Of a host that is unfit: `refused_by` names it, where it is not the
    attempt's own but the one that has the work, and `gist` is what its git says, without what differs from host to
    host; empty where that is a machine's trouble."""

    attempt: str
    fault: StartFault
    detail: str
    trouble: str = ""
    lasting: bool = False
    refused_by: str | None = None
    gist: str = ""
    consent: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CredentialsRead(Event):
    """The keyring was asked for the credentials of accounts that wait for it: those that are there, those that really
    are not, and those that cannot be had yet, each with the reason."""

    found: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    unreached: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerLost(Event):
    """The supervisor is gone without an exit record; its leftovers have been swept. `alone`: it lived when it was last
    looked at, a moment before, and nothing else went with it: neither its machine nor another worker."""

    attempt: str
    detail: str
    alone: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class TracesFound(Event):
    """What lies on the disk, and in the repositories, of ids that were given out: those of tasks up to the number
    `tasks`, of attempts up to the number beside each task, of decisions up to `decisions`. `unknown` are the tasks that
    this fleet never had. It is older than they are: a backup was put in its place, or it began anew."""

    tasks: int
    attempts: tuple[tuple[str, int], ...] = ()
    decisions: int = 0
    unknown: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundLanded(Event):
    """The references prove that the task's work was verified at `commit`, and that its target has that."""

    task: str
    commit: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Spooled(Event):
    """The bytes `start` to `end` of an attempt's spool, and what they say. Applied only at its own offset:
    so no line is lost or applied twice, whatever crashes when."""

    attempt: str
    start: int
    end: int
    facts: tuple[Fact, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpointed(Event):
    """What the attempt has done so far is at home: its branch, its session's transcript, and what is in no commit in
    `ref`; None when there is nothing of that."""

    attempt: str
    ref: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkReclaimed(Event):
    """A host that had been lost came back, and what `attempt` had gone on to do there is kept in `ref` at home; None
    when it was nothing."""

    task: str
    host: str
    attempt: str
    ref: str | None


# --- checks, landings and worktrees ---------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkChecked(Event):
    """Work committed and verified in the worktree: `commit` is the branch's head, `output` what failed, or the end of
    what passed, `noticed` what its own session did not do, and what was in no commit, in words. `unchanged`: it brings
    nothing that the target does not have, and `ignored` is what its session made that git ignores, in words. `remade`:
    the worktree was gone, and was made anew from its branch; the worker still stands in the one that is gone. `denied`
    is what the sandbox kept the verification from that failed, in words."""

    task: str
    attempt: str
    ok: bool
    commit: str | None
    output: str = ""
    noticed: str = ""
    unchanged: bool = False
    ignored: str = ""
    remade: bool = False
    denied: str = ""


LandingOutcome = Literal[
    "landed", "conflict", "unverified", "denied", "unapproved", "held", "moved", "broken", "broken off"
]


@dataclass(frozen=True, slots=True, kw_only=True)
class LandingEnded(Event):
    """How bringing a branch into its target ended. `moved`: the target moved meanwhile, try again.
    `held`: verified, but the target is checked out somewhere; `detail` says what a person can do.
    `denied`: the sandbox kept its verification from something; `detail` says what.
    `broken`: a person has to mend the repository first (it vanished, or its target did; a hook refuses the message
    of the merge), or to agree to a text of it (`consent`, by its digest); `detail` says what. Of `landed` it says why
    nothing had to be brought. `unapproved`: the branch is no longer where a person has approved it. `broken off`: it
    was cancelled, and nothing was brought."""

    task: str
    begun_ms: int
    outcome: LandingOutcome
    commit: str | None
    detail: str = ""
    consent: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldSeen(Event):
    """A held task was looked at again: `landed` by a person, or its target is `free`, or neither."""

    task: str
    landed: bool
    free: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class WorktreeRemoved(Event):
    """`host` is the one it was removed on: a removal on a host that was given up meanwhile says nothing any more.
    `noticed`: what its session did to others, found at the last look. `kept_at` is a directory with
    ignored files that are too much for the ref `preserved`."""

    task: str
    preserved: str | None
    host: str | None = None
    noticed: str = ""
    kept_at: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PerformFailed(Event):
    """A decision about the task could not be performed and is tried again: once for each story that it fails with.
    `lasting`: it goes on failing for what a person has to mend. `host` has the task's work, and its git refuses the
    repository, if that is why. `consent` is the text that a person has to agree to first, by its digest."""

    task: str
    effect: str
    story: str
    lasting: bool = False
    host: str = ""
    consent: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsentGiven(Event):
    """What these tasks waited for is agreed to by a person, or not asked for any more."""

    tasks: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class PerformWentWell(Event):
    """What had failed has been performed."""

    task: str
    effect: str


# --- the coordinator itself ------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Beat(Event):
    """Time has passed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RoundGoesOn(Event):
    """A round of dispatch had made as many placements as one may: there may be more to make."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Priced(Event):
    """The planning problem was solved anew."""

    prices: Prices


@dataclass(frozen=True, slots=True, kw_only=True)
class ProtectionsMade(Event):
    """Persons' own use was forecast anew."""

    protections: Protections


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountRead(Event):
    """An idle account was asked about its windows at `seen_ms`; those that it does not name stay as they were."""

    name: str
    readings: tuple[WindowReading, ...]
    seen_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountProved(Event):
    """An account was asked one small question with its own credential, and answered (`ok`), or not, for the reason that
    `detail` gives. `refused`: its credential was. `passing`: its server or the way to it was in trouble, which ends by
    itself. `readings` are what the answer said of its windows."""

    name: str
    ok: bool
    detail: str = ""
    refused: bool = False
    passing: bool = False
    readings: tuple[WindowReading, ...] = ()
