"""What happened in a run, for the score and the picture. Times are the world's, ms since the epoch."""

from __future__ import annotations

from dataclasses import dataclass, field

from fleet.simulate.cases import Case, Job


@dataclass(frozen=True, slots=True)
class Period:
    """One window of a bucket from its beginning to its reset or the horizon; `first` was used before the scenario,
    `used` in all, in units of its capacity."""

    begins_ms: int
    ends_ms: int
    first: float
    used: float


@dataclass(slots=True)
class Past:
    """A bucket's whole course. `samples` are (time, used), whenever that changed."""

    account: str
    bucket: str
    capacity: float
    length_ms: int
    weights: dict[str, float]
    periods: list[Period] = field(default_factory=list)
    samples: list[tuple[int, float]] = field(default_factory=list)
    refusals: int = 0

    def sample(self, at_ms: int, used: float) -> None:
        self.samples.append((at_ms, used))


@dataclass(slots=True)
class Stay:
    """One attempt: its place taken from `begins_ms` to `ends_ms`, and the work it did with its tier. `from_share` to
    `to_share` of the task's work with that tier were done in it."""

    task: str
    account: str
    tier: str
    begins_ms: int
    ends_ms: int
    moved: bool
    from_share: float = 0.0
    to_share: float = 0.0
    work: int = 0
    reported: int = 0


@dataclass(slots=True)
class Course:
    """What became of a task: `ready_ms` when it had arrived and all it waits for had landed."""

    job: Job
    ready_ms: int | None = None
    done_ms: int | None = None
    failed: bool = False
    stays: list[Stay] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Served:
    at_ms: int
    account: str
    served: bool
    work: int
    tier: str


@dataclass(slots=True)
class Record:
    """The run of a case under a policy. `courses` by the task's key, in the order of arrival; `digest` covers every
    event that was applied and every effect decided."""

    case: Case
    policy: str
    start_ms: int
    end_ms: int
    courses: dict[str, Course]
    buckets: list[Past]
    requests: list[Served] = field(default_factory=list)
    events: int = 0
    plans: int = 0
    digest: str = ""
