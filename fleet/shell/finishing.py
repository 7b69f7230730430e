"""Commits and verifies what a worker left, brings it into its target, removes its worktree. All can be repeated."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

from fleet.core.events import LandingOutcome
from fleet.core.model import HERE, Task, Worktree
from fleet.core.wording import commit_trailers
from fleet.home import Home
from fleet.shell import places
from fleet.shell.agreed import Agreed
from fleet.shell.cells import Cells
from fleet.shell.consent import Consent, ConsentNeeded
from fleet.shell.hosts.driver import Drivers, Vacated
from fleet.shell.hosts.local import VERIFY_TIMEOUT_S
from fleet.shell.session_doings import session_doings
from fleet.shell.unexplained import Span, unexplained, watch_of
from fleet.shell.watching import Seen, Watching
from workers import landing, messages, trouble
from workers.children import marked
from workers.gate import GateSettings, judge
from workers.git import HEADS, Git, GitError, GitFailed
from workers.port_blocks import of_this_person
from workers.sandbox.confined import confined
from workers.secret_scan import exposed
from workers.verify import Verdict
from workers.worktree.checkouts import checked_out_at, persons_checkout
from workers.worktree.commit import HookRefused, WorkUnfinished
from workers.worktree.hooks import absent_hooks
from workers.worktree.known_again import is_known
from workers.worktree.make import SetupFailed, port_variables
from workers.worktree.repository import common_dir_of, locate
from workers.worktree.set_aside import NotTheCommit
from workers.worktree.settings import SettingsWrong, read_settings
from workers.worktree.submodules import SubmoduleMissing
from workers.worktree.wanted import Settings, WorktreeSettings

_COMMAND_SHOWN = 60
SECRET_SCAN = "Fleet's own search for credentials"


@dataclass(frozen=True, slots=True)
class Checked:
    ok: bool
    commit: str | None
    output: str
    noticed: str = ""
    unchanged: bool = False
    ignored: str = ""
    remade: bool = False
    asked_for: tuple[str, ...] = ()
    denied: str = ""


@dataclass(frozen=True, slots=True)
class Ended:
    outcome: LandingOutcome
    commit: str | None
    detail: str
    consent: str | None = None
    """The text that a person has to agree to before it can land."""


@dataclass(frozen=True, slots=True)
class Finisher:
    """`credentials` gives what must not land, `hide` takes it out of what is kept and told."""

    home: Home
    home_id: str
    drivers: Drivers
    credentials: Callable[[], Collection[str]]
    hide: Callable[[str], str]
    timeout_s: float = VERIFY_TIMEOUT_S
    cells: Cells | None = None
    """For landings, in the sandbox; None without one."""
    told_of_hooks: set[str] = field(default_factory=set)
    """Repositories of which it was told that hooks lie in no commit: once by each coordinator."""
    own_times: dict[str, list[Span]] = field(default_factory=dict)
    """When a task's checks ran: hooks and verifications change files, too. Kept for as long as this process lives."""

    def check(self, task: Task, worktree: Worktree, turn: str = "once") -> Checked:
        """Commits uncommitted work (the repository's hooks have their say), then runs the verification, both where the
        worktree is; what is committed comes home.

        Raises OSError, GitError and NoUsableKeyring where the environment is at fault, and HostAway: then nothing was
        decided.
        """
        with self._as_ours(task):
            return self._check(task, worktree, turn)

    def _as_ours(self, task: Task) -> AbstractContextManager[None]:
        """What git is asked here for a task can be found, and ended, with all that it has begun."""
        return marked(places.git_marker(task, self.home_id))

    def _check(self, task: Task, worktree: Worktree, turn: str) -> Checked:
        self._agreed.before_git(Path(task.spec.repo))
        noticed = self._unexplained(task, worktree) if worktree.host == HERE else ""
        began_ms = _now_ms()
        try:
            checked = self._checked(task, worktree, turn)
            self.drivers.of(worktree.host).sweep_checks(task)
        finally:
            self.own_times.setdefault(task.id, []).append((began_ms, _now_ms()))
        told = "; ".join(filter(None, (noticed, checked.noticed, self._hooks(task))))
        return replace(
            checked,
            output=self.hide(checked.output),
            noticed=self.hide(told),
            denied=self.hide(checked.denied),
        )

    def _unexplained(self, task: Task, worktree: Worktree) -> str:
        """What in the worktree its own session did not do: see `unexplained`."""
        path = self.drivers.of(HERE).worktree_path(task)
        if task.base_commit is None or not is_known(common_dir_of(Path(task.spec.repo)), path):
            return ""
        watch = watch_of(self._spools(task), _now_ms())
        watch.busy.extend(self.own_times.get(task.id, ()))
        return unexplained(path, task.base_commit, watch)

    def _hooks(self, task: Task) -> str:
        """What a person should know of hooks that worktrees do not have by themselves."""
        repo = task.spec.repo
        if repo in self.told_of_hooks:
            return ""
        self.told_of_hooks.add(repo)
        checkout = persons_checkout(locate(repo))
        absent = absent_hooks(checkout) if checkout is not None else None
        return "" if absent is None else f"{absent.story}: {absent.cure}"

    def _spools(self, task: Task) -> list[Path]:
        attempts = (f"{task.id}.{number}" for number in range(1, task.attempts + 1))
        return [self.home.runs / attempt / "spool" for attempt in attempts]

    def _checked(self, task: Task, worktree: Worktree, turn: str) -> Checked:
        driver = self.drivers.of(worktree.host)
        driver.sweep_checks(task)
        git = Git(Path(task.spec.repo))
        asked = read_settings(git, task.base_commit or _target(git, task))
        committed, unfinished = None, ""
        try:
            committed = driver.commit(task, worktree, _commit_messages(git, task, asked))
        except HookRefused as refused:
            unfinished = f"the repository's hook refused the commit of your work:\n{refused}"
        except (WorkUnfinished, SetupFailed) as failed:
            unfinished = str(failed)
        commit = None if committed is None else committed.head
        seen = self._watched(task, worktree, commit, turn)
        if committed is None or seen.refused:
            return Checked(False, commit, unfinished or seen.refused, "; ".join(seen.noticed))
        noticed = (*seen.noticed, committed.noticed)
        checked = self._judged(task, worktree, committed.head, _asking(task), committed.ignored)
        if checked.asked_for:
            said = _commit_messages(git, task, asked)
            checked = self._with_what_was_asked_for(task, worktree, checked, said)
        passed = checked.ok and (task.spec.allow_empty or not checked.unchanged)
        left = self._watching.accepted(task) if passed and worktree.host == HERE else ()
        return replace(
            checked,
            ignored=self.hide(committed.ignored),
            remade=committed.remade,
            noticed="; ".join(filter(None, (*noticed, checked.noticed, *left))),
        )

    def _with_what_was_asked_for(
        self, task: Task, worktree: Worktree, shut: Checked, said: Sequence[str]
    ) -> Checked:
        """The gate's verdict on the commit that has those files, too."""
        named = ", ".join(shut.asked_for)
        try:
            committed = self.drivers.of(worktree.host).commit(task, worktree, said, shut.asked_for)
        except (HookRefused, WorkUnfinished) as failed:
            return replace(shut, output=f"{shut.output}\nIt would have been committed for you: {failed}")
        told = f"{named}: committed though ignored, as the task's verification names it and fails without it"
        checked = self._judged(task, worktree, committed.head)
        return replace(checked, noticed="; ".join(filter(None, (told, checked.noticed))))

    def _watched(self, task: Task, worktree: Worktree, commit: str | None, turn: str) -> Seen:
        """What else of the repository its session changed: at home alone, for a host can move nothing there."""
        if worktree.host != HERE:
            return Seen()
        path = self.drivers.of(HERE).worktree_path(task)
        spools = self._spools(task)
        return self._watching.after_turn(task, path, commit, lambda: session_doings(spools), turn)

    def _judged(
        self, task: Task, worktree: Worktree, commit: str, asking: Sequence[str] = (), ignored: str = ""
    ) -> Checked:
        """`ignored` is what its session made that git ignores: `asking` may be for that."""
        git = Git(Path(task.spec.repo))
        target = _target(git, task)
        asked = read_settings(
            git, target
        )  # what is wrong with the target's is a person's to mend, no session's
        unchanged = landing.brings_nothing(git, commit, target)
        if unchanged and _has_landed(git, task, commit, target):
            return Checked(True, commit, "")  # before this database was: its landing will find that, too
        if unchanged and not task.spec.allow_empty and not (asking and ignored):
            return Checked(True, commit, "", unchanged=True)
        self._try_the_merges_message(task, worktree, asked, (target, commit))
        try:
            commands = self._commands(task, commit)
        except SettingsWrong as wrong:
            return Checked(False, None, str(wrong))
        found = self._exposed(task, commit)
        if found:
            return Checked(False, commit, found)
        driver = self.drivers.of(worktree.host)
        env = self._environment(task, driver.ports(task, worktree))
        try:
            verdict = driver.verify(task, worktree, commands, env, self.hide, asking)
        except NotTheCommit as failed:
            return Checked(False, commit, str(failed))
        output = verdict.output_tail.strip() if verdict.ok else told(verdict)
        asked_for = tuple(verdict.asked_for)
        return Checked(
            verdict.ok,
            commit,
            output,
            verdict.noticed,
            unchanged=unchanged,
            asked_for=asked_for,
            denied=denied_told(verdict),
        )

    def _try_the_merges_message(
        self, task: Task, worktree: Worktree, asked: Settings, ends: tuple[str, str]
    ) -> None:
        """Where there will be a merge, and the hooks that will hear of it are here. Raises MessageRefused."""
        git = Git(Path(task.spec.repo))
        if (
            worktree.host == HERE
            and task.spec.land == "merge"
            and not git.asks("merge-base", "--is-ancestor", *ends)
        ):
            here = Git(self.drivers.of(HERE).worktree_path(task))
            messages.fitting(here, _landing_messages(git, task, asked), "land", "merge")

    def land(self, task: Task, worktree: Worktree) -> Ended:
        """Brings the task's branch into its target, in a worktree of its own.

        Raises OSError, GitError and NoUsableKeyring where the host is at fault: then nothing was decided.
        """
        repo = Path(task.spec.repo)
        with self._as_ours(task):
            self._agreed.before_git(repo)
            self._watching.settle(repo, task.spec.target)
            ended = self._landed(task, worktree)
        self.sweep_home(task)
        return replace(ended, detail=self.hide(ended.detail))

    def _landed(self, task: Task, worktree: Worktree) -> Ended:
        path = places.landing_path(self.home, task)
        ports = of_this_person().claim(path)
        self.sweep_home(task)
        try:
            git = Git(Path(task.spec.repo))
            asked = read_settings(git, _target(git, task))
            _bring_back(git, task)
            with confined(None if self.cells is None else self.cells.of(task)):
                ended = landing.land(
                    Path(task.spec.repo),
                    branch=task.branch or "",
                    target=task.spec.target,
                    landing_path=path,
                    messages=_landing_messages(git, task, asked),
                    verify=self._verification(task, ports),
                    settings=partial(self._settings_to_land, task),
                    verified_ref=places.verified_ref(task),
                    ports=ports,
                    marker_env=self._environment(task, ports),
                    approved=task.reviewed,
                )
        except (SetupFailed, SubmoduleMissing) as failed:
            return Ended("unverified", None, str(failed))
        except ConsentNeeded as failed:
            return Ended("broken", None, str(failed), failed.digest)
        except GitError as failed:
            if failed.of_the_host:
                raise
            ours = isinstance(failed, GitFailed) and trouble.of_work(failed.stderr) is not None
            return Ended("unverified" if ours else "broken", None, str(failed))
        return _as_ended(ended, task)

    def broken_off(self, task: Task) -> Ended:
        """Of a landing that was to be broken off: whether it had moved its target before. Raises GitError, OSError."""
        landed, _ = self.look(task)
        return Ended("landed", task.commit, "") if landed else Ended("broken off", None, "")

    def look(self, task: Task) -> tuple[bool, bool]:
        """Of a held task: whether a person has landed it, and whether its target is free now."""
        repo = Path(task.spec.repo)
        with self._as_ours(task):
            landed = landing.is_landed(repo, task.commit or "", task.spec.target)
            return landed, checked_out_at(Git(repo), task.spec.target) is None

    def remove(self, task: Task, worktree: Worktree) -> Vacated:
        """Removes the worktree; says where what was in no commit is kept.

        Raises GitError, OSError, HostAway: then it is still there.
        """
        repo = Path(task.spec.repo)
        with self._as_ours(task):
            self._agreed.before_git(repo)
            at_home = self.drivers.of(HERE).worktree_path(task)
            told = self._watching.leave(task, at_home, lambda: session_doings(self._spools(task)))
            vacated = self.drivers.of(worktree.host).vacate(task)
        return replace(vacated, noticed=self.hide("; ".join(told)))

    @property
    def _watching(self) -> Watching:
        return Watching(self.home.pictured)

    @property
    def _agreed(self) -> Agreed:
        return Agreed(self.home.agreed)

    @property
    def _consent(self) -> Consent:
        return Consent(self.home.agreed)

    def sweep(self, task: Task, worktree: Worktree) -> None:
        """Ends a verification of the task and what git does for it: one that nobody waits for any more, or what such a
        one has left. Raises ProcessesRemain, HostAway."""
        for host in sorted({HERE, worktree.host}):
            self.drivers.of(host).sweep_checks(task)

    def sweep_home(self, task: Task) -> None:
        """The same on this machine, where landings are made and verified."""
        self.drivers.of(HERE).sweep_checks(task)

    def _settings_to_land(self, task: Task, git: Git, target: str, merged: str) -> WorktreeSettings:
        """Before anything of a landing is run, all of it has to be agreed to. Raises as `_commands` does."""
        self._commands(task, merged)
        return self._consent.worktree_settings(Path(task.spec.repo))(git, target)

    def _verification(self, task: Task, ports: range | None) -> Callable[[Path], Verdict]:
        """The gate of a landing, whose worktree is at home."""
        env, log = self._environment(task, ports), places.check_log(self.home, task)

        def gate(path: Path) -> Verdict:
            merged = Git(path).said("rev-parse", "HEAD")
            found = self._exposed(task, merged)
            if found:
                return Verdict(False, SECRET_SCAN, 1, found, 0.0)
            # It has been set up for this very commit a moment ago: nothing of that can have changed.
            settings = GateSettings(self._commands(task, merged), lambda: None, self.timeout_s)
            return judge(path, settings, env, log, self.hide)

        return gate

    def _commands(self, task: Task, commit: str) -> tuple[str, ...]:
        """What has to succeed: the repository's own commands, those of the target, which a worker cannot take away, and
        those that its `commit` adds; then the task's. Raises SettingsWrong, ConsentNeeded."""
        repo = Path(task.spec.repo)
        asked = self._consent.verification(repo, (_target(Git(repo), task), commit))
        return (*asked, *task.spec.verify)

    def _exposed(self, task: Task, commit: str) -> str:
        """Why the commit must not land: it would bring a credential that the fleet holds. Empty when it would not."""
        git = Git(Path(task.spec.repo))
        base = _target(git, task)
        found = exposed(git, self.credentials(), commit, base)
        if not found:
            return ""
        return (
            f"A credential of one of the fleet's accounts stands in {', '.join(found)}. It must be in no commit of "
            "this branch, not in an earlier one either: take it out, then "
            f"`git reset --soft {base[:12]}` and commit anew."
        )

    def _environment(self, task: Task, ports: range | None) -> dict[str, str]:
        marker = places.check_marker(task, self.home_id)
        return {"FLEET_RUN": marker, "FLEET_TASK": task.id, **port_variables(ports)}


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


def _asking(task: Task) -> Sequence[str]:
    """The commands by which a person asked for ignored files, if they name any: the task's own, where its branch is all
    that is wanted. Into a target that others share nothing ignored goes that its session did not commit on purpose."""
    return task.spec.verify if task.spec.land == "branch" else ()


def _bring_back(git: Git, task: Task) -> None:
    """The task's branch, where somebody has deleted it since it was verified."""
    branch, verified = f"{HEADS}{task.branch}", task.commit and git.commit_of(task.commit)
    if verified and git.commit_of(branch) is None:
        git.run("update-ref", "-m", "fleet: the branch was gone", branch, verified, "0" * len(verified))


def _commit_messages(git: Git, task: Task, asked: Settings) -> Sequence[str]:
    """What the commit of what a worker left may say, as the repository asks, else the way Fleet likes best first."""
    if asked.commit_message is not None:
        return (messages.filled(asked.commit_message, _fields(task)),)
    title = task.spec.title
    plain = title[:1].lower() + title[1:]
    return messages.ways_to_say(title, plain, commit_trailers(task), _said_last(git, task))


def _landing_messages(git: Git, task: Task, asked: Settings) -> Sequence[str]:
    """The same for the merge."""
    if asked.land_message is not None:
        return (messages.filled(asked.land_message, _fields(task)),)
    subject, plain = f"Merge {task.branch}: {task.spec.title}", f"merge {task.branch} into {task.spec.target}"
    return messages.ways_to_say(subject, plain, f"Fleet-Task: {task.id}\n", _said_last(git, task))


def _said_last(git: Git, task: Task) -> str:
    """The message of the last commit of its branch: words that the repository has taken."""
    tip = git.commit_of(f"{HEADS}{task.branch}") or task.base_commit
    return git.said("log", "-1", "--format=%B", tip, "--") if tip else ""


def _fields(task: Task) -> dict[str, str]:
    spec = task.spec
    return {"title": spec.title, "id": task.id, "branch": task.branch or "", "target": spec.target}


def _has_landed(git: Git, task: Task, commit: str, target: str) -> bool:
    """Whether a gate opened on the work, and the target has it since."""
    if task.spec.land != "merge" or commit == task.base_commit:
        return False
    verified = git.commit_of(places.verified_ref(task))
    return verified is not None and landing.was_verified(git, commit, verified, target)


def _target(git: Git, task: Task) -> str:
    return git.commit_of(f"{HEADS}{task.spec.target}") or task.base_commit or "HEAD"


def told(verdict: Verdict) -> str:
    """A failed verification, as the session and the log are told it."""
    how = "could not be started" if verdict.code is None else f"ended with {verdict.code}"
    noticed = f"\n({verdict.noticed})" if verdict.noticed else ""
    return f"`{verdict.command}` {how}:\n{verdict.output_tail[-8_000:].strip()}{noticed}"


def denied_told(verdict: Verdict) -> str:
    """What the sandbox kept a failed verification from, for who may let it; empty where that is not what failed."""
    if not verdict.denied:
        return ""
    command = verdict.command or ""
    shown = command if len(command) <= _COMMAND_SHOWN else f"{command[:_COMMAND_SHOWN]}…"
    return f"{'; '.join(verdict.denied)} (`{shown}` failed on that)"


def _as_ended(ended: landing.Outcome, task: Task) -> Ended:
    if isinstance(ended, landing.Landed):
        already = (
            f"nothing was left to land: {task.spec.target} has had it already, and is at {ended.commit[:12]}"
        )
        return Ended("landed", ended.commit, already if ended.by_another else "")
    if isinstance(ended, landing.Conflict):
        return Ended("conflict", None, f"conflicting files: {', '.join(ended.files)}\n{ended.output}")
    if isinstance(ended, landing.VerifyFailed) and ended.verdict.denied:
        return Ended("denied", None, denied_told(ended.verdict))
    if isinstance(ended, landing.VerifyFailed):
        return Ended("unverified", None, told(ended.verdict))
    if isinstance(ended, landing.Unapproved):
        moved = f"its branch has moved since it was approved, to {ended.commit[:12]}, which did not land"
        return Ended("unapproved", None, moved)
    if isinstance(ended, landing.Held):
        return Ended("held", ended.commit, ended.advice)
    return Ended("moved", None, "")
