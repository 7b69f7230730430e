"""A host, and the worktree that a task has on one."""

from __future__ import annotations

from dataclasses import dataclass

from fleet.core.model.lifecycles import HostState, WorktreeState
from fleet.core.model.task import Word

HERE = "local"
"""The name of the machine that the coordinator runs on."""


@dataclass(frozen=True, slots=True)
class Unfit:
    """A repository that a host's git refuses, though home can read it. `why` is what git says there. So often, `times`,
    it was tried in a row, and not again before `again_ms`. `lasting`: it hardly passes unless a person mends it."""

    repo: str
    why: str
    since_ms: int
    again_ms: int
    times: int = 1
    lasting: bool = True

    def shut_until(self, now_ms: int, pause_ms_max: int) -> int | None:
        """Until when nothing of the repository is started there, None when it may be tried. A pause longer than any is
        was set by a clock that has since been put right, and doesn't count."""
        return self.again_ms if 0 < self.again_ms - now_ms <= pause_ms_max else None


@dataclass(frozen=True, slots=True)
class Host:
    """A machine that runs workers: this one, or one reached over ssh.

    `address` is `ssh://user@host:port`, empty for this machine; `jump`, `identity`, `directory` and `client` say how it
    is reached and used, and mean nothing to the core. Free memory of None is unknown: then only one worker is risked.
    `load` is its load average of the last minute. Since `silent_since_ms` it does not answer, or is not listened to.
    `warm` are the repositories of which it has a mirror, `unfit` those that its git refuses. `machine` is who answered
    last under its name, as its far end says it: equal for two hosts that are one machine, else it means nothing to the
    core. `unsandboxed` is why work there runs in no sandbox, empty where it does; of this machine its coordinator says
    that.
    """

    name: str
    workers_max: int
    memory_free_bytes: int | None = None
    observed_ms: int = 0
    problem: str = ""
    address: str = ""
    jump: str | None = None
    identity: str | None = None
    directory: str | None = None
    client: str | None = None
    labels: tuple[str, ...] = ()
    state: HostState = "ready"
    silent_since_ms: int | None = None
    draining: bool = False
    cores: int | None = None
    load: float | None = None
    warm: tuple[str, ...] = ()
    machine: str | None = None
    unfit: tuple[Unfit, ...] = ()
    unsandboxed: str = ""
    disk_free_bytes: int | None = None
    """Where runs and worktrees lie; None is unknown."""
    disk_low_ms: int | None = None
    """Since when that is less than `Settings.disk_low_bytes`."""

    def unfit_for(self, repo: str) -> Unfit | None:
        return next((unfit for unfit in self.unfit if unfit.repo == repo), None)

    def fit_but(self, repo: str) -> tuple[Unfit, ...]:
        """What else its git refuses."""
        return tuple(unfit for unfit in self.unfit if unfit.repo != repo)

    @property
    def is_here(self) -> bool:
        """Whether it is the machine that the coordinator runs on."""
        return not self.address

    @property
    def is_given_up(self) -> bool:
        """Whether nothing is expected of it any more, and nothing that it had counts."""
        return self.state in ("lost", "distrusted")

    @property
    def takes_work(self) -> bool:
        """Whether its places count: it answers, and is not being emptied."""
        return self.state == "ready" and not self.draining


@dataclass(frozen=True, slots=True)
class Worktree:
    """The directory a task's attempts work in. `slot` numbers its block of ports, unique among the living.
    `preserved` is the ref that the last removal kept uncommitted work in; it is brought back when it is made anew.

    It is on `host`. `moves_from` is the host that the task's work has still to be brought from: until
    a worker runs on that work, or the host is lost. `checkpoint` is the ref at home with what was in no commit
    when the work was last brought home, at `checkpoint_ms`: what is left of it should its host be lost. `heard` are the
    words that the session has taken up on another host since then (`heard_before`: while that was being done), which
    are told again in that case. `left_ms` is when its last attempt ended.
    """

    task: str
    repo: str
    slot: int
    state: WorktreeState = "making"
    path: str | None = None
    preserved: str | None = None
    host: str = HERE
    moves_from: str | None = None
    checkpoint: str | None = None
    checkpoint_ms: int | None = None
    heard: tuple[Word, ...] = ()
    heard_before: tuple[Word, ...] = ()
    left_ms: int | None = None

    @property
    def lies_on(self) -> str | None:
        """The host that has the task's work, None when it is all at home."""
        return self.moves_from or (self.host if self.state != "removed" else None)

    @property
    def hosts(self) -> tuple[str, ...]:
        """The hosts that have something of it: two of them while it moves."""
        there = () if self.state == "removed" else (self.host,)
        return there if self.moves_from is None else (self.moves_from, *there)
