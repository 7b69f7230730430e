"""A person pauses tasks, projects, accounts or all work, and resumes them; what was paused until a time goes on then.

No turn is lost: a worker at work ends with its turn, and what it has finished is verified and goes its way. Only what
would take another turn waits (`attempts.takes_no_turn`). All work is paused by the circuit breaker, whoever opens it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from fleet.core.draft import Draft
from fleet.core.events import PauseAsked, Paused
from fleet.core.model import Attempt, Pause, Task
from fleet.core.model.maps import among
from fleet.core.model.policy import Policy, Project
from fleet.core.rules.attempts import stop
from fleet.core.rules.tasks import Refused, known, refuse_unprintable

BY_ITSELF = "resumed: the time that was named has come"
ALL = "paused by a person"
"""Why nothing starts, where a person has given no reason."""


def pause_asked(draft: Draft, event: PauseAsked) -> None:
    """Raises Refused. What is so already is no news."""
    if event.pause is not None:
        refuse_unprintable("reason", event.pause.why)
        if event.pause.until_ms is not None and event.pause.until_ms <= draft.now_ms:
            raise Refused("the time until which it is to be paused is past: name one to come")
    told = "resumed" if event.pause is None else event.pause.in_words
    for name in event.names or ("",):
        _RULES[event.what](draft, name, event.pause, told)
    if event.now and event.pause is not None:
        _stop_workers(draft, event)
    draft.settle = True


def _task(draft: Draft, name: str, pause: Pause | None, told: str) -> None:
    task = known(draft.tasks, name)
    if task.state == "landed":
        raise Refused(f"{name} has landed: there is nothing to pause")
    pause = _again(task.spec.paused, pause)
    if task.spec.paused != pause:
        spec = replace(task.spec, paused=pause)
        draft.put_task(replace(task, spec=spec, revisions=task.revisions + 1))
        by, until_ms = (None, None) if pause is None else (pause.by, pause.until_ms)
        draft.note(
            "info",
            "task.resumed" if pause is None else "task.paused",
            told,
            task=name,
            by=by,
            until_at_ms=until_ms,
        )


def _project(draft: Draft, name: str, pause: Pause | None, told: str) -> None:
    known_as = {task.spec.project_name for task in draft.tasks.values()}
    if name not in draft.projects and name not in known_as:
        raise Refused(f"there is no project {name}: see `fleet project list`")
    project = draft.projects.get(name, Project(name))
    pause = _again(project.paused, pause)
    if project.paused != pause:
        draft.put("projects", name, replace(project, paused=pause))
        until_ms = None if pause is None else pause.until_ms
        draft.note(
            "info",
            "project.resumed" if pause is None else "project.paused",
            f"project {name}: {told}",
            project=name,
            until_at_ms=until_ms,
        )


def _account(draft: Draft, name: str, pause: Pause | None, told: str) -> None:
    account = draft.accounts.get(name)
    if account is None or account.state == "removed":
        raise Refused(f"there is no account {name}: see `fleet account list`")
    if account.paused and pause is not None and _says_nothing(pause):
        return
    why, until_ms = ("", None) if pause is None else (pause.why, pause.until_ms)
    paused = replace(account, paused=pause is not None, paused_why=why, paused_until_ms=until_ms)
    if paused != account:
        draft.put_account(paused)
        draft.note(
            "info",
            "account.resumed" if pause is None else "account.paused",
            told,
            account=name,
            until_at_ms=until_ms,
        )


def _all(draft: Draft, _: str, pause: Pause | None, told: str) -> None:
    policy: Policy = draft.value("policy")
    if policy.breaker and pause is not None and _says_nothing(pause):
        return
    if pause is None:
        changed = replace(policy, breaker="", breaker_until_ms=None, faults=0)
    else:
        changed = replace(policy, breaker=pause.why or ALL, breaker_until_ms=pause.until_ms)
    if changed != policy:
        draft.put_policy(changed)
        draft.note(
            "info",
            "fleet.resumed" if pause is None else "fleet.paused",
            f"all work: {told}",
            until_at_ms=changed.breaker_until_ms,
        )


_RULES: Mapping[Paused, Callable[[Draft, str, Pause | None, str], None]] = {
    "task": _task,
    "project": _project,
    "account": _account,
    "all": _all,
}


def _again(before: Pause | None, pause: Pause | None) -> Pause | None:
    """Who pauses what is paused, and says nothing more, leaves it as it is."""
    return before if before is not None and pause is not None and _says_nothing(pause) else pause


def _says_nothing(pause: Pause) -> bool:
    return not pause.why and pause.until_ms is None


def _stop_workers(draft: Draft, event: PauseAsked) -> None:
    for attempt in list(draft.attempts.values()):
        of = {
            "task": attempt.task,
            "project": draft.tasks[attempt.task].spec.project_name,
            "account": attempt.account,
        }
        if event.what == "all" or of[event.what] in event.names:
            _stop(draft, attempt)


def _stop(draft: Draft, attempt: Attempt) -> None:
    """Not one whose work is being verified: that is done by no worker, and it has ended its turn."""
    if draft.tasks[attempt.task].state == "running":
        stop(draft, attempt, "paused", how="ladder")


def resume_due(draft: Draft) -> None:
    """On a beat: what was paused until now, or until before, goes on."""
    paused = [draft.tasks[name] for name in among(draft.tasks, _paused_for_a_time)]
    for task in sorted(paused, key=lambda task: task.number):
        if task.state != "landed" and _is_over(draft, task.spec.paused):
            _task(draft, task.id, None, BY_ITSELF)
    for project in draft.projects.values():
        if _is_over(draft, project.paused):
            _project(draft, project.name, None, BY_ITSELF)
    for account in draft.accounts.values():
        if account.paused and (account.paused_until_ms or draft.now_ms + 1) <= draft.now_ms:
            _account(draft, account.name, None, BY_ITSELF)
    policy: Policy = draft.value("policy")
    if policy.breaker and (policy.breaker_until_ms or draft.now_ms + 1) <= draft.now_ms:
        _all(draft, "", None, BY_ITSELF)


def _paused_for_a_time(tasks: Mapping[str, Task]) -> list[str]:
    return [
        name for name, task in tasks.items() if task.spec.paused and task.spec.paused.until_ms is not None
    ]


def _is_over(draft: Draft, pause: Pause | None) -> bool:
    return pause is not None and pause.until_ms is not None and pause.until_ms <= draft.now_ms
