"""What happened. Each event carries its time (integer milliseconds) and its id; nothing else may change
state.

Persons' requests can be refused (`step.Refused`); reports of the world cannot: one that comes too late is
ignored by its fence.
"""

from __future__ import annotations

from fleet.core.events.asked import (
    PERSON,
    AccountAdded,
    AccountRemoved,
    AccountSet,
    AccountVerified,
    ApproveAsked,
    BreakerSet,
    CancelAsked,
    DrainAsked,
    FloorAdded,
    ForgetAsked,
    LandAsked,
    LimitAdded,
    LimitRemoved,
    PauseAsked,
    Paused,
    PersonSaid,
    ProjectSet,
    ProtectionSet,
    PruneAsked,
    RejectAsked,
    ReservationAdded,
    ReservationRemoved,
    RetryAsked,
    SendBackAsked,
    StrategySet,
    TaskRevised,
    TasksAdded,
    TiersSet,
)
from fleet.core.events.event import (
    Event,
)
from fleet.core.events.facts import (
    Answered,
    AwaitsBackground,
    Began,
    Exited,
    Fact,
    Garbled,
    Outcome,
    TurnEnded,
    Used,
    WindowReading,
    WindowsRead,
    WordLost,
    WordTaken,
)
from fleet.core.events.hosts import (
    HostAdded,
    HostDistrusted,
    HostDrainSet,
    HostRemoved,
    HostSeen,
    HostSilent,
    HostTrusted,
    HostVerified,
)
from fleet.core.events.reports import (
    AccountProved,
    AccountRead,
    Beat,
    Checkpointed,
    ConsentGiven,
    CredentialsRead,
    FoundLanded,
    HeldSeen,
    LandingEnded,
    LandingOutcome,
    PerformFailed,
    PerformWentWell,
    Priced,
    ProtectionsMade,
    RoundGoesOn,
    Spooled,
    StartFailed,
    StartFault,
    TracesFound,
    WorkChecked,
    WorkerLost,
    WorkerStarted,
    WorkReclaimed,
    WorktreeRemoved,
)

__all__ = [
    "PERSON",
    "AccountAdded",
    "AccountProved",
    "AccountRead",
    "AccountRemoved",
    "AccountSet",
    "AccountVerified",
    "Answered",
    "ApproveAsked",
    "AwaitsBackground",
    "Beat",
    "Began",
    "BreakerSet",
    "CancelAsked",
    "Checkpointed",
    "ConsentGiven",
    "CredentialsRead",
    "DrainAsked",
    "Event",
    "Exited",
    "Fact",
    "FloorAdded",
    "ForgetAsked",
    "FoundLanded",
    "Garbled",
    "HeldSeen",
    "HostAdded",
    "HostDistrusted",
    "HostDrainSet",
    "HostRemoved",
    "HostSeen",
    "HostSilent",
    "HostTrusted",
    "HostVerified",
    "LandAsked",
    "LandingEnded",
    "LandingOutcome",
    "LimitAdded",
    "LimitRemoved",
    "Outcome",
    "PauseAsked",
    "Paused",
    "PerformFailed",
    "PerformWentWell",
    "Person",
    "PersonSaid",
    "Priced",
    "ProjectSet",
    "ProtectionSet",
    "ProtectionsMade",
    "PruneAsked",
    "RejectAsked",
    "ReservationAdded",
    "ReservationRemoved",
    "RetryAsked",
    "RoundGoesOn",
    "SendBackAsked",
    "Spooled",
    "StartFailed",
    "StartFault",
    "StrategySet",
    "TaskRevised",
    "TasksAdded",
    "TiersSet",
    "TracesFound",
    "TurnEnded",
    "Used",
    "WindowReading",
    "WindowsRead",
    "WordLost",
    "WordTaken",
    "WorkChecked",
    "WorkReclaimed",
    "WorkerLost",
    "WorkerStarted",
    "WorktreeRemoved",
    "World",
]

World = (
    WorkerStarted
    | StartFailed
    | WorkerLost
    | Spooled
    | WorkChecked
    | LandingEnded
    | HeldSeen
    | TracesFound
    | FoundLanded
    | WorktreeRemoved
    | PerformFailed
    | PerformWentWell
    | ConsentGiven
    | AccountRead
    | CredentialsRead
    | AccountProved
    | HostDistrusted
    | HostSeen
    | HostSilent
    | Checkpointed
    | WorkReclaimed
    | Beat
    | RoundGoesOn
    | Priced
    | ProtectionsMade
)
Person = (
    TasksAdded
    | TaskRevised
    | CancelAsked
    | RetryAsked
    | PersonSaid
    | ApproveAsked
    | SendBackAsked
    | RejectAsked
    | LandAsked
    | AccountAdded
    | AccountRemoved
    | AccountVerified
    | AccountSet
    | PauseAsked
    | PruneAsked
    | ForgetAsked
    | DrainAsked
    | ProjectSet
    | ReservationAdded
    | ReservationRemoved
    | LimitAdded
    | FloorAdded
    | LimitRemoved
    | StrategySet
    | ProtectionSet
    | TiersSet
    | BreakerSet
    | HostAdded
    | HostRemoved
    | HostTrusted
    | HostVerified
    | HostDrainSet
)
