"""Starts a worker: worktree, session, credential, client under its supervisor. Every step can be repeated."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from fleet.core.events import StartFault
from fleet.core.model import HERE, Account, Attempt, Task, Worktree
from fleet.core.rules.keyring import GONE
from fleet.core.wording import begins_anew, fresh_session_id, opening_id, opening_text
from fleet.shell import places
from fleet.shell.consent import ConsentNeeded
from fleet.shell.hosts.driver import Driver, Drivers, Prepared
from fleet.shell.work_so_far import change_to_review, work_so_far
from profiles.errors import NoUsableKeyring
from profiles.isolation import PLACEHOLDER, Isolation, environment_on
from profiles.profile import Profile, make_profile
from profiles.secrets import Secrets, kept_token
from workers.children import marked
from workers.client.launch import ENVIRONMENT, BadLaunch, Launch, Launched, command
from workers.client.words import user_message
from workers.git import Git, GitError, meaning_of
from workers.host import LaunchFailed
from workers.orders import RunSpec
from workers.pinned.pins import PinsContradicted, pinned
from workers.pinned.proof import ClientRefused
from workers.remote.away import NoWay
from workers.remote.refused_there import expect_whole, gist_of, story_of
from workers.trouble import Meaning
from workers.worktree.make import Made, SetupFailed, port_variables
from workers.worktree.shared import PersonNeeded


@dataclass(frozen=True, slots=True)
class Limits:
    """Seconds: to the client's first output, between two lines of it, for a whole attempt."""

    start_s: float = 60.0
    stall_s: float = 900.0
    deadline_s: float = 21_600.0


@dataclass(frozen=True, slots=True)
class Started:
    """What came of it. `resumed` is False when the session had to begin anew; `kept` is the ref of the loose work that
    was laid down, if any was kept."""

    made: Made
    path: Path
    session_id: str
    resumed: bool
    kept: str | None = None


_AWAY = Meaning(
    "its repository is not there", "bring it back, or mount the disk that it lies on", by_itself=False
)
"""As a whole: that is no fault of what it says, nor of the task."""


class CannotStart(Exception):
    """The worker could not be started; `fault` says whose matter that is, `meaning` which trouble of the machine it is,
    where that has a name; `refused_by`, `gist` and `consent`: see StartFailed."""

    def __init__(
        self,
        fault: StartFault,
        story: str,
        meaning: Meaning | None = None,
        *,
        refused_by: str | None = None,
        gist: str = "",
        consent: str | None = None,
    ) -> None:
        super().__init__(story)
        self.fault: StartFault = fault
        self.meaning, self.refused_by, self.gist, self.consent = meaning, refused_by, gist, consent


def _of_the_machine(failed: Exception, what: str) -> CannotStart:
    meaning = meaning_of(failed)
    story = f"{what}: {failed}" if meaning is None else f"{meaning} ({what}: {failed})"
    return CannotStart("machine", story, meaning)


def _unusable(task: Task, failed: GitError, more: str = "") -> CannotStart:
    """What git at home has against the repository of a task; that it is not there as a whole it may get over."""
    if not Path(task.spec.repo).is_dir():
        return CannotStart("machine", f"{_AWAY}: {task.spec.repo}", _AWAY)
    return CannotStart("repository", f"{failed}{more}")


@dataclass(frozen=True, slots=True)
class Starter:
    drivers: Drivers
    home_id: str
    secrets: Secrets
    runs: Path
    """Where the spools of all workers are, or copies of them."""
    limits: Limits = Limits()

    def start(self, task: Task, attempt: Attempt, account: Account, worktree: Worktree) -> Started:
        """Blocks; run it in a thread. Raises CannotStart; HostAway and OSError: then it is not known whether it was
        started, and it is to be started again."""
        driver = self.drivers.of(attempt.host)
        try:
            prepared, kept = self._worktree(driver, task, worktree, attempt)
        except (NoWay, ConsentNeeded) as failed:
            self._give_up_for_good(driver, attempt)
            if isinstance(failed, ConsentNeeded):
                raise CannotStart("consent", str(failed), consent=failed.digest) from failed
            raise CannotStart("no_way", failed.why) from failed
        made, path = prepared.made, prepared.path
        if prepared.launched is not None:
            found = self._as_launched(driver, attempt, prepared.launched)
            return Started(made, path, found.session_id, found.resumed, kept)
        moved = self._bring_session(driver, task, worktree, attempt, path)
        resumed = moved is not None
        session_id = attempt.session_id if resumed else fresh_session_id(self.home_id, attempt.id)
        isolation = self._isolation(driver, task, account, attempt, worktree)
        secret = self._secret(account, isolation)
        launch = _launch(task, attempt, account, path, session_id, resumed=resumed, moved=bool(moved))
        work = None
        if begins_anew(task, attempt, resumed=resumed):
            work = work_so_far(self.runs, task, path if attempt.host == HERE else None)
        diff = _change_to_review(task) if attempt.judges and not resumed else ""
        opening = opening_text(task, attempt, resumed=resumed, work=work, diff=diff)
        self._run(driver, attempt, launch, isolation, opening, secret, prepared)
        return Started(made, path, session_id, resumed, kept)

    def abandon(self, attempt: Attempt) -> bool:
        """Sees to it that its worker is never started; False when it was, by whomever. Raises HostAway, OSError: then
        that is not known."""
        return self.drivers.of(attempt.host).abandon(attempt.id)

    def _as_launched(self, driver: Driver, attempt: Attempt, found: Launched) -> Launched:
        """The session that an earlier performance of this start has given the client: one of the two that it can have
        been."""
        possible = (
            Launched(attempt.session_id, resumed=True),
            Launched(fresh_session_id(self.home_id, attempt.id), resumed=False),
        )
        if found not in possible:
            raise driver.distrust(f"a client of {attempt.id} with a session that home has not given it")
        return found

    def _worktree(
        self, driver: Driver, task: Task, worktree: Worktree, attempt: Attempt
    ) -> tuple[Prepared, str | None]:
        """Ready to work in, with the work that is kept under the ref that is returned."""
        try:
            preserved = worktree.preserved
            if worktree.moves_from is not None:
                preserved = self._moved(task, worktree.moves_from) or preserved
            elif worktree.state == "ready" and worktree.checkpoint_ms is not None:
                preserved = worktree.checkpoint  # it is made anew only where it has vanished from its host
            with marked(places.git_marker(task, self.home_id)):
                return driver.prepare(task, attempt, worktree, preserved), preserved
        except ClientRefused as failed:
            raise CannotStart("launch", str(failed)) from failed
        except SetupFailed as failed:
            driver.runs.sweep(attempt.id)  # what has fled the setup's process group
            raise CannotStart("setup", str(failed)) from failed
        except PersonNeeded:
            raise
        except GitError as failed:
            if failed.at is not None:
                raise self._refused(driver, task, attempt, failed, failed.at) from failed
            if failed.of_the_host:
                raise _of_the_machine(failed, "its worktree could not be made") from failed
            raise _unusable(task, failed) from failed
        except OSError as failed:
            what = f"the worktree {driver.worktree_path(task)} could not be made"
            raise _of_the_machine(failed, what) from failed

    def _refused(
        self, driver: Driver, task: Task, attempt: Attempt, failed: GitError, host: str
    ) -> CannotStart:
        """What git on a host refused is that host's matter, unless home cannot read what is asked for either."""
        if not failed.of_the_host:
            try:
                expect_whole(Git(Path(task.spec.repo)), task.spec.target, task.branch)
            except GitError as ours:
                return _unusable(task, ours, f" (host {host}: {failed})")
        self._give_up_for_good(driver, attempt)
        refused_by, meaning = None if host == attempt.host else host, meaning_of(failed)
        if failed.of_the_host:
            return CannotStart("unfit", story_of(failed), meaning, refused_by=refused_by)
        return CannotStart("unfit", story_of(failed), refused_by=refused_by, gist=gist_of(failed))

    def _give_up_for_good(self, driver: Driver, attempt: Attempt) -> None:
        """Before its task goes on elsewhere. Raises OSError where an earlier performance of this start has begun it."""
        if not driver.abandon(attempt.id):
            raise OSError(f"{attempt.id} was begun already, so it is looked at again")

    def _moved(self, task: Task, source: str) -> str | None:
        """Brings the work home from where it was; the ref of what was in no commit, also when an attempt before this
        one has brought it already and was lost with its host."""
        kept = self.drivers.of(source).vacate(task).preserved
        git, mark = Git(Path(task.spec.repo)), places.checkpoint_ref(task)
        if kept is not None:
            git.run("update-ref", mark, kept)
        return mark if git.commit_of(mark) else None

    def _bring_session(
        self, driver: Driver, task: Task, worktree: Worktree, attempt: Attempt, path: Path
    ) -> bool | None:
        """None when there is none to resume; else whether it ran elsewhere before."""
        if not attempt.resumes:
            return None
        from_account = attempt.carry_from or attempt.account
        try:
            if worktree.moves_from is None:  # what it moves from has brought it home already
                driver.take_session_home(from_account, attempt.session_id)
            return driver.bring_session(attempt, from_account, path)
        except OSError as failed:
            what = f"session {attempt.session_id} could not be brought to {attempt.account} on {driver.name}"
            raise _of_the_machine(failed, what) from failed

    def _isolation(
        self, driver: Driver, task: Task, account: Account, attempt: Attempt, worktree: Worktree
    ) -> Isolation:
        try:
            return environment_on(
                profile_of(account),
                driver.config_dir(account.name),
                driver.environ,
                run_marker=driver.runs.marker(attempt.id),
                extra={
                    **_unless_chosen(driver.writer(task), account),
                    **extra_environment(task, account, driver.ports(task, worktree)),
                },
            )
        except GitError as failed:
            raise _of_the_machine(failed, "its commits could not be given a writer") from failed
        except OSError as failed:
            what = f"the directory of account {account.name} cannot be used"
            raise _of_the_machine(failed, what) from failed

    def _secret(self, account: Account, isolation: Isolation) -> bytes | None:
        if isolation.secret_fd is None:
            return None
        if not account.secret:
            return PLACEHOLDER.encode()
        try:
            token = kept_token(self.secrets, account.name)
        except NoUsableKeyring as failed:
            raise CannotStart("keyring", failed.brief) from failed
        if token is None:
            raise CannotStart(
                "credential", f"{GONE}: `fleet account token {account.name}` gives it a new one"
            )
        return token.encode()

    def _run(
        self,
        driver: Driver,
        attempt: Attempt,
        launch: Launch,
        isolation: Isolation,
        opening: str,
        secret: bytes | None,
        prepared: Prepared,
    ) -> None:
        try:
            kept = pinned(isolation.env, prepared.named, own_login=isolation.secret_fd is None)
        except PinsContradicted as failed:
            raise CannotStart("setup", str(failed)) from failed
        try:
            argv = command(driver.client.path, launch, driver.client.flags, kept.arguments)
        except BadLaunch as failed:
            raise CannotStart("setup", str(failed)) from failed
        spec = RunSpec(
            argv=tuple(argv),
            cwd=str(launch.cwd),
            env=kept.env,
            secret_fd=isolation.secret_fd,
            first_lines=(user_message(opening, opening_id(attempt.id)).decode(),),
            start_s=self.limits.start_s,
            stall_s=self.limits.stall_s,
            deadline_s=self.limits.deadline_s,
            session_id=launch.session_id,
            resumed=launch.resume,
            sandbox=prepared.sandbox,
        )
        try:
            driver.runs.launch(attempt.id, spec, secret)
        except LaunchFailed as failed:
            raise CannotStart("launch", str(failed)) from failed


def _change_to_review(task: Task) -> str:
    try:
        return change_to_review(task)
    except GitError as failed:
        if failed.of_the_host:
            raise _of_the_machine(failed, "the change to review could not be read") from failed
        raise _unusable(task, failed) from failed


def _unless_chosen(variables: Mapping[str, str], account: Account) -> dict[str, str]:
    """Those that a person has not chosen themselves for the workers of the account."""
    chosen = {*dict(account.env), *account.pass_env}
    return {name: value for name, value in variables.items() if name not in chosen}


def extra_environment(task: Task, account: Account, ports: range | None) -> dict[str, str]:
    """What a worker's environment has beside its account's: its task, its ports, and the model of its subagents where
    the account has the tier asked for (https://code.claude.com/docs/en/model-config, "Environment variables")."""
    extra = {"FLEET_TASK": task.id, **ENVIRONMENT, **port_variables(ports)}
    model = account.model_of(task.spec.subagent_tier) if task.spec.subagent_tier else None
    if model is not None:
        extra["CLAUDE_CODE_SUBAGENT_MODEL"] = model
    return extra


def _launch(
    task: Task,
    attempt: Attempt,
    account: Account,
    path: Path,
    session_id: str,
    *,
    resumed: bool,
    moved: bool,
) -> Launch:
    try:
        return Launch(
            session_id=session_id,
            resume=resumed,
            moved=moved,
            model=attempt.model,
            cwd=path,
            allow_tools=() if attempt.judges else task.spec.allow_tools,
            max_turns=None if attempt.judges else task.spec.max_turns,
            reads_only=attempt.judges,
            # The client would price a local server's answers as another's, and stop at that.
            max_budget_usd=None if account.kind == "local" else task.budget_left_usd,
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
