"""The frozen values of the fleet. What a map of `Fleet` holds is imported from here; what persons lay down, what was
learned, prices and lifecycles from their own files.

Times are integer milliseconds since the epoch (`_ms`), utilization is a share from 0 to 1. Every value is immutable:
state changes only in `fleet.core.step`.
"""

from fleet.core.model.account import Account, Bucket, Kind, Spend, bucket_key
from fleet.core.model.attempt import ATTEMPT_MS_MAX, Attempt
from fleet.core.model.fleet import NEVER_MS, Fleet, is_paused
from fleet.core.model.host import HERE, Host, Unfit, Worktree
from fleet.core.model.judgement import Author, Finding, Judgement, Judging, Reviewer, Verdict
from fleet.core.model.settings import Settings
from fleet.core.model.task import (
    AGE_DOUBLES_MS,
    LATE,
    PRIORITY_MAX,
    TIMED,
    WORTH_MIN,
    HeldFor,
    Land,
    Pause,
    Queue,
    Rank,
    Task,
    TaskSpec,
    Trouble,
    Word,
    is_shunning,
    is_timed,
    queue_of,
)

__all__ = [
    "AGE_DOUBLES_MS",
    "ATTEMPT_MS_MAX",
    "HERE",
    "LATE",
    "NEVER_MS",
    "PRIORITY_MAX",
    "TIMED",
    "WORTH_MIN",
    "Account",
    "Attempt",
    "Author",
    "Bucket",
    "Finding",
    "Fleet",
    "HeldFor",
    "Host",
    "Judgement",
    "Judging",
    "Kind",
    "Land",
    "Pause",
    "Queue",
    "Rank",
    "Reviewer",
    "Settings",
    "Spend",
    "Task",
    "TaskSpec",
    "Trouble",
    "Unfit",
    "Verdict",
    "Word",
    "Worktree",
    "bucket_key",
    "is_paused",
    "is_shunning",
    "is_timed",
    "queue_of",
]
