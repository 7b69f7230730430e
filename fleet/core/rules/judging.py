"""A model reviews verified work: a session of its own, that only reads, as an attempt of the same task.

It is placed, priced and stopped like any work; the session that made the work is put aside meanwhile, and goes on as
it was. What comes of the review: `rules/verdicts`.
"""

from __future__ import annotations

from fleet.core.dispatch.tiers import judges_of, others_judge
from fleet.core.draft import Draft
from fleet.core.model import Attempt, Author, Judging, Reviewer, Task, Verdict
from fleet.core.model.replacing import replace

OUTPUT_CHARS_MAX = 4_000
"""Of what the gate said, its end."""


def is_of(task: Task, attempt: Attempt) -> bool:
    """Whether the attempt works in the session that the task has now, not in the one that is put aside or gone."""
    return attempt.judges == (task.judging is not None)


def begin(draft: Draft, task: Task, output: str) -> None:
    """Puts the work into the queue to be judged: where possible on another account than the one it was made on."""
    tiers = judges_of(draft.peek(), task)
    author = Author(**{name: getattr(task, name) for name in Author.__slots__})
    judging = Judging(task.commit or "", tiers, output[-OUTPUT_CHARS_MAX:], author)
    judged = replace(
        task,
        state="queued",
        reason="verified; a model is to review it",
        judging=judging,
        session_id=None,
        session_account=None,
        answered_by=None,
        shuns=(),
        unanswered=0,
        bound=False,
        renewed=False,
        renewals=0,
        renewed_for="",
        faults=0,
        host_faults=0,
        killed=0,
        tier_work=0.0,
        tier_ms=0,
        not_before_ms=0,
        landing_begun=False,
    )
    made_on = author.session_account
    if made_on is not None and others_judge(draft.peek(), judged, made_on):
        judged = replace(judged, shuns=(made_on,))
    draft.put_task(judged)
    draft.note(
        "info",
        "task.judging",
        f"verified; a model is to review it ({' or '.join(tiers)})",
        task=task.id,
        commit=task.commit,
        tiers=tiers,
    )
    draft.settle = True


def restored(task: Task) -> Task:
    """With the session that made the work, as it was put aside; the same where nothing is judged."""
    if task.judging is None:
        return task
    author = task.judging.author
    return replace(task, judging=None, **{name: getattr(author, name) for name in Author.__slots__})


def to_review(draft: Draft, task: Task, reason: str = "") -> None:
    """Nothing happens to it until a person has looked; it takes no place meanwhile. `reason` is what they should know
    first."""
    why = reason or "verified; waits for your review"
    draft.put_task(replace(task, state="review", reason=reason, approved=None, not_before_ms=0))
    draft.note(
        "info",
        "task.review",
        f"{why}: fleet task diff {task.id}, then fleet task approve {task.id}",
        task=task.id,
        commit=task.commit,
    )


def in_words(task: Task, verdict: Verdict) -> str:
    """What a verdict says, and where it is told in full."""
    blocking = sum(one.severity == "blocking" for one in verdict.findings)
    found = (
        f"{blocking} blocking" if blocking else f"{len(verdict.findings)} minor" if verdict.findings else ""
    )
    if not found:
        return f"{verdict.tier} passes it"
    return f"{verdict.tier} found {found} (fleet task show {task.id})"


def count(draft: Draft, verdict: Verdict, **more: int) -> None:
    """Adds to what is known of reviews with the verdict's tier."""
    from_before = draft.reviewers.get(verdict.tier) or Reviewer(verdict.tier)
    counted = {name: getattr(from_before, name) + number for name, number in more.items()}
    draft.put("reviewers", verdict.tier, replace(from_before, **counted))


def settled(draft: Draft, task: Task, *, wanted: bool) -> Task:
    """The task, once its verdict is known to have been right or wrong: the work was `wanted` as it was judged, or not.
    Each verdict counts once."""
    verdict = task.verdict
    if verdict is None or verdict.settled:
        return task
    if not verdict.passed:
        count(draft, verdict, **{"overruled" if wanted else "confirmed": 1})
    elif not wanted:
        count(draft, verdict, missed=1)
    return replace(task, verdict=replace(verdict, settled=True))
