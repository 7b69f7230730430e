"""What comes of a model's review: the work goes on its way, or back to the session that made it, or to a person."""

from __future__ import annotations

from fleet.core.capacity import costs
from fleet.core.draft import Draft
from fleet.core.model import Attempt, Judgement, Task, Verdict, Word
from fleet.core.model.judgement import RETURNS_MAX
from fleet.core.model.replacing import replace
from fleet.core.review_words import UNFIT, findings_told
from fleet.core.rules import judging
from fleet.core.rules.attempts import stop, takes_no_turn, tell
from fleet.core.rules.finishing import send_on
from fleet.core.wording import stable_id

NO_VERDICT = "no model has reviewed it: the answer did not fit the schema, twice"


def judged(draft: Draft, attempt: Attempt, answer: Judgement | None) -> None:
    """The judge has ended its turn. `answer` is None where it does not fit the schema, which is no pass."""
    task = draft.tasks[attempt.task]
    if answer is None:
        _unfit(draft, task, attempt)
    else:
        _fits(draft, task, attempt, answer)


def _unfit(draft: Draft, task: Task, attempt: Attempt) -> None:
    """Asked once more, by its next worker where this one takes no turn; then a person looks."""
    if task.judging is None:
        return
    if task.judging.asked_again:
        judging.to_review(draft, judging.restored(task), NO_VERDICT)
        stop(draft, attempt, "finished", how="close")
        return
    draft.note(
        "warning",
        "task.unjudged",
        "its review did not fit the schema: it is asked once more",
        attempt=attempt,
    )
    draft.put_task(replace(task, judging=replace(task.judging, asked_again=True)))
    if takes_no_turn(draft, attempt):
        stop(draft, attempt, "paused", how="quick")
    else:
        tell(draft, attempt.id, Word(stable_id(attempt.id, "unfit"), UNFIT))


def _fits(draft: Draft, task: Task, attempt: Attempt, answer: Judgement) -> None:
    commit = "" if task.judging is None else task.judging.commit
    verdict = Verdict(commit, attempt.tier, attempt.account, answer.findings)
    costs.learn(draft, task, attempt, won=True)
    judging.count(draft, verdict, **{"passed" if verdict.passed else "objected": 1})
    task = replace(judging.restored(task), verdict=verdict)
    blocking = sum(one.severity == "blocking" for one in verdict.findings)
    told = f"reviewed: {judging.in_words(task, verdict)}"
    draft.note(
        "info" if verdict.passed else "warning",
        "task.judged",
        told,
        attempt=attempt,
        commit=commit,
        tier=attempt.tier,
        blocking=blocking,
        minor=len(verdict.findings) - blocking,
    )
    if verdict.passed or task.returned >= RETURNS_MAX:
        send_on(draft, task)
    else:
        word = Word(stable_id(attempt.id, "findings"), findings_told(verdict.findings))
        words, returned = (*task.words, word), task.returned + 1
        draft.put_task(replace(task, state="queued", reason=told, returned=returned, words=words))
        draft.settle = True
    stop(draft, attempt, "finished", how="close")
