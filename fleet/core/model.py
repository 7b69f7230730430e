"""The frozen values of the fleet, and `Fleet`, the whole state.

Times are integer milliseconds since the epoch (`_ms`), utilization is a share from 0 to 1. Every value is
immutable: state changes only in `fleet.core.step`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from math import log2
from typing import Literal

from fleet.core.foresight import Foresight
from fleet.core.learned import Demand, Experience, Rate
from fleet.core.lifecycles import AccountState, AttemptState, HostState, TaskState, WorktreeState
from fleet.core.policy import DEFAULT, Floor, Limit, Policy, Project, Reservation, Spent
from fleet.core.prices import Prices
from fleet.core.tokens import NO_TOKENS, Tokens

PRIORITY_MAX = 100
"""Steps of priority that count: a hundred doublings are more than any two tasks differ by, and still a number."""

Kind = Literal["subscription", "api-key", "local"]
Land = Literal["branch", "merge"]

HERE = "local"
"""The name of the machine that the coordinator runs on."""


@dataclass(frozen=True, slots=True)
class Word:
    """Something to be said to a task's session: a person's words, or the output of a failed check."""

    id: str
    text: str


@dataclass(frozen=True, slots=True)
class TaskSpec:
    """What a person asked for. `key` is the name other tasks of the same request may use in `after`. `kind` is its
    class for learning (execution, judgement, reasoning …, an open set), `size` how large it is relative to others of
    its kind. With `plan_tier` the session plans with that tier and then executes with the one it was placed with. It
    runs only on hosts that have all `labels`."""

    prompt: str
    repo: str
    title: str
    tiers: tuple[str, ...]
    target: str
    key: str | None = None
    priority: int = 0
    deadline_ms: int | None = None
    after: tuple[str, ...] = ()
    verify: tuple[str, ...] = ()
    land: Land = "branch"
    allow_tools: tuple[str, ...] = ()
    max_turns: int | None = None
    max_budget_usd: float | None = None
    project: str = ""
    kind: str = "execution"
    size: float = 1.0
    value: float | None = None
    plan_tier: str | None = None
    subagent_tier: str | None = None
    labels: tuple[str, ...] = ()

    @property
    def worth(self) -> float:
        """Its value before urgency and age: as given, else each step of priority counts twice the one below."""
        steps = min(max(self.priority, -PRIORITY_MAX), PRIORITY_MAX)
        return 2.0**steps if self.value is None else self.value

    @property
    def project_name(self) -> str:
        """A repository is a project unless another is named."""
        return self.project or self.repo


@dataclass(frozen=True, slots=True)
class Trouble:
    """What the coordinator tries for a task again and again, in vain so far: the decision `effect`. `lasting` means
    that only a person can change it."""

    effect: str
    story: str
    lasting: bool = False


@dataclass(frozen=True, slots=True)
class Task:
    """A piece of work and how far it has come.

    `attempt` fences reports: one that names another attempt is refused. `session_account` is the account in whose
    directory the session's transcript lies. `faults` counts ends of workers in a row without progress in between
    (`progress_answers` answers of one worker), `host_faults` those that were the environment's, which only lengthen the
    pause, `repairs` how often a failed check was given back to the session.
    `spent_usd` is what attempts that have ended cost by the client's estimate. `tier_failed` is the strongest tier
    whose work failed its verification for good; `tier_work` (work units) and `tier_ms` are what the present tier has
    taken so far in attempts that have ended. `planned`: its plan has been made. `late`: its deadline had passed when
    that was last looked at. `unlocks`: what the tasks that wait for it are worth beyond their cost, as last planned.
    """

    id: str
    number: int
    spec: TaskSpec
    created_ms: int
    state: TaskState
    after: tuple[str, ...] = ()
    reason: str = ""
    attempt: str | None = None
    attempts: int = 0
    session_id: str | None = None
    session_account: str | None = None
    branch: str | None = None
    base_commit: str | None = None
    commit: str | None = None
    landed_commit: str | None = None
    not_before_ms: int = 0
    faults: int = 0
    host_faults: int = 0
    repairs: int = 0
    spent_usd: float = 0.0
    words: tuple[Word, ...] = ()
    landing_since_ms: int | None = None
    landing_begun: bool = False
    ended_ms: int | None = None
    trouble: Trouble | None = None
    tier_failed: str | None = None
    tier_work: float = 0.0
    tier_ms: int = 0
    planned: bool = False
    late: bool = False
    unlocks: float = 0.0

    @property
    def budget_left_usd(self) -> float | None:
        """What the next attempt may cost; None without a limit. The client counts anew with each process."""
        limit = self.spec.max_budget_usd
        return None if limit is None else max(limit - self.spent_usd, 0.0)

    @property
    def plans_with(self) -> str | None:
        """The tier that has to make its plan still, None when there is nothing to plan."""
        return None if self.planned else self.spec.plan_tier

    @property
    def line(self) -> str:
        """The line of the queue it stands in: tasks that agree in this may have the same placements, and differ only in
        value, size and age. What has a deadline stands in lines of its own, and so does what has missed it."""
        spec = self.spec
        session = (self.session_account or "") if self.session_id else ""
        timed = "" if spec.deadline_ms is None else LATE if self.late else TIMED
        tiers = ",".join(spec.tiers)
        return "\x1f".join(
            (
                spec.project_name,
                spec.kind,
                tiers,
                self.plans_with or "",
                self.tier_failed or "",
                session,
                ",".join(sorted(spec.labels)),
                timed,
            )
        )

    @property
    def rank(self) -> Rank:
        """Its place in the line, a total order: the nearer deadline, then value for its size, older ones counting more
        (`AGE_DOUBLES_MS`), then first come."""
        spec = self.spec
        density = (
            log2(max(spec.worth + self.unlocks, WORTH_MIN) / spec.size) - self.created_ms / AGE_DOUBLES_MS
        )
        return (0 if self.late else spec.deadline_ms or 0, -density, self.number, self.id)


TIMED, LATE = "timed", "late"


def is_timed(line: str) -> bool:
    """Whether the tasks of a line have deadlines."""
    return line.endswith(TIMED)


Rank = tuple[int, float, int, str]
Queue = Mapping[str, tuple[Rank, ...]]
NEVER_MS = 1 << 62
ATTEMPT_MS_MAX = 86_400_000
"""Hardly any attempt runs for so long (`fleet up --attempt-timeout`: six hours by default)."""
WORTH_MIN = 1e-9
AGE_DOUBLES_MS = 7 * 86_400_000
"""A task that has waited so long counts twice (`worth`)."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """One run of a task by one worker. Only attempts that have not ended are in `Fleet.attempts`.

    `began`: its worker has been started, so there is a spool; `offset` is how far that has been applied, in bytes.
    `resumes`: it was started to go on with a session;
    `carry_from` is the account whose directory that session has to be brought from. `told` are the ids of words
    handed to the worker that it has not taken up yet. `plans`: its first turn only makes a plan, with the task's
    planning tier; then it goes on with `tier`. `tokens` are those of turns that have ended, `running_tokens`
    and `answer_tokens` those of the running one, whose latest answer may still grow. While it is `stopping`,
    `reason` is already what it will have ended for.
    """

    id: str
    task: str
    number: int
    account: str
    tier: str
    model: str
    host: str
    session_id: str
    started_ms: int
    state: AttemptState = "starting"
    began: bool = False
    resumes: bool = False
    carry_from: str | None = None
    plans: bool = False
    opening: tuple[Word, ...] = ()
    told: tuple[str, ...] = ()
    reason: str = ""
    detail: str = ""
    offset: int = 0
    answers: int = 0
    answer_id: str | None = None
    answer_tokens: Tokens = NO_TOKENS
    running_tokens: Tokens = NO_TOKENS
    tokens: Tokens = NO_TOKENS
    cost_usd: float | None = None
    malformed: int = 0
    awaits_background: bool = False
    ended_ms: int | None = None

    @property
    def used(self) -> Tokens:
        """All tokens so far, those of the running turn included."""
        return self.tokens + self.running_tokens + self.answer_tokens

    def ms_at(self, now_ms: int) -> int:
        """How long it has run. Longer than any attempt may, or less than nothing, says a clock that was put right while
        it ran: then it counts as nothing, or a class's time would be learned as years."""
        ms = now_ms - self.started_ms
        return ms if 0 <= ms <= ATTEMPT_MS_MAX else 0


@dataclass(frozen=True, slots=True)
class Account:
    """One way to pay for model work.

    `pool` names whose buckets it draws on: its own, or those of an organisation that several profiles share.
    `allowance` is how many workers it may have at once now: it starts at one and doubles with each answer
    up to `concurrency`, so that a fresh account is not stampeded (slow start, as in TCP: RFC 5681).
    """

    name: str
    kind: Kind
    tiers: tuple[tuple[str, str], ...]
    concurrency: int
    pool: str
    added_ms: int
    base_url: str | None = None
    login: bool = False
    secret: bool = True
    env: tuple[tuple[str, str], ...] = ()
    pass_env: tuple[str, ...] = ()
    state: AccountState = "ready"
    reason: str = ""
    allowance: int = 1
    answered_ms: int | None = None
    busy_until_ms: int = 0
    busy_count: int = 0

    def model_of(self, tier: str) -> str | None:
        return dict(self.tiers).get(tier)


@dataclass(frozen=True, slots=True)
class Bucket:
    """One metered window of a pool, as last seen. `scope` is the tier it is for, or None for all of them.

    `refused_until_ms` outranks any reading until it has passed. `refusals` counts refusals in a row. `length_ms` is the
    window's length where that is known otherwise than by its name. Until `kept_until_ms` automation stays away, because
    its work had come down to what is kept for persons.
    """

    pool: str
    name: str
    scope: str | None
    observed_ms: int
    source: str
    utilization: float | None = None
    resets_ms: int | None = None
    status: str | None = None
    refused_until_ms: int | None = None
    refusals: int = 0
    length_ms: int | None = None
    kept_until_ms: int | None = None


@dataclass(frozen=True, slots=True)
class Host:
    """A machine that runs workers: this one, or one reached over ssh.

    `address` is `ssh://user@host:port`, empty for this machine; `jump`, `identity`, `directory` and `client` say how it
    is reached and used, and mean nothing to the core. Free memory of None is unknown: then only one worker is risked.
    `load` is its load average of the last minute. Since `silent_since_ms` it does not answer, or is not listened to.
    `warm` are the repositories of which it has a mirror.
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


@dataclass(frozen=True, slots=True)
class Settings:
    """The constants of the policy. Memory of one worker: measured, 182 MB resident when idle; its tools
    (compilers, tests) need as much again. A host counts as lost after `host_lost_ms` of trying in vain; a task waits
    for `move_patience_ms` for a place where its work is, before it moves; a host with a load of `load_per_core_max` is
    left alone."""

    worker_memory_bytes: int = 400_000_000
    repairs_max: int = 3
    repairs_per_tier: int = 1
    faults_max: int = 6
    progress_answers: int = 3
    backoff_first_ms: int = 2_000
    backoff_max_ms: int = 600_000
    refusal_guess_ms: int = 300_000
    reading_life_ms: int = 5 * 3_600_000
    answer_life_ms: int = 900_000
    held_recheck_ms: int = 5_000
    kept_pause_ms: int = 1_800_000
    host_lost_ms: int = 600_000
    move_patience_ms: int = 120_000
    load_per_core_max: float = 8.0


@dataclass(frozen=True, slots=True)
class Fleet:
    """The whole state. `queue` is the index of queued tasks: lines in rank order; `check` holds it to that.
    `ended` are the attempts that the last event ended: the store keeps them, the fleet drops them."""

    now_ms: int = 0
    home_id: str = ""
    tasks: Mapping[str, Task] = field(default_factory=dict)
    attempts: Mapping[str, Attempt] = field(default_factory=dict)
    accounts: Mapping[str, Account] = field(default_factory=dict)
    buckets: Mapping[str, Bucket] = field(default_factory=dict)
    hosts: Mapping[str, Host] = field(default_factory=dict)
    worktrees: Mapping[str, Worktree] = field(default_factory=dict)
    queue: Queue = field(default_factory=dict)
    ended: tuple[Attempt, ...] = ()
    projects: Mapping[str, Project] = field(default_factory=dict)
    reservations: Mapping[str, Reservation] = field(default_factory=dict)
    limits: Mapping[str, Limit] = field(default_factory=dict)
    floors: Mapping[str, Floor] = field(default_factory=dict)
    spent: Mapping[str, Spent] = field(default_factory=dict)
    rates: Mapping[str, Rate] = field(default_factory=dict)
    experience: Mapping[str, Experience] = field(default_factory=dict)
    demand: Mapping[str, Demand] = field(default_factory=dict)
    policy: Policy = DEFAULT
    prices: Prices | None = None
    foresight: Foresight | None = None
    tasks_made: int = 0
    decisions_made: int = 0
    draining: bool = False
    settings: Settings = Settings()


def bucket_key(pool: str, name: str) -> str:
    return f"{pool}/{name}"


def queue_of(tasks: Iterable[Task]) -> Queue:
    """The index of the queued ones among these tasks."""
    lines: dict[str, list[Rank]] = {}
    for task in tasks:
        if task.state == "queued":
            lines.setdefault(task.line, []).append(task.rank)
    return {line: tuple(sorted(ranks)) for line, ranks in lines.items()}
