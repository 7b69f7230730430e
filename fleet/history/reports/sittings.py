"""When a person sat down with an account: what it could give then, and whether they met a limit.

A sitting is a spell of a person's own answers on one account without a pause of an hour. Whoever is refused before any
answer sat down, too: a refusal while the fleet ran nothing on the account was theirs.

What a window could give when the sitting began is known from the reading before, with what was used since by the rate
that `burn` goes by; or from one of the first minutes, which can only be less. A window that was over, and after which
nothing was used, was whole. Everything else is unknown.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from itertools import groupby

from fleet.history.reports.burn import Course, course, share_of_work
from fleet.history.reports.choice import QUARTER_MS, Choice
from fleet.history.reports.readings import WHOLE, Reading, Window, windows
from fleet.history.reports.statements import ask

TYPE_CHECKING = False
if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Iterator, Sequence

PAUSE_MS = 3_600_000
"""After so long without an answer the next one begins another sitting."""

FIRST_MS = 15 * 60_000
"""A reading so soon after the begin tells of it, where none before does."""

HEADROOM_MIN = 0.1
"""Of every window: with less, a sitting did not begin with headroom."""


@dataclass(frozen=True, slots=True)
class Sitting:
    """`left` is what each window could give at the begin (0–1), None where that is unknown; `limits` are the windows
    that refused while it lasted. `answers` is 0 where every word was refused."""

    account: str
    begins_ms: int
    ends_ms: int
    answers: int
    left: dict[str, float | None]
    limits: tuple[str, ...]

    @property
    def began_with_headroom(self) -> bool | None:
        """None where no window is known to have been short, and one is unknown, or none was ever read."""
        known = [left for left in self.left.values() if left is not None]
        if any(left < HEADROOM_MIN for left in known):
            return False
        return True if known and len(known) == len(self.left) else None

    @property
    def unknown(self) -> str:
        """Why it is unknown whether it began with headroom; empty where it is known."""
        if self.began_with_headroom is not None:
            return ""
        names = " and ".join(name for name, left in self.left.items() if left is None)
        return (
            f"no reading tells what {names} had left" if names else "no window of the account was ever read"
        )


def sittings(connection: sqlite3.Connection, choice: Choice, every: Sequence[Reading]) -> list[Sitting]:
    """Those that began in the chosen time, in its order. `every`: all readings there are, of whatever time."""
    parameters = choice.parameters(connection)
    times = {"since_ms": parameters["since"] * QUARTER_MS, "until_ms": parameters["until"] * QUARTER_MS}
    earlier = {**parameters, **times, "since_ms": times["since_ms"] - PAUSE_MS}
    answers = [(account, at_ms, "") for account, at_ms in ask(connection, "own_answers", earlier)]
    refused = [
        (account, at_ms, bucket)
        for account, bucket, at_ms, running in ask(connection, "refusals", earlier)
        if not running or _is_near(answers, account, at_ms)
    ]
    known: dict[str, list[Window]] = {}
    for window in windows(one for one in every if one.bucket in WHOLE):
        known.setdefault(window.account, []).append(window)
    found = []
    for account, events in groupby(sorted(answers + refused), key=lambda event: event[0]):
        used = course(connection, account)
        for spell in _spells(events):
            if spell[0][1] >= times["since_ms"]:
                found.append(_sitting(account, spell, used, known.get(account, [])))
    return sorted(found, key=lambda one: (one.begins_ms, one.account))


Event = tuple[str, int, str]
"""Account, time, and the window that refused; '' for an answer."""


def _is_near(answers: Sequence[Event], account: str, at_ms: int) -> bool:
    """Whether the person had an answer of the account within the pause before, so that they met it themselves."""
    place = bisect_right(answers, (account, at_ms, ""))
    return place > 0 and answers[place - 1][0] == account and at_ms - answers[place - 1][1] < PAUSE_MS


def _spells(events: Iterable[Event]) -> Iterator[list[Event]]:
    spell: list[Event] = []
    for event in events:
        if spell and event[1] - spell[-1][1] >= PAUSE_MS:
            yield spell
            spell = []
        spell.append(event)
    if spell:
        yield spell


def _sitting(account: str, spell: Sequence[Event], used: Course, known: Sequence[Window]) -> Sitting:
    begins_ms = spell[0][1]
    of_bucket: dict[str, list[Window]] = {}
    for window in known:
        of_bucket.setdefault(window.bucket, []).append(window)
    return Sitting(
        account,
        begins_ms,
        spell[-1][1],
        sum(not bucket for _, _, bucket in spell),
        {bucket: _left(used, of, begins_ms) for bucket, of in sorted(of_bucket.items())},
        tuple(sorted({bucket for _, _, bucket in spell if bucket})),
    )


def _left(used: Course, known: Sequence[Window], at_ms: int) -> float | None:
    """What the bucket could give at that time."""
    before = [window for window in known if window.readings[0].at_ms <= at_ms]
    if before and at_ms < before[-1].resets_ms:
        read = [one for one in before[-1].readings if one.at_ms <= at_ms][-1]
        since = used.between(read.at_ms, at_ms)
        rate = share_of_work(used, known) if since > 0.0 else 0.0
        if rate is not None:
            return max(0.0, 1.0 - read.utilization - rate * since)
    elif before and used.between(before[-1].resets_ms, at_ms) <= 0.0:
        return 1.0
    soon = (one for window in known for one in window.readings if at_ms < one.at_ms <= at_ms + FIRST_MS)
    first = min(soon, key=lambda one: one.at_ms, default=None)
    return None if first is None else max(0.0, 1.0 - first.utilization)
