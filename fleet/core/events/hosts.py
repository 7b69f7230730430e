"""What persons ask of hosts, and what is seen of them."""

from __future__ import annotations

from dataclasses import dataclass

from fleet.core.events.event import Event
from fleet.core.model import Host


@dataclass(frozen=True, slots=True, kw_only=True)
class HostAdded(Event):
    """A machine to run workers on, with its settings; what is observed of it comes with `HostSeen`."""

    host: Host


@dataclass(frozen=True, slots=True, kw_only=True)
class HostRemoved(Event):
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class HostDrainSet(Event):
    """No new workers on the host while `on`, and the worktrees of tasks without one are brought home. The living ones
    go on, unless `move`: then they are stopped, and their tasks go on elsewhere."""

    name: str
    on: bool
    move: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class HostTrusted(Event):
    """A person has looked at a host that was not to be trusted, and lets it take work again."""

    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class HostVerified(Event):
    """A person has had the host looked at, and nothing is wrong with it. What its git refused was tried: it took the
    repositories of `fit`, and has something against those of `refused` (repository, why). Others are tried at once by a
    start."""

    name: str
    fit: tuple[str, ...] = ()
    refused: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class HostDistrusted(Event):
    """The host sent what no far end of ours ever sends; `why` says what. It may be in other hands."""

    host: str
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class HostSeen(Event):
    """The host was reached. `load` is its load average of the last minute; of what it has come back with, nothing that
    was given up is left running. `machine` is who answered (`Host.machine`), None where that is not told.
    `unsandboxed` is why work there runs in no sandbox."""

    host: str
    workers_max: int
    memory_free_bytes: int | None
    problem: str = ""
    cores: int | None = None
    load: float | None = None
    machine: str | None = None
    unsandboxed: str = ""
    disk_free_bytes: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class HostSilent(Event):
    """The host could not be reached for `silent_ms` of trying: time that the coordinator itself slept doesn't count,
    and 0 says that it has not been tried yet. It is lost after `lost_after_ms`, where that is not what the settings
    say."""

    host: str
    why: str
    silent_ms: int
    lost_after_ms: int | None = None
