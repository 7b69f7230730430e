"""Which tasks a person means: by their ids, or by what they have in common.

Light: completion of the command line starts with it.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

STATES = (
    *("waiting", "queued", "paused", "running", "checking", "review", "landing", "held"),
    *("landed", "on-branch", "failed", "cancelled"),
)
"""The states of a task (`lifecycles.TASK`, held to it by a test), and two parts of them: `paused` is queued and stopped
by somebody, `on-branch` is landed and merged nowhere."""

ORDERS = ("added", "priority", "state", "title", "project", "deadline")

RANGE = ".."
RANGE_MAX = 1_000_000
"""More ids than this are a typing error, not a range."""


class Choice(NamedTuple):
    """What the tasks have in common, all of it; what is None or empty is not asked for."""

    states: tuple[str, ...] = ()
    project: str | None = None
    """As `TaskSpec.project_name` has it."""
    account: str | None = None
    """That its last worker ran on."""
    label: str | None = None
    added_before_ms: int | None = None
    text: str | None = None
    """In its title or prompt, whatever the letters' case."""


ALL = Choice()


def state_word(state: str, land: str, *, paused: bool) -> str:
    """The one word for where a task is, wherever a person reads it."""
    if state == "landed" and land == "branch":
        return "on branch"
    return "paused" if state == "queued" and paused else state


def shown_word(state: str) -> str:
    """How one of `STATES` is read."""
    return state.replace("-", " ")


class UnknownIds(ValueError):
    """The words are no range of ids."""


def one_id(word: str) -> str:
    """`t7` also for `7` and `T7`; any other word stays, so that whoever looks for it says that there is none."""
    number = word[1:] if word[:1] in ("t", "T") else word
    return f"t{int(number)}" if number.isascii() and number.isdigit() and len(number) < 10 else word


def ids_of(words: Iterable[str], there: Iterable[str]) -> tuple[str, ...]:
    """The ids in the order in which they were said, each once. Of a range those that are `there`, which is not looked
    into without one. Raises UnknownIds."""
    found: dict[str, None] = {}
    for word in words:
        if RANGE in word:
            first, last = _ends(word)
            found |= dict.fromkeys(t for t in there if t[1:].isdigit() and first <= int(t[1:]) <= last)
        else:
            found[one_id(word)] = None
    return tuple(found)


def _ends(word: str) -> tuple[int, int]:
    ends = [one_id(end) for end in word.split(RANGE)]
    if len(ends) != 2 or not all(end[:1] == "t" and end[1:].isdigit() for end in ends):
        raise UnknownIds(f"{word!r} is no range of tasks: write t3..t9")
    first, last = (int(end[1:]) for end in ends)
    if not first <= last <= first + RANGE_MAX:
        raise UnknownIds(f"{word!r} is no range of tasks: it must go from a lower number to a higher one")
    return first, last
