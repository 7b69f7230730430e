"""A task: what a person asked for, how far it has come, and its place in the queue."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from math import log2
from typing import Literal, get_args

from fleet.core.model.judgement import JUDGEMENT, Judging, Verdict
from fleet.core.model.lifecycles import TaskState
from fleet.core.model.replacing import replace
from fleet.spoken.reviews import by_model, by_person

PRIORITY_MAX = 100
"""Steps of priority that count: a hundred doublings are more than any two tasks differ by, and still a number."""

WORTH_MIN = 1e-9
AGE_DOUBLES_MS = 7 * 86_400_000
"""A task that has waited so long counts twice (`worth`)."""

PAUSED, ON_BRANCH = "paused", "on-branch"
SHOWN_STATES = (*get_args(TaskState), PAUSED, ON_BRANCH)
TIMED, LATE = "timed", "late"
SHUNNING = "\x1e"
"""In the lane of tasks whose session some account does not take."""

Land = Literal["branch", "merge"]
HeldFor = Literal["checkout", "repository", "nothing", "denied"]
"""What a held task waits for: that its target is checked out nowhere; that a person mends what keeps the repository
from taking it in; that a person says whether it is right that nothing was changed."""
Rank = tuple[int, float, int, str]
Queue = Mapping[str, tuple[Rank, ...]]


@dataclass(frozen=True, slots=True)
class Word:
    """Something to be said to a task's session: a person's words, or the output of a failed check."""

    id: str
    text: str


@dataclass(frozen=True, slots=True)
class Pause:
    """Who has stopped a task or a project, a person or a board, and the reason, empty where none was given: no worker
    is started for it until it is resumed, or until `until_ms`."""

    by: str
    why: str
    until_ms: int | None = None

    @property
    def in_words(self) -> str:
        return f"paused by {self.by}{f': {self.why}' if self.why else ''}"


@dataclass(frozen=True, slots=True)
class TaskSpec:
    """What a person asked for. `key` is the name other tasks of the same request may use in `after`. `kind` is its
    class for learning (execution, judgement, reasoning …, an open set), `size` how large it is relative to others of
    its kind. With `plan_tier` the session plans with that tier and then executes with the one it was placed with. It
    runs only on hosts that have all `labels`. `source` says who asked for it, such as `board:github#12`; in a project
    there is one task of a source, however often it is asked for. With `allow_empty` it is done, too, when nothing had
    to be changed. `review` says who looks at verified work before it lands, however it lands: a person, a model, or
    both (`fleet.spoken.reviews`)."""

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
    source: str | None = None
    paused: Pause | None = None
    allow_empty: bool = False
    review: str | None = None

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
    that only a person can change it. `host` is the one whose git refuses the task's repository, if that is why.
    `consent`: it is no fault, but a text of its repository that a person has to agree to first, by its digest."""

    effect: str
    story: str
    lasting: bool = False
    host: str = ""
    consent: str | None = None
    since_ms: int | None = field(default=None, compare=False)
    """Since when it is tried in vain; `Draft.put_task` says it."""


@dataclass(frozen=True, slots=True)
class Task:
    """A piece of work and how far it has come.

    `attempt` fences reports: one that names another attempt is refused. `session_account` is the account in whose
    directory the session's transcript lies. `faults` counts ends of workers in a row without progress in between
    (`progress_answers` answers of one worker), `host_faults` those that were the environment's, which only lengthen the
    pause, `repairs` how often a failed check was given back to the session. `killed` counts its workers in a row whose
    supervisor was killed while nothing else was, until a turn ends well: such a worker may have done it itself.
    `spent_usd` is what attempts that have ended cost by the client's estimate. `tier_failed` is the strongest tier
    whose work failed its verification for good; `tier_work` (work units) and `tier_ms` are what the present tier has
    taken so far in attempts that have ended. `planned`: its plan has been made. `late`: its deadline had passed when
    that was last looked at. `unlocks`: what the tasks that wait for it are worth beyond their cost, as last planned.
    `revisions`: how often what was asked for has been revised. `empty_told`: its session was asked once why nothing has
    changed. `held_for` counts while it is held. `breaking_off`: it was cancelled while it was being merged. `approved`
    is the commit that a person has looked at, and that may land. `on_branch`: it was left on its branch before it
    is merged, so what waits for it waits no longer.

    `judging` is a model's review of its work while that is under way: the session is then the judge's. `verdict` is
    what the last one found. `returned`: how often findings have gone back to its session since a person looked.
    `made_with` is the tier that worked at it last.

    Of its session: `answered_by` is the account that has answered it last, `shuns` are the accounts that gave it no
    answer twice in a row or refused it, `unanswered` counts its ends in a row without one where it is now. `bound`:
    only `session_account` takes it. `renewed`: it was begun in place of one that was not taken, and has had no answer
    yet; `renewals` counts these, and `renewed_for` is why there was the last.

    `refused_on` are the hosts whose git refused its repository since a worker last ran, each with the gist of that.
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
    killed: int = 0
    spent_usd: float = 0.0
    words: tuple[Word, ...] = ()
    landing_since_ms: int | None = None
    landing_begun: bool = False
    breaking_off: bool = False
    ended_ms: int | None = None
    trouble: Trouble | None = None
    tier_failed: str | None = None
    tier_work: float = 0.0
    tier_ms: int = 0
    planned: bool = False
    late: bool = False
    unlocks: float = 0.0
    revisions: int = 0
    empty_told: bool = False
    held_for: HeldFor = "checkout"
    answered_by: str | None = None
    shuns: tuple[str, ...] = ()
    unanswered: int = 0
    bound: bool = False
    renewed: bool = False
    renewals: int = 0
    renewed_for: str = ""
    refused_on: tuple[tuple[str, str], ...] = ()
    approved: str | None = None
    on_branch: bool = False
    since_ms: int | None = None
    """Since when it is in its state; None where an older release put it there."""
    at_risk_ms: int | None = None
    """Since when it is not expected to be done by its deadline (`rules.deadlines`)."""
    denied: tuple[tuple[str, int], ...] = ()
    """The tools that its sessions were denied since what it may use was last revised, and how often each."""
    denied_ms: int | None = None
    """Since when these are `DENIED_TIMES` and more: it needs a person who allows them, or says how to do without."""
    judging: Judging | None = None
    verdict: Verdict | None = None
    returned: int = 0
    made_with: str | None = None

    @property
    def work(self) -> TaskSpec:
        """What its next or present attempt does, as it is placed and priced: a review is judgement, of usual size."""
        if self.judging is None:
            return self.spec
        return replace(self.spec, kind=JUDGEMENT, tiers=self.judging.tiers, size=1.0, plan_tier=None)

    @property
    def stands(self) -> Verdict | None:
        """The verdict about the commit that it has come to; None when that was not judged."""
        return self.verdict if self.verdict is not None and self.verdict.commit == self.commit else None

    @property
    def reviewed(self) -> str | None:
        """The commit that whoever had to has looked at, and that may land: a person's word counts whatever a model
        says."""
        if self.approved is not None or not by_model(self.spec.review) or by_person(self.spec.review):
            return self.approved
        return self.commit if self.stands is not None and self.stands.passed else None

    @property
    def releases(self) -> bool:
        """Whether what waits for it may start."""
        return self.state == "landed" or self.on_branch

    @property
    def budget_left_usd(self) -> float | None:
        """What the next attempt may cost; None without a limit. The client counts anew with each process."""
        limit = self.spec.max_budget_usd
        return None if limit is None else max(limit - self.spent_usd, 0.0)

    @property
    def consent(self) -> str | None:
        """The text that a person has to agree to before it goes on, by its digest."""
        return None if self.trouble is None else self.trouble.consent

    @property
    def shown_state(self) -> str:
        """Its state as persons count it: a queued one that is paused is not queued, and a branch that was left has not
        landed anywhere."""
        if self.state == "landed" and self.spec.land == "branch":
            return ON_BRANCH
        return PAUSED if self.state == "queued" and self.spec.paused is not None else self.state

    @property
    def queues(self) -> bool:
        """Whether it stands in the queue, from which tasks are placed: one that is paused, or needs a person's consent,
        does not."""
        return self.state == "queued" and self.spec.paused is None and self.consent is None

    @property
    def plans_with(self) -> str | None:
        """The tier that has to make its plan still, None when there is nothing to plan."""
        return None if self.planned else self.work.plan_tier

    @property
    def lane(self) -> str:
        """The lane of the queue it stands in: tasks that agree in this may have the same placements, and differ only in
        value, size and age. What has a deadline stands in lanes of its own, and so does what has missed it."""
        spec = self.work
        session = (self.session_account or "") if self.session_id else ""
        if self.shuns:
            session = SHUNNING.join((session, *self.shuns, "bound" if self.bound else ""))
        timed = "" if spec.deadline_ms is None else LATE if self.late else TIMED
        tiers = ",".join(spec.tiers)
        return "\x1f".join(
            (
                spec.project_name,
                spec.kind,
                tiers,
                self.plans_with or "",
                "" if self.judging is not None else self.tier_failed or "",
                session,
                ",".join(sorted(spec.labels)),
                timed,
            )
        )

    @property
    def rank(self) -> Rank:
        """Its place in the lane, a total order: the nearer deadline, then value for its size, older ones counting more
        (`AGE_DOUBLES_MS`), then first come."""
        spec = self.work
        density = (
            log2(max(spec.worth + self.unlocks, WORTH_MIN) / spec.size) - self.created_ms / AGE_DOUBLES_MS
        )
        return (0 if self.late else spec.deadline_ms or 0, -density, self.number, self.id)


def is_timed(lane: str) -> bool:
    """Whether the tasks of a lane have deadlines."""
    return lane.endswith(TIMED)


def is_shunning(lane: str) -> bool:
    """Whether the sessions of its tasks are not taken by some account."""
    return SHUNNING in lane


def queue_of(tasks: Iterable[Task]) -> Queue:
    """The index of the queued ones among these tasks."""
    lanes: dict[str, list[Rank]] = {}
    for task in tasks:
        if task.queues:
            lanes.setdefault(task.lane, []).append(task.rank)
    return {lane: tuple(sorted(ranks)) for lane, ranks in lanes.items()}
