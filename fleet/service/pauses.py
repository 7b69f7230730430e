"""A person pauses tasks, projects, accounts or all work, and resumes them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime

from fleet.core.events import PERSON, PauseAsked, Paused
from fleet.core.model import Fleet, Pause
from fleet.errors import NotDone
from fleet.home import Home
from fleet.service.projects import project_name
from fleet.service.requests import submit_each
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
) -> dict[str, str | NotDone]:
    """No worker is started for these, until the time that is named or until they are resumed; a worker at work ends
    with its turn, or `at_once`. What became of each, in words, by its name. Raises NotDone when the words themselves
    are wrong."""
    try:
        until_ms = None if until is None else parse_when(until, now)
    except UnknownTime as failed:
        raise NotDone(str(failed)) from failed
    before = snapshot(home)
    given = Pause(PERSON, why.strip(), until_ms)
    is_new = at_once or given != Pause(PERSON, "")

    def told(name: str) -> str:
        if is_new or not _is_paused(before, what, name):
            return _told(before, what, name, at_once)
        return "was paused already"

    return _each(home, what, said, given, told, at_once=at_once)


def resume(home: Home, what: Paused, said: Sequence[str]) -> dict[str, str | NotDone]:
    """What became of each. Raises NotDone when the words themselves are wrong."""
    before = snapshot(home)
    return _each(
        home,
        what,
        said,
        None,
        lambda name: "resumed" if _is_paused(before, what, name) else "was not paused",
    )


def _each(
    home: Home,
    what: Paused,
    said: Sequence[str],
    given: Pause | None,
    told: Callable[[str], str],
    *,
    at_once: bool = False,
) -> dict[str, str | NotDone]:
    names = _names(what, said)
    asked = [
        PauseAsked(**stamp(), what=what, names=(name,) if name else (), pause=given, now=at_once)
        for name in names
    ]
    return {
        name: came if isinstance(came, NotDone) else told(name)
        for name, came in zip(names, submit_each(home, asked), strict=True)
    }


def _names(what: Paused, said: Sequence[str]) -> tuple[str, ...]:
    if what == "all":
        return ("",)
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
