"""Starts a worker: worktree, session, credential, client under its supervisor. Every step can be repeated."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from fleet.core.events import StartFault
from fleet.core.model import Account, Attempt, Task, Worktree
from fleet.core.wording import fresh_session_id, opening_id, opening_text
from fleet.home import Home
from fleet.shell import places
from profiles.isolation import PLACEHOLDER, Isolation, worker_environment
from profiles.profile import Profile, make_profile
from profiles.secrets import NoUsableKeyring, Secrets
from workers.client import session
from workers.client.command import ENVIRONMENT, BadLaunch, Launch, command
from workers.client.say import user_message
from workers.git import GitError
from workers.host import LaunchFailed, LocalHost
from workers.orders import RunSpec
from workers.worktree.make import Made, SetupFailed, make_ready


@dataclass(frozen=True, slots=True)
class Client:
    """The client of this host, looked at once when the coordinator starts."""

    path: Path
    version: str
    flags: frozenset[str]


@dataclass(frozen=True, slots=True)
class Limits:
    """Seconds: to the client's first output, between two lines of it, for a whole attempt."""

    start_s: float = 60.0
    stall_s: float = 900.0
    deadline_s: float = 21_600.0


@dataclass(frozen=True, slots=True)
class Started:
    """What came of it. `resumed` is False when the session had to begin anew."""

    made: Made
    path: Path
    session_id: str
    resumed: bool


class CannotStart(Exception):
    """The worker could not be started; `fault` says whose matter that is."""

    def __init__(self, fault: StartFault, story: str) -> None:
        super().__init__(story)
        self.fault: StartFault = fault


@dataclass(frozen=True, slots=True)
class Starter:
    home: Home
    home_id: str
    host: LocalHost
    client: Client
    secrets: Secrets
    environ: Mapping[str, str]
    limits: Limits = Limits()

    def start(self, task: Task, attempt: Attempt, account: Account, worktree: Worktree) -> Started:
        """Blocks; run it in a thread. Raises CannotStart."""
        path = places.worktree_path(self.home, task)
        made = self._worktree(task, worktree, path, attempt)
        if self.has_started(attempt):
            return Started(made, path, *self._as_launched(attempt))
        resumed = self._bring_session(attempt)
        session_id = attempt.session_id if resumed else fresh_session_id(self.home_id, attempt.id)
        isolation = self._isolation(task, account, attempt, worktree)
        secret = self._secret(account, isolation)
        launch = _launch(task, attempt, path, session_id, resumed)
        opening = opening_text(task, attempt, resumed=resumed)
        self._launch(attempt, launch, isolation, opening, secret)
        return Started(made, path, session_id, resumed)

    def has_started(self, attempt: Attempt) -> bool:
        """Whether its worker was ever started, by whomever."""
        return self.host.alive(attempt.id) or self.host.has_started(attempt.id)

    def _worktree(self, task: Task, worktree: Worktree, path: Path, attempt: Attempt) -> Made:
        try:
            return make_ready(
                Path(task.spec.repo),
                path,
                branch=places.branch_name(task),
                base=task.spec.target,
                ports=places.ports(worktree),
                marker_env={"FLEET_RUN": self.host.marker(attempt.id), "FLEET_TASK": task.id},
                preserved=worktree.preserved,
            )
        except SetupFailed as failed:
            raise CannotStart("setup", str(failed)) from failed
        except GitError as failed:
            if failed.of_the_host:
                raise CannotStart("disk", f"the host is in trouble (is its disk full?): {failed}") from failed
            raise CannotStart("repository", str(failed)) from failed
        except OSError as failed:
            raise CannotStart("disk", f"the worktree {path} could not be made: {failed}") from failed

    def _bring_session(self, attempt: Attempt) -> bool:
        """Whether the session to resume lies in the account's directory now."""
        if not attempt.resumes:
            return False
        there = self.home.config_dir(attempt.account)
        try:
            if attempt.carry_from is not None:
                found = session.carry(attempt.session_id, self.home.config_dir(attempt.carry_from), there)
                return isinstance(found, session.Carried)
            return session.find_transcript(there, attempt.session_id) is not None
        except OSError as failed:
            raise CannotStart(
                "disk", f"session {attempt.session_id} could not be brought to {there}: {failed}"
            ) from failed

    def _isolation(self, task: Task, account: Account, attempt: Attempt, worktree: Worktree) -> Isolation:
        try:
            return worker_environment(
                profile_of(account),
                self.home.config_dir(account.name),
                self.environ,
                run_marker=self.host.marker(attempt.id),
                extra=extra_environment(task, account, worktree),
            )
        except OSError as failed:
            raise CannotStart(
                "disk", f"the directory of account {account.name} cannot be used: {failed}"
            ) from failed

    def _secret(self, account: Account, isolation: Isolation) -> bytes | None:
        if isolation.secret_fd is None:
            return None
        if not account.secret:
            return PLACEHOLDER.encode()
        try:
            token = self.secrets.get(account.name)
        except NoUsableKeyring as failed:
            raise CannotStart("credential", str(failed)) from failed
        if token is None:
            raise CannotStart(
                "credential",
                f"the keyring has no token for {account.name}: remove the account and add it again",
            )
        return token.encode()

    def _launch(
        self, attempt: Attempt, launch: Launch, isolation: Isolation, opening: str, secret: bytes | None
    ) -> None:
        spec = RunSpec(
            argv=tuple(command(self.client.path, launch, self.client.flags)),
            cwd=str(launch.cwd),
            env=isolation.env,
            secret_fd=isolation.secret_fd,
            first_lines=(user_message(opening, opening_id(attempt.id)).decode(),),
            start_s=self.limits.start_s,
            stall_s=self.limits.stall_s,
            deadline_s=self.limits.deadline_s,
        )
        try:
            self.host.launch(attempt.id, spec, secret)
        except LaunchFailed as failed:
            raise CannotStart("launch", str(failed)) from failed

    def _as_launched(self, attempt: Attempt) -> tuple[str, bool]:
        """The session that an earlier performance of this start has given the client, and whether it was resumed."""
        spec = json.loads((self.host.run_dir(attempt.id) / "spec.json").read_text())
        argv: list[str] = spec["argv"]
        resumed = "--resume" in argv
        return argv[argv.index("--resume" if resumed else "--session-id") + 1], resumed


def extra_environment(task: Task, account: Account, worktree: Worktree) -> dict[str, str]:
    """What a worker's environment has beside its account's: its task, its ports, and the model of its subagents where
    the account has the tier asked for (https://code.claude.com/docs/en/model-config, "Environment variables")."""
    extra = {"FLEET_TASK": task.id, **ENVIRONMENT}
    block = places.ports(worktree)
    if block is not None:
        extra |= {"FLEET_PORT": str(block.start), "FLEET_PORTS": f"{block.start}-{block.stop - 1}"}
    model = account.model_of(task.spec.subagent_tier) if task.spec.subagent_tier else None
    if model is not None:
        extra["CLAUDE_CODE_SUBAGENT_MODEL"] = model
    return extra


def _launch(task: Task, attempt: Attempt, path: Path, session_id: str, resumed: bool) -> Launch:
    try:
        return Launch(
            session_id=session_id,
            resume=resumed,
            model=attempt.model,
            cwd=path,
            allow_tools=task.spec.allow_tools,
            max_turns=task.spec.max_turns,
            max_budget_usd=task.budget_left_usd,
        )
    except BadLaunch as failed:
        raise CannotStart("setup", str(failed)) from failed


def profile_of(account: Account) -> Profile:
    """The account's settings as the profiles room takes them."""
    return make_profile(
        name=account.name,
        kind=account.kind,
        base_url=account.base_url,
        tiers=dict(account.tiers),
        concurrency=account.concurrency,
        login=account.login,
        extra_env=dict(account.env),
        pass_env=account.pass_env,
    )
