"""A person pauses tasks, projects, accounts or all work, and resumes them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from fleet.core.events import PERSON, PauseAsked, Paused
from fleet.core.model import Fleet, Pause
from fleet.errors import NotDone
from fleet.home import Home
from fleet.service.projects import project_name
from fleet.service.requests import submit
from fleet.shell.stamp import stamp
from fleet.spoken.times import UnknownTime, parse_when
from fleet.views.snapshot import snapshot


def pause(
    home: Home,
    what: Paused,
    said: Sequence[str],
    now: datetime,
    *,
    why: str = "",
    until: str | None = None,
    at_once: bool = False,
) -> dict[str, str]:
    """No worker is started for these, until the time that is named or until they are resumed; a worker at work ends
    with its turn, or `at_once`. What became of each, in words, by its name. Raises NotDone."""
    try:
        until_ms = None if until is None else parse_when(until, now)
    except UnknownTime as failed:
        raise NotDone(str(failed)) from failed
    names = _names(what, said)
    before = snapshot(home)
    given = Pause(PERSON, why.strip(), until_ms)
    submit(home, PauseAsked(**stamp(), what=what, names=names, pause=given, now=at_once))
    is_new = at_once or given != Pause(PERSON, "")
    return {
        name: _told(before, what, name, at_once)
        if is_new or not _is_paused(before, what, name)
        else "was paused already"
        for name in names or ("",)
    }


def resume(home: Home, what: Paused, said: Sequence[str]) -> dict[str, str]:
    """Raises NotDone."""
    names = _names(what, said)
    before = snapshot(home)
    submit(home, PauseAsked(**stamp(), what=what, names=names))
    return {
        name: "resumed" if _is_paused(before, what, name) else "was not paused" for name in names or ("",)
    }


def _names(what: Paused, said: Sequence[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(project_name(name) if what == "project" else name for name in said))


def _is_paused(fleet: Fleet, what: Paused, name: str) -> bool:
    if what == "task":
        return fleet.tasks[name].spec.paused is not None
    if what == "project":
        return name in fleet.projects and fleet.projects[name].paused is not None
    return fleet.accounts[name].paused if what == "account" else bool(fleet.policy.breaker)


def _told(before: Fleet, what: Paused, name: str, at_once: bool) -> str:
    workers = _workers(before, what, name)
    if not workers:
        return "paused"
    ending = (
        ("is being stopped", "are being stopped")
        if at_once
        else ("ends with its turn", "end with their turns")
    )
    return (
        f"paused (its worker {ending[0]})" if workers == 1 else f"paused (its {workers} workers {ending[1]})"
    )


def _workers(fleet: Fleet, what: Paused, name: str) -> int:
    """How many run of it."""
    return sum(
        name
        == {
            "task": attempt.task,
            "project": fleet.tasks[attempt.task].spec.project_name,
            "account": attempt.account,
            "all": "",
        }[what]
        for attempt in fleet.attempts.values()
    )
