"""What the fleet says to a session, and the ids it says it under."""

from __future__ import annotations

from uuid import UUID, uuid5

from fleet.core.handoff import WorkSoFar, handoff
from fleet.core.model import Attempt, Task, Word
from fleet.core.review_words import UNFIT, review_asked

_FLEET = UUID("6f0a1c7e-3d52-5a7b-9d0e-5f1e1ee7f1ee")

GO_ON = "Continue where you left off."
PLAN = (
    "First make a plan for this task: look at what is there, decide what has to be done in which steps, and say the "
    "plan. Change nothing yet."
)
CARRY_OUT = "Now carry out your plan."
CHECK_FAILED = "Verification failed. Fix the cause, then finish."


def stable_id(*parts: str) -> str:
    """A UUID that is the same whenever it is made from the same parts (RFC 4122, version 5)."""
    return str(uuid5(_FLEET, "/".join(parts)))


def opening_id(attempt_id: str) -> str:
    """The id of the first message that an attempt's worker is given."""
    return stable_id(attempt_id, "opening")


def fresh_session_id(home_id: str, attempt_id: str) -> str:
    """The session that an attempt begins when it does not resume one."""
    return stable_id(home_id, attempt_id, "session")


def is_of_the_fleet(text: str) -> bool:
    """Whether these words only keep a session going."""
    return text in (GO_ON, PLAN, CARRY_OUT)


def begins_anew(task: Task, attempt: Attempt, *, resumed: bool) -> bool:
    """Whether a new session goes on with the work of an earlier one."""
    return not resumed and not attempt.judges and (attempt.resumes or task.branch is not None)


def opening_text(
    task: Task, attempt: Attempt, *, resumed: bool, work: WorkSoFar | None = None, diff: str = ""
) -> str:
    """The first message: the prompt for a new session; for one that goes on, what has been said since. `work`: what a
    new session is to know of an earlier one; `diff`: what one that reviews is to look at."""
    if attempt.judges:
        return _judges_opening(task, diff, resumed=resumed)
    said = [word.text for word in attempt.opening] + [PLAN] * attempt.plans
    if resumed:
        return "\n\n".join(said) or GO_ON
    if begins_anew(task, attempt, resumed=resumed):
        return "\n\n".join([handoff(task.spec.prompt, work or WorkSoFar()), *said])
    return "\n\n".join([task.spec.prompt, *said])


def _judges_opening(task: Task, diff: str, *, resumed: bool) -> str:
    if not resumed:
        return review_asked(task, diff)
    return UNFIT if task.judging is not None and task.judging.asked_again else GO_ON


def plan_made(attempt: Attempt) -> Word:
    return Word(stable_id(attempt.id, "planned"), CARRY_OUT)


def task_revised(prompt: str) -> str:
    """What a session that goes on is told when its task's prompt is another one."""
    return f"Your task has been revised. What counts from now on is this:\n\n{prompt}"


def check_failed(cause: str, output: str) -> Word:
    text = f"{CHECK_FAILED}\n\n{output}"
    return Word(stable_id(cause, "check"), text)


def nothing_changed(task: Task, cause: str, ignored: str = "") -> Word:
    """`ignored` is what of its work git ignores, in words."""
    lies = f"What you made is ignored: {ignored}. If that is the work, `git add --force` it, then commit. "
    text = (
        f"Your branch {task.branch} has no change that {task.spec.target} does not have already. "
        f"{lies if ignored else ''}If your work is in a stash, on another branch, or in files that git ignores, bring "
        "it into this branch and commit it. If nothing has to be changed, say so and why, then finish."
    )
    return Word(stable_id(cause, "unchanged"), text)


def landing_conflict(task: Task, cause: str, detail: str) -> Word:
    target = task.spec.target
    text = (
        f"Your branch {task.branch} conflicts with {target}, which has moved on. Merge {target} into your branch here "
        f"(git merge {target}), resolve the conflicts, commit, then finish.\n\n{detail}"
    )
    return Word(stable_id(cause, "conflict"), text)


def landing_unverified(task: Task, cause: str, output: str) -> Word:
    target = task.spec.target
    text = (
        f"Your branch {task.branch}, merged into {target} as it is now, does not pass verification. Merge {target} "
        f"into your branch here (git merge {target}), fix the cause, then finish.\n\n{output}"
    )
    return Word(stable_id(cause, "unverified"), text)


def commit_trailers(task: Task) -> str:
    """How the message ends of a commit of what the worker left uncommitted."""
    return f"Fleet-Task: {task.id}\nFleet-Session: {task.session_id}\n"
