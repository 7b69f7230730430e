"""From a worker's finished turn to a landed branch: verification, the serial queue of a target, landing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from fleet.core.capacity import costs
from fleet.core.decisions import CheckWork, LandWork, LookAtHeld
from fleet.core.dispatch.tiers import stronger
from fleet.core.draft import Draft
from fleet.core.events import HeldSeen, LandingEnded, WorkChecked
from fleet.core.model import HeldFor, Task, Trouble, Word
from fleet.core.model.maps import among
from fleet.core.rules import judging
from fleet.core.rules.attempts import end_judging, fail, stop, takes_no_turn, tell
from fleet.core.rules.judging import to_review
from fleet.core.rules.worktrees import remove_worktree
from fleet.core.wording import check_failed, landing_conflict, landing_unverified, nothing_changed
from fleet.spoken.reviews import by_model


def work_checked(draft: Draft, event: WorkChecked) -> None:
    task = draft.tasks.get(event.task)
    if task is None or task.attempt != event.attempt or task.state != "checking":
        return
    if event.commit is not None:
        # All of it is in the branch now: what was kept of it before would only bring back older work.
        draft.put_worktree(replace(draft.worktrees[task.id], checkpoint=None, checkpoint_ms=draft.now_ms))
    if event.noticed:
        draft.note("warning", "worktree.noticed", event.noticed, task=task.id)
    if event.commit != task.approved:
        task = replace(task, approved=None)
    attempt = draft.attempts.get(event.attempt)
    if event.remade and attempt is not None:
        stop(
            draft, attempt, "finished", how="close"
        )  # its session goes on in the worktree that was made anew
    _go_its_way(draft, task, event)


def _go_its_way(draft: Draft, task: Task, event: WorkChecked) -> None:
    if not event.ok and event.denied and not task.words:
        _hold_denied(draft, replace(task, commit=event.commit), event.denied)
        attempt = draft.attempts.get(event.attempt)
        if attempt is not None:
            stop(draft, attempt, "finished", how="close")
    elif not event.ok:
        _give_back(draft, task, check_failed(event.id, event.output), "verification failed")
    elif task.words:
        _go_on_with_words(draft, task)
    elif event.unchanged:
        _nothing_changed(draft, replace(task, commit=event.commit), event.id, event.ignored)
    else:
        _accept(draft, replace(task, commit=event.commit), event.output)


def _accept(draft: Draft, task: Task, output: str) -> None:
    """Verified: the worker may go, and the work goes its way. What a review found was right if it was mended."""
    draft.note("debug", "task.verified", "verified", task=task.id, commit=task.commit)
    attempt = draft.attempts.get(task.attempt or "")
    if attempt is not None and not attempt.judges:
        costs.learn(draft, task, attempt, won=True)
    if task.verdict is not None and not task.verdict.passed and task.stands is None:
        task = judging.settled(draft, task, wanted=False)
    send_on(draft, task, output)
    if attempt is not None:
        stop(draft, attempt, "finished", how="close")


def send_on(draft: Draft, task: Task, output: str = "") -> None:
    """Verified work goes its way: to a model or a person, where a review is asked for that it has not had; else its
    branch is left, or waits for its turn to be merged. `output` is what the gate said."""
    if task.spec.review is not None and task.reviewed is None:
        if by_model(task.spec.review) and task.stands is None:
            judging.begin(draft, task, output)
            return
        to_review(draft, task, "" if task.stands is None else judging.in_words(task, task.stands))
        return
    if task.spec.land == "branch":
        landed(draft, task, task.commit)
        return
    draft.put_task(replace(task, state="landing", landing_since_ms=draft.now_ms, landing_begun=False))
    begin_landings(draft)
    before = _merge_queue_before(draft, draft.tasks[task.id])
    says = f"verified; waits for its turn to land on {task.spec.target}, behind {before} others"
    if before == 0:
        says = f"is merged into {task.spec.target}"
    elif before == 1:
        says = f"verified; lands on {task.spec.target} next"
    # Only a queue is news: a task that is next follows within a moment.
    draft.note(
        "info" if before > 1 else "debug",
        "task.landing",
        says,
        task=task.id,
        target=task.spec.target,
        waits=before > 0,
    )


def _nothing_changed(draft: Draft, task: Task, cause: str, ignored: str) -> None:
    """It counts as landed only where that was said to be right. Else its session is asked once, for its work may lie
    where its branch does not have it; then a person."""
    if not task.spec.allow_empty and not task.empty_told:
        draft.note(
            "warning",
            "task.unchanged",
            "its branch has no change: its session is asked whether that is right",
            task=task.id,
        )
        word = nothing_changed(task, cause, ignored)
        _go_on_with_words(draft, replace(task, empty_told=True, words=(*task.words, word)))
        return
    if task.spec.allow_empty:
        _landed_empty(draft, task)
    else:
        _hold(draft, task, "nothing", _nothing_told(task, ignored))
    attempt = draft.attempts.get(task.attempt or "")
    if attempt is not None:
        stop(draft, attempt, "finished", how="close")


def _nothing_told(task: Task, ignored: str) -> str:
    """Why there is nothing to land, and what a person can do."""
    cures = (
        f'If there is more to do, run: fleet task say {task.id} "…"; if nothing had to be changed: fleet task edit '
        f"{task.id} --allow-empty; if it is not wanted any more: fleet task cancel {task.id}"
    )
    if not ignored:
        return f"its session changed nothing that {task.spec.target} does not have already. {cures}"
    wanted = f'fleet task say {task.id} "Commit what you made with git add --force"'
    return (
        f"its session committed nothing, and what it made is ignored by git: {ignored}. It lies in its worktree. If "
        f"that is wanted, run: {wanted}, or take the line out that ignores it and say that. {cures}"
    )


def _landed_empty(draft: Draft, task: Task) -> None:
    landed(draft, task, task.commit, f"nothing had to be changed: {task.spec.target} has all of it already")


def _hold_denied(draft: Draft, task: Task, denied: str) -> None:
    """What the sandbox keeps from work a person settles, and no turn of its session."""
    cure = (
        "It is verified again as soon as work of its project may do more, and when `fleet up` begins; if the work "
        f'should do without: fleet task say {task.id} "…"'
    )
    _hold(draft, task, "denied", f"{denied}. {cure}")


def let_by_its_project(draft: Draft, project: str) -> None:
    """What a person lets work of a project do may be what a verification of it was denied."""
    for task in [t for t in draft.tasks.values() if t.spec.project_name == project]:
        if task.state == "held" and task.held_for == "denied":
            verify_again(draft, task, f"what work of {project} may do has changed")


def verify_again(draft: Draft, task: Task, why: str) -> None:
    """The gate is asked once more, where the worktree is; with none left its session goes on, and ends there."""
    worktree = draft.worktrees.get(task.id)
    if task.attempt is None or worktree is None or worktree.state != "ready":
        draft.put_task(replace(task, state="queued", reason=f"{why}: it is verified again"))
        draft.settle = True
        return
    draft.put_task(replace(task, state="checking"))
    draft.decide(CheckWork, attempt=task.attempt)
    draft.note("debug", "task.checking", f"{why}: it is verified again", task=task.id)


def allow_empty(draft: Draft, task: Task) -> None:
    """A person says, of a task in which nothing was changed, that this is right."""
    if task.state == "held" and task.held_for == "nothing" and task.spec.allow_empty:
        _landed_empty(draft, task)


def _give_back(draft: Draft, task: Task, word: Word, why: str) -> None:
    """A failed check goes back to the same session, a bounded number of times."""
    repairs = task.repairs + 1
    last_line = next(iter(reversed(word.text.strip().splitlines())), "")
    settings = draft.before.settings
    with_word = replace(task, repairs=repairs, words=(*task.words, word))
    if repairs > min(settings.repairs_per_tier, settings.repairs_max) and _escalate(draft, with_word):
        return
    if repairs > settings.repairs_max:
        attempt = draft.attempts.get(task.attempt or "")
        fail(draft, task, f"{why} {repairs} times; the last output ended: {last_line}")
        if attempt is not None:
            stop(draft, attempt, "unverified", how="close")
        return
    draft.note(
        "warning",
        "task.check_failed",
        f"{why} ({repairs} of {settings.repairs_max}): {last_line}",
        task=task.id,
        times=repairs,
        times_max=settings.repairs_max,
    )
    _go_on_with_words(draft, with_word)


def _escalate(draft: Draft, task: Task) -> bool:
    """Ends what a tier could not do and puts the task back for a stronger one, with its session. False when there is
    none, or no worker to take it from."""
    attempt = draft.attempts.get(task.attempt or "")
    if attempt is None or attempt.state != "running":
        return False
    following = stronger(draft.peek(), task, attempt.tier)
    if following is None:
        return False
    costs.learn(draft, task, attempt, won=False)
    story = f"{attempt.tier} could not do it: goes on with {following} or stronger"
    failed = max((task.tier_failed or attempt.tier, attempt.tier), key=draft.peek().policy.order_of)
    task = replace(task, tier_failed=failed, repairs=0, tier_work=0.0, tier_ms=0)
    draft.put_task(replace(task, state="queued", reason=story, landing_begun=False))
    draft.note("info", "task.escalated", story, attempt=attempt, tier=attempt.tier, next_tier=following)
    stop(draft, attempt, "escalated", how="close")
    draft.settle = True
    return True


def _go_on_with_words(draft: Draft, task: Task) -> None:
    """Gives the session the words it is owed: to its worker where that still runs, else to the next one."""
    attempt = draft.attempts.get(task.attempt or "")
    if attempt is None or attempt.state != "running" or takes_no_turn(draft, attempt):
        draft.put_task(
            replace(task, state="queued", reason="there is more for its session to do", landing_begun=False)
        )
        draft.settle = True
        if attempt is not None:
            stop(draft, attempt, "paused", how="close")
        return
    draft.put_task(replace(task, state="running"))
    for word in task.words:
        if word.id not in attempt.told:
            tell(draft, attempt.id, word)


def begin_landings(draft: Draft) -> None:
    """Lets the first of each merge queue begin, one at a time: serial by repository and target."""
    landing = [t for t in draft.tasks.values() if t.state == "landing"]
    begun = {(t.spec.repo, t.spec.target) for t in landing if t.landing_begun}
    for task in sorted(landing, key=lambda t: (t.landing_since_ms or 0, t.number)):
        merge_queue = (task.spec.repo, task.spec.target)
        if merge_queue not in begun:
            begun.add(merge_queue)
            draft.put_task(replace(task, landing_begun=True))
            draft.decide(LandWork, task=task.id, begun_ms=task.landing_since_ms or 0)


def _merge_queue_before(draft: Draft, task: Task) -> int:
    """How many tasks of its repository and target land before this one."""
    if task.landing_begun:
        return 0
    queue = (task.spec.repo, task.spec.target)
    return (
        sum(t.state == "landing" and (t.spec.repo, t.spec.target) == queue for t in draft.tasks.values()) - 1
    )


def landing_ended(draft: Draft, event: LandingEnded) -> None:
    task = draft.tasks.get(event.task)
    fenced = task is None or task.state != "landing" or task.landing_since_ms != event.begun_ms
    if task is None or fenced:
        return
    broken_off, task = task.breaking_off, replace(task, landing_begun=False, breaking_off=False)
    if event.outcome == "landed":
        if broken_off:
            draft.note(
                "warning", "task.cancelled_late", "it was cancelled too late: it has landed", task=task.id
            )
        landed(draft, task, event.commit, event.detail)
    elif broken_off or event.outcome == "broken off":
        cancel(draft, task)
    elif event.outcome == "held":
        _hold(draft, replace(task, commit=event.commit), "checkout", event.detail)
    else:
        _not_landed(draft, task, event)
    begin_landings(draft)


def _not_landed(draft: Draft, task: Task, event: LandingEnded) -> None:
    if event.outcome == "moved":
        draft.put_task(task)
    elif event.outcome == "unapproved":
        to_review(draft, task, event.detail)
    elif event.outcome == "denied":
        _hold_denied(draft, task, event.detail)
    elif event.outcome == "conflict":
        _give_back(draft, task, landing_conflict(task, event.id, event.detail), "merging met a conflict")
    elif event.outcome == "unverified":
        _give_back(
            draft, task, landing_unverified(task, event.id, event.detail), "verification of the merge failed"
        )
    else:
        _hold(draft, task, "repository", event.detail)
        if event.consent is not None:
            trouble = Trouble(event.id, event.detail, lasting=True, consent=event.consent)
            draft.put_task(replace(draft.tasks[task.id], trouble=trouble))


def cancel(draft: Draft, task: Task, why: str = "cancelled by a person") -> None:
    """Ends a task as a person wished. What its session left is preserved as its worktree goes. Of one that was left on
    its branch, and nobody has gone on with since, only its merge is taken back."""
    judged, task = task.judging is not None, end_judging(draft, task)
    if task.on_branch and (judged or task.state in ("review", "landing", "held")):
        as_it_was = replace(
            task, spec=replace(task.spec, land="branch"), landing_begun=False, breaking_off=False
        )
        landed(draft, as_it_was, task.landed_commit, f"left on {task.branch}, as before: {why}")
        return
    attempt = draft.attempts.get(task.attempt or "")
    draft.put_task(replace(task, state="cancelled", reason=why, ended_ms=draft.now_ms, words=()))
    draft.note("info", "task.cancelled", why, task=task.id)
    if attempt is not None:
        stop(draft, attempt, "cancelled", how="ladder")
    else:
        remove_worktree(draft, task.id)
    draft.settle = True


def _hold(draft: Draft, task: Task, held_for: HeldFor, reason: str) -> None:
    """A person has to do something, which is told once, however often it is tried in vain."""
    if reason != task.reason:
        draft.note("warning", "task.held", reason, task=task.id, held_for=held_for)
    draft.put_task(replace(task, state="held", held_for=held_for, reason=reason, not_before_ms=draft.now_ms))


def _waiting(tasks: Mapping[str, Task]) -> list[str]:
    return [name for name, task in tasks.items() if task.state == "waiting"]


def _held(tasks: Mapping[str, Task]) -> list[str]:
    return [name for name, task in tasks.items() if task.state == "held"]


def look_at_held(draft: Draft, *, at_once: bool = False) -> None:
    """Asks whether a person has freed the target of a held task, or merged it, and tries again what the repository
    refused: on a beat, if that was not just now, and whenever a coordinator begins."""
    if at_once:
        for task in [t for t in draft.tasks.values() if t.state == "held" and t.held_for == "denied"]:
            verify_again(draft, task, "the fleet begins anew")
    settings = draft.before.settings
    pauses = {"checkout": settings.held_recheck_ms, "repository": settings.held_retry_ms}
    held = [draft.tasks[name] for name in among(draft.tasks, _held)]
    for task in sorted(held, key=lambda task: task.number):
        if task.held_for not in pauses:
            continue
        pause = 0 if at_once else pauses[task.held_for]
        if 0 <= draft.now_ms - task.not_before_ms < pause:
            continue
        if task.held_for == "checkout":
            draft.put_task(replace(task, not_before_ms=draft.now_ms))
            draft.decide(LookAtHeld, task=task.id)
        else:
            send_on(draft, task)


def held_seen(draft: Draft, event: HeldSeen) -> None:
    task = draft.tasks.get(event.task)
    if task is None or task.state != "held" or task.held_for != "checkout":
        return
    if event.landed:
        landed(draft, task, task.commit)
    elif event.free:
        send_on(draft, replace(task, reason=""))


def landed(draft: Draft, task: Task, commit: str | None, why: str = "") -> None:
    """The end that dependants wait for. `why` says of what brought nothing why that is an end, too."""
    draft.put_task(
        replace(
            task,
            state="landed",
            landed_commit=commit,
            reason=why,
            ended_ms=draft.now_ms,
            not_before_ms=0,
            words=(),
            on_branch=False,
        )
    )
    where = task.spec.target if task.spec.land == "merge" else task.branch
    draft.note(
        "info",
        "task.landed",
        why or f"verified and landed on {where} as {(commit or '')[:12]}",
        task=task.id,
        commit=commit,
        onto=where,
        merged=task.spec.land == "merge",
    )
    _release_dependants(draft, task.id)
    attempt = draft.attempts.get(task.attempt or "")
    if attempt is None:
        remove_worktree(draft, task.id)


def _release_dependants(draft: Draft, landed_id: str) -> None:
    after = [task for name in among(draft.tasks, _waiting) if landed_id in (task := draft.tasks[name]).after]
    for waiting in sorted(after, key=lambda task: task.number):
        if all(draft.tasks[t].releases for t in waiting.after):
            draft.put_task(replace(waiting, state="queued"))
            draft.note("debug", "task.released", "everything it waits for has landed", task=waiting.id)
            draft.settle = True
