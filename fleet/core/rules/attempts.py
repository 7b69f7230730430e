"""The life of an attempt: started, stopped, ended, and what its end means for the task.

An environment's fault is never the task's fault: after a limit, an overload, a lost login or host the task
keeps its place in the queue and nothing is counted against it. A worker that dies without having answered is
tried again with growing pauses, `faults_max` times in a row; then a person has to look.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Literal
from zlib import crc32

from fleet.core.capacity import budgets
from fleet.core.decisions import StopWorker, TellWorker
from fleet.core.draft import Draft, Level
from fleet.core.events import StartFailed, WorkerLost, WorkerStarted
from fleet.core.model import Attempt, Task, Trouble, Word, is_paused
from fleet.core.model.learned import work_of
from fleet.core.model.tokens import Tokens
from fleet.core.rules import judging, keyring, sessions, silence
from fleet.core.rules.worktrees import remove_worktree
from fleet.core.wording import opening_id

HOST_LOST = "host lost"
HOST_UNFIT = "host unfit"
NO_WAY = "host not reached"
CONSENT = "consent"

KILLED = "killed"
"""Only the worker's supervisor vanished, and nothing beside it."""

BLAMELESS = frozenset(
    {
        *("limited", "busy", "login", "unpaid", "keyring", "paused", "account removed", "kept"),
        *(HOST_LOST, HOST_UNFIT, NO_WAY, CONSENT),
    }
)
"""Ends of an attempt that count nothing against its task: something else already keeps it from coming straight back."""

_OF_THE_SESSION = frozenset({"credits", "unfit", "context"})
"""Ends of an attempt because its account did not take the session as it is."""

_TOLD_BEFORE = BLAMELESS | {"finished", "cancelled", "escalated", "unverified"}
"""Ends that a line before has told the reason of: they are steps of the work, no news of their own."""

PATIENT = frozenset({"lost", KILLED, "machine", "launch", "cannot_start"})
"""Faults of the host: tried again with growing pauses, for as long as it takes. A connection that broke before any
answer is one of them, too: the way to the server is down."""

DOUBLINGS_MAX = 20
"""More of them would only make the number large: `backoff_max_ms` is less."""

JITTER_STEPS = 256
"""In so many steps pauses of tasks that failed together differ, so that they do not all come back at once."""

FINAL = {
    "turns": "it reached its limit of turns: raise it (fleet task edit --max-turns), then retry, and say what to do",
    "budget": "it reached its budget: raise it (fleet task edit --max-budget-usd), then retry",
    "refused": "the model's safeguards refused its content",
    "context": "its conversation no longer fits the model's context",
    "deadline": "it ran longer than one attempt may",
    "repository": "its repository cannot be used",
    "setup": "its worktree could not be set up",
}
"""Ends of an attempt that end its task too, and why."""


def worker_started(draft: Draft, event: WorkerStarted) -> None:
    live = draft.live_attempt(event.attempt)
    if live is None:
        return
    attempt, task = live
    if attempt.state == "running":  # reported twice: what it was told since must stay as it is
        return
    began_anew = attempt.resumes and not event.resumed
    if began_anew:
        task = sessions.without_session(task)
    draft.put_attempt(
        replace(
            attempt,
            state="stopping" if attempt.state == "stopping" else "running",
            began=True,
            session_id=event.session_id,
            told=(opening_id(attempt.id), *attempt.told),
        )
    )
    task = draft.put_task(
        replace(
            task,
            branch=event.branch,
            base_commit=event.base_commit,
            session_id=event.session_id,
            session_account=attempt.account,
            refused_on=(),
        )
    )
    worktree = draft.worktrees[task.id]
    if worktree.state in ("making", "ready"):
        if worktree.moves_from is not None:  # its session came with it, by way of home
            worktree = replace(worktree, moves_from=None, checkpoint=event.kept, heard=(), heard_before=())
        draft.put_worktree(replace(worktree, state="ready", path=event.path))
    _works_there(draft, attempt.host, worktree.repo)
    if began_anew:
        draft.note(
            "warning",
            "task.session_renewed",
            "its session could not be found any more: it begins anew on its work so far",
            attempt=attempt,
            renewals=task.renewals,
        )
    draft.note(
        "debug",
        "attempt.started",
        f"worker runs on branch {event.branch}",
        attempt=attempt,
        branch=event.branch,
    )
    _tell_what_came_meanwhile(draft, attempt.id)


def _works_there(draft: Draft, name: str, repo: str) -> None:
    host = draft.hosts.get(name)
    if host is None:
        return
    if repo not in host.warm:
        host = draft.put_host(replace(host, warm=(*host.warm, repo)))
    takes_again(draft, name, repo)


def takes_again(draft: Draft, name: str, repo: str, *, proved: bool = False) -> None:
    """The host's git has taken the repository, so what it said before counts no more. Unless that is `proved` by a
    whole dry run, not while work of it lies there that it does not give home."""
    host = draft.hosts.get(name)
    if host is None or host.unfit_for(repo) is None:
        return
    tasks = [task for task in draft.tasks.values() if task.spec.repo == repo]
    if not proved and any(task.trouble is not None and task.trouble.host == name for task in tasks):
        return
    draft.put_host(replace(host, unfit=host.fit_but(repo)))
    for task in tasks:
        others = tuple((other, gist) for other, gist in task.refused_on if other != name)
        if others != task.refused_on:
            draft.put_task(replace(task, refused_on=others))
    draft.note("info", "host.fit", f"its git takes {repo} again", host=name, repo=repo)
    draft.settle = True


def _tell_what_came_meanwhile(draft: Draft, attempt_id: str) -> None:
    """Words said while the worker was being started are not in its opening."""
    attempt = draft.attempts[attempt_id]
    if attempt.state == "running":
        opened = {word.id for word in attempt.opening}
        for word in draft.tasks[attempt.task].words:
            if word.id not in opened and word.id not in attempt.told:
                tell(draft, attempt_id, word)


def tell(draft: Draft, attempt_id: str, word: Word) -> None:
    attempt = draft.attempts[attempt_id]
    draft.put_attempt(replace(attempt, told=(*attempt.told, word.id)))
    draft.decide(TellWorker, attempt=attempt_id, word=word.id, text=word.text)


def stop(
    draft: Draft,
    attempt: Attempt,
    reason: str,
    *,
    how: Literal["close", "quick", "ladder"],
    detail: str = "",
) -> None:
    """Stops a worker; what its end means is settled when it is gone (`end`)."""
    if attempt.state == "stopping":
        return
    draft.put_attempt(replace(attempt, state="stopping", reason=reason, detail=detail))
    draft.decide(StopWorker, attempt=attempt.id, how=how, why=reason)


def takes_no_turn(draft: Draft, attempt: Attempt) -> bool:
    """Whether a person has paused its task, the project or account of it, or all work: then no further turn begins."""
    return bool(
        is_paused(draft.peek(), draft.tasks[attempt.task])
        or draft.accounts[attempt.account].paused
        or draft.value("policy").breaker
    )


def start_failed(draft: Draft, event: StartFailed) -> None:
    live = draft.live_attempt(event.attempt)
    if live is None:
        return
    attempt, task = live
    again = bool(event.trouble) and task.reason.startswith(f"{event.fault}: {event.trouble}")
    # The same trouble is told once, not at each try. That of the keyring is told of the accounts.
    level: Level = "debug" if again or event.fault == "keyring" else "error"
    draft.note(
        level,
        "attempt.not_started",
        f"could not be started: {event.detail}",
        attempt=attempt,
        fault=event.fault,
        repeated=again,
    )
    if attempt.state == "stopping":
        end(draft, attempt, attempt.reason, attempt.detail)
    elif event.fault == "credential":
        account = draft.accounts[attempt.account]
        if account.in_use:
            draft.put_account(replace(account, state="quarantined", reason=event.detail))
        end(draft, attempt, "login", event.detail)
    elif event.fault == "keyring":
        keyring.cannot_be_reached(draft, event.detail)
        end(draft, attempt, "keyring", event.detail)
    else:
        end(draft, attempt, event.fault, event.detail, told=not again)
        _remember_trouble(draft, draft.tasks[task.id], event)


def _remember_trouble(draft: Draft, task: Task, event: StartFailed) -> None:
    """So that nobody who waits for the fleet to be idle waits for what only a person can mend. It is tried on, and the
    next state of the task forgets it."""
    if event.lasting and task.state == "queued" and task.host_faults >= draft.before.settings.faults_max:
        draft.put_task(replace(task, trouble=Trouble(event.attempt, event.detail, lasting=True)))


def worker_lost(draft: Draft, event: WorkerLost) -> None:
    live = draft.live_attempt(event.attempt)
    if live is None:
        return
    attempt, _ = live
    stopping = attempt.state == "stopping"
    lost = KILLED if event.alone else "lost"
    end(draft, attempt, attempt.reason if stopping else lost, event.detail)


def end(draft: Draft, attempt: Attempt, reason: str, detail: str, *, told: bool = True) -> None:
    """Ends the attempt and moves its task on: put back, failed, or what it had become in the meantime."""
    ended = replace(
        attempt,
        state="ended",
        reason=reason,
        detail=detail,
        ended_ms=draft.now_ms,
        tokens=attempt.tokens + attempt.running_tokens + attempt.answer_tokens,
        running_tokens=Tokens(),
        answer_tokens=Tokens(),
    )
    draft.put_attempt(ended)
    draft.settle = True
    _leave_worktree(draft, attempt.task)
    task = draft.tasks[attempt.task]
    # What a tier took that has failed is no part of what the next one takes, nor a review of what the work did.
    counts = reason != "escalated" and judging.is_of(task, attempt)
    task = draft.put_task(
        replace(
            task,
            spent_usd=task.spent_usd + (attempt.cost_usd or 0.0),
            tier_work=task.tier_work + work_of(attempt.used) * counts,
            tier_ms=task.tier_ms + attempt.ms_at(draft.now_ms) * counts,
        )
    )
    if attempt.state != "stopping":  # else its last turn has told before what it says of its account
        silence.ended(draft, ended, reason, detail)
    if reason not in ("cancelled", HOST_LOST) and not _is_of_the_host(attempt, reason):
        budgets.fault(draft, ended_well=bool(attempt.answers) or reason in BLAMELESS)
    if task.state == "running":
        _put_back(draft, task, ended)
    elif task.state in ("cancelled", "landed"):
        remove_worktree(draft, task.id)
    level: Level = "debug" if reason in _TOLD_BEFORE or not told else "warning"
    draft.note(
        level,
        "attempt.ended",
        f"worker ended: {reason}{': ' + detail if detail else ''}",
        attempt=ended,
        reason=reason,
        tokens=ended.used.total,
        cost_usd=ended.cost_usd,
    )


def _leave_worktree(draft: Draft, task_id: str) -> None:
    """One that its work has not been brought to is given up: the next attempt may be placed anywhere."""
    worktree = draft.put_worktree(replace(draft.worktrees[task_id], left_ms=draft.now_ms))
    if worktree.moves_from is not None and worktree.state != "removed":
        remove_worktree(draft, task_id)


def _is_of_the_host(attempt: Attempt, reason: str) -> bool:
    return reason in PATIENT or (reason == "cut" and not attempt.answers)


def _put_back(draft: Draft, task: Task, attempt: Attempt) -> None:
    reason = attempt.reason
    why = f"{reason}: {attempt.detail}" if attempt.detail else reason
    if task.budget_left_usd == 0.0:
        reason = "budget"
    if reason in _OF_THE_SESSION:
        _session_refused(draft, task, attempt, why)
        return
    if reason in FINAL:
        fail(draft, task, f"{FINAL[reason]} ({attempt.detail})" if attempt.detail else FINAL[reason])
        return
    blameless = reason in BLAMELESS
    of_the_host = _is_of_the_host(attempt, reason)
    host_faults = task.host_faults + of_the_host
    faults = task.faults + (not blameless and not of_the_host)
    if faults > task.faults and faults >= draft.before.settings.faults_max:
        fail(draft, task, f"{faults} workers in a row ended without an answer, the last one by {why}")
        return
    killed = task.killed + (reason == KILLED)
    if killed > task.killed and killed >= draft.before.settings.faults_max:
        fail(draft, replace(task, killed=0), _killed_itself(task, killed))
        return
    if reason == "no_session":
        task = sessions.without_session(task)
    elif faults > task.faults and not attempt.answers:
        task = sessions.unanswered(draft, task, attempt)
    pause = 0 if blameless else backoff_ms(draft, max(faults + host_faults, killed), task.id)
    draft.put_task(
        replace(
            task,
            state="queued",
            reason=why,
            faults=faults,
            host_faults=host_faults,
            killed=killed,
            not_before_ms=draft.now_ms + pause if pause else 0,
        )
    )


def _killed_itself(task: Task, killed: int) -> str:
    return (
        f"the supervisors of {killed} of its workers in a row were killed, and nothing else with them: its session may "
        f"do that itself. See what it ran (fleet task logs {task.id}), then: fleet task retry {task.id}"
    )


def _session_refused(draft: Draft, task: Task, attempt: Attempt, why: str) -> None:
    after = sessions.refused(draft, task, attempt)
    if after is None:
        if not sessions.may_renew(draft, task):
            told = FINAL.get(attempt.reason, "no account takes its session, nor a new one")
            fail(draft, sessions.without_session(task), f"{told} ({why})")
            return
        after = sessions.renewed(draft, task, why)
    pause = backoff_ms(draft, 1, task.id)
    draft.put_task(replace(after, state="queued", reason=why, not_before_ms=draft.now_ms + pause))


def end_judging(draft: Draft, task: Task) -> Task:
    """The task as its own session goes on; who judges it is stopped. The same where nobody does."""
    attempt = draft.attempts.get(task.attempt or "")
    if task.judging is not None and attempt is not None:
        stop(draft, attempt, "paused", how="ladder")
    return judging.restored(task)


def fail(draft: Draft, task: Task, reason: str) -> None:
    """It ends; verified work whose review cannot be had goes to a person instead."""
    if task.judging is not None:
        judging.to_review(draft, judging.restored(task), f"no model could review it ({reason})")
        return
    draft.put_task(replace(task, state="failed", reason=reason, ended_ms=draft.now_ms, not_before_ms=0))
    draft.note("error", "task.failed", f"failed: {reason}", task=task.id)


def backoff_ms(draft: Draft, faults: int, salt: str) -> int:
    """Doubles with each fault in a row, plus up to a quarter that differs from task to task. At most
    `backoff_max_ms`."""
    settings = draft.before.settings
    doublings = min(max(faults, 1) - 1, DOUBLINGS_MAX)
    pause = min(settings.backoff_first_ms << doublings, settings.backoff_max_ms * 4 // 5)
    return pause + pause * (crc32(f"{salt}{faults}".encode()) % JITTER_STEPS) // (4 * JITTER_STEPS)
