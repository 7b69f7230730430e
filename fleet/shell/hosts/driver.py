"""A host as the coordinator uses it: where work is made ready and done, and brought home from."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from fleet.core.model import Attempt, Task, Worktree
from workers.client.launch import Launched
from workers.runs import Runs
from workers.verify import Verdict
from workers.worktree.make import Made


@dataclass(frozen=True, slots=True)
class Client:
    """The client of a host, looked at once when the coordinator has come to it."""

    path: Path
    version: str
    flags: frozenset[str]


@dataclass(frozen=True, slots=True)
class Prepared:
    """A worktree in which work can begin, and where; `launched` is the session of the attempt's run if that was started
    there already, by whomever. `named` are the variables that settings files of the client set there. `sandbox` are the
    words to put before the client's, so that it runs in one.
    """

    made: Made
    path: Path
    launched: Launched | None
    named: frozenset[str] = frozenset()
    sandbox: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Committed:
    """The head of a task's branch, with all its work. `remade`: its worktree was gone, or git had lost it, and was made
    anew. `ignored`: where its session has committed nothing, what it made that git ignores, in words. `noticed`: what
    had become of its worktree, in words."""

    head: str
    remade: bool = False
    ignored: str = ""
    noticed: str = ""


@dataclass(frozen=True, slots=True)
class Vacated:
    """Where what was in no commit is kept: under the ref `preserved` at home, and what is too much for git in the
    directory `kept_at` of the host. `noticed`: what its session did to others."""

    preserved: str | None
    kept_at: str | None = None
    noticed: str = ""


class Driver(Protocol):
    """One host: this machine, or one reached over ssh.

    Home, where the coordinator runs, is the hub: it holds the repository, the sessions, and a copy of every spool. Work
    and sessions go from there to a host, and come back before they go to another.

    Every method blocks, may be called from any thread, and may be repeated. Each may raise HostAway: then it is not
    known whether it was done.
    """

    @property
    def name(self) -> str: ...

    @property
    def runs(self) -> Runs: ...

    @property
    def client(self) -> Client: ...

    @property
    def environ(self) -> Mapping[str, str]:
        """The environment that workers there are given a part of."""

    def worktree_path(self, task: Task) -> Path: ...

    def ports(self, task: Task, worktree: Worktree) -> range | None:
        """Those that the task may listen at; None when none are left. Raises OSError."""

    def config_dir(self, account: str) -> Path:
        """The account's CLAUDE_CONFIG_DIR there. Raises OSError where it cannot be had."""

    def writer(self, task: Task) -> Mapping[str, str]:
        """Variables that name who writes the commits of a worker there, where its git does not know it by itself."""

    def distrust(self, what: str) -> Exception:
        """What comes from the host is against the rules: nothing of it counts any more. Returns what to raise."""

    def prepare(self, task: Task, attempt: Attempt, worktree: Worktree, preserved: str | None) -> Prepared:
        """The task's worktree, ready to work in, with the work kept under `preserved` (a ref at home) laid down if it
        had to be made, for a client that was proved to obey its pins. Raises ClientRefused, GitError, SetupFailed,
        OSError."""

    def abandon(self, attempt: str) -> bool:
        """Sees to it that the attempt is never begun here, by whatever was asked to begin it before. False when it was
        begun. Raises OSError: then nothing is known."""

    def bring_session(self, attempt: Attempt, from_account: str, cwd: Path) -> bool | None:
        """Lays the session to be resumed into the attempt's account's directory there, for a client that runs in `cwd`:
        whether it ran elsewhere, or for another account, before; None when there is none any more. Raises OSError."""

    def take_session_home(self, account: str, session_id: str) -> None:
        """Brings what was said in it since it was last brought home. Raises OSError."""

    def commit(
        self, task: Task, worktree: Worktree, messages: Sequence[str], though_ignored: Sequence[str] = ()
    ) -> Committed:
        """Commits what a worker left and is not ignored, and those files that are, by the first of the messages that a
        hook lets pass, and brings its branch home.
        Raises HookRefused, WorkUnfinished, MessageRefused, SetupFailed, other GitErrors, OSError."""

    def verify(
        self,
        task: Task,
        worktree: Worktree,
        commands: Sequence[str],
        env: Mapping[str, str],
        hide: Callable[[str], str],
        asking: Sequence[str] = (),
    ) -> Verdict:
        """The gate's verdict on what the worktree's commit has (`workers.gate`, which says what `asking` is); `hide`
        takes credentials out of what is kept of its output. Raises NotTheCommit; other GitErrors and OSError where
        nothing could be decided."""

    def sweep_checks(self, task: Task) -> None:
        """Ends what a verification has left running, and at home what git does for the task: hooks, too, that have fled
        their process group. Raises ProcessesRemain."""

    def vacate(self, task: Task) -> Vacated:
        """Brings everything of the task home, then removes its worktree. Raises GitError, OSError: then it is still
        there."""


class Drivers(Protocol):
    """The hosts that there are."""

    def of(self, host: str) -> Driver:
        """Raises HostAway for one that is not known, or not any more."""
