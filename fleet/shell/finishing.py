"""Commits and verifies what a worker left, brings it into its target, removes its worktree. All can be repeated."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from fleet.core.events import LandingOutcome
from fleet.core.model import Task, Worktree
from fleet.core.wording import commit_message
from fleet.home import Home
from fleet.shell import places
from workers import landing, processes
from workers.git import Git, GitError
from workers.verify import Verdict, verify
from workers.worktree.checkouts import checked_out_at
from workers.worktree.commit import HookRefused, WorkUnfinished, commit_work
from workers.worktree.make import SetupFailed
from workers.worktree.remove import remove
from workers.worktree.settings import SettingsWrong, read_settings

VERIFY_TIMEOUT_S = 3_600.0
"""For each command of a verification."""


@dataclass(frozen=True, slots=True)
class Checked:
    ok: bool
    commit: str | None
    output: str


@dataclass(frozen=True, slots=True)
class Ended:
    outcome: LandingOutcome
    commit: str | None
    detail: str


@dataclass(frozen=True, slots=True)
class Finisher:
    home: Home
    home_id: str
    timeout_s: float = VERIFY_TIMEOUT_S

    def check(self, task: Task, worktree: Worktree) -> Checked:
        """Commits uncommitted work (the repository's hooks have their say), then runs the verification.

        Raises OSError and GitError where the environment is at fault: then nothing was decided.
        """
        path = Path(worktree.path or places.worktree_path(self.home, task))
        self.sweep(task)
        if not (path / ".git").exists():
            raise GitError(
                f"its worktree {path} is gone: bring it back, or go on from its branch with "
                f"`fleet task cancel {task.id}` and `fleet task retry {task.id}`"
            )
        try:
            commit_work(path, commit_message(task), branch=task.branch)
        except HookRefused as refused:
            return Checked(False, None, f"the repository's hook refused the commit of your work:\n{refused}")
        except WorkUnfinished as unfinished:
            return Checked(False, None, str(unfinished))
        try:
            verdict = self._verify(task, worktree, path)
        except SettingsWrong as wrong:
            return Checked(False, None, str(wrong))
        return Checked(verdict.ok, Git(path).commit_of("HEAD"), "" if verdict.ok else told(verdict))

    def land(self, task: Task, worktree: Worktree) -> Ended:
        """Brings the task's branch into its target, in a worktree of its own.

        Raises OSError and GitError where the host is at fault: then nothing was decided.
        """
        path = places.landing_path(self.home, task)
        self.sweep(task)
        try:
            ended = landing.land(
                Path(task.spec.repo),
                branch=task.branch or "",
                target=task.spec.target,
                landing_path=path,
                message=f"Merge {task.branch}: {task.spec.title}\n\nFleet-Task: {task.id}\n",
                verify=self._verification(task, worktree),
                verified_ref=places.verified_ref(task),
                ports=places.ports(worktree),
                marker_env=self._environment(task, worktree),
            )
        except SetupFailed as failed:
            return Ended("unverified", None, str(failed))
        except GitError as failed:
            if failed.of_the_host:
                raise
            return Ended("broken", None, str(failed))
        return _as_ended(ended)

    def look(self, task: Task) -> tuple[bool, bool]:
        """Of a held task: whether a person has landed it, and whether its target is free now."""
        repo = Path(task.spec.repo)
        landed = landing.is_landed(repo, task.commit or "", task.spec.target)
        return landed, checked_out_at(Git(repo), task.spec.target) is None

    def remove(self, task: Task) -> str | None:
        """Removes the worktree; returns the ref that what was in no commit is kept in.

        Raises GitError, OSError: then it is still there.
        """
        ref = places.preserve_ref(task)
        repo = Path(task.spec.repo)
        removed = remove(repo, places.worktree_path(self.home, task), ref)
        # A removal that is performed again finds nothing to preserve; what the first one kept is still there.
        return ref if removed.preserved or Git(repo).commit_of(ref) else None

    def sweep(self, task: Task) -> None:
        """Ends what an earlier verification, cut short, has left running."""
        processes.sweep(places.check_marker(task, self.home_id), spool_path=self.home.runs / "none")

    def _verification(self, task: Task, worktree: Worktree) -> Callable[[Path], Verdict]:
        return lambda path: self._verify(task, worktree, path)

    def _verify(self, task: Task, worktree: Worktree, path: Path) -> Verdict:
        self.home.checks.mkdir(mode=0o700, parents=True, exist_ok=True)
        commands = (*_gate(Git(path), task), *task.spec.verify)
        env = self._environment(task, worktree)
        log = self.home.checks / f"{task.id}.{task.attempts}.log"
        return verify(commands, path, env, self.timeout_s, log)

    def _environment(self, task: Task, worktree: Worktree) -> dict[str, str]:
        env = {"FLEET_RUN": places.check_marker(task, self.home_id), "FLEET_TASK": task.id}
        block = places.ports(worktree)
        if block is not None:
            env |= {"FLEET_PORT": str(block.start), "FLEET_PORTS": f"{block.start}-{block.stop - 1}"}
        return env


def _gate(git: Git, task: Task) -> tuple[str, ...]:
    """The repository's own commands: those of the target, which a worker cannot take away, and those that its branch
    adds. Raises SettingsWrong."""
    target = git.commit_of(f"refs/heads/{task.spec.target}") or task.base_commit or "HEAD"
    asked = [c for commit in (target, "HEAD") for c in read_settings(git, commit).verify.commands]
    return tuple(dict.fromkeys(asked))


def told(verdict: Verdict) -> str:
    """A failed verification, as the session and the log are told it."""
    how = "could not be started" if verdict.code is None else f"ended with {verdict.code}"
    return f"`{verdict.command}` {how}:\n{verdict.output_tail[-8_000:].strip()}"


def _as_ended(ended: landing.Outcome) -> Ended:
    if isinstance(ended, landing.Landed):
        return Ended("landed", ended.commit, "")
    if isinstance(ended, landing.Conflict):
        return Ended("conflict", None, f"conflicting files: {', '.join(ended.files)}\n{ended.output}")
    if isinstance(ended, landing.VerifyFailed):
        return Ended("unverified", None, told(ended.verdict))
    if isinstance(ended, landing.Held):
        return Ended("held", ended.commit, ended.advice)
    return Ended("moved", None, "")
