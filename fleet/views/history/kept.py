"""What the fleet keeps for its person on real life: whether capacity was there when they sat down, what landed
meanwhile, and whose the windows were that are paid for. From the ledger, and from what the fleet's own store knows of
its tasks. Light: see `fleet.views.light.state`.
"""

from __future__ import annotations

import time
from collections import Counter

from fleet.history.reports.blocks import blocks
from fleet.history.reports.choice import QUARTER_MS, Choice
from fleet.history.reports.readings import readings
from fleet.history.reports.sittings import Sitting, sittings
from fleet.history.reports.spans import spans
from fleet.history.reports.whose import Whose, shared_out
from fleet.moments import iso
from fleet.store.sqlite_reader import SqliteReader
from fleet.views.history.reporting import ledger

TYPE_CHECKING = False
if TYPE_CHECKING:
    import os
    import sqlite3
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import tzinfo

    from fleet.history.reports.blocks import Block
    from fleet.views.light.records import Record

    Ended = tuple[str, int | None]
    """A task's state, and when it ended."""

FIVE_HOUR = "five_hour"
WEEKS_MS = 28 * 86_400_000
"""So far back it looks unless told otherwise."""

WEEK_KEYS = (
    "week",
    "sittings",
    "with_headroom",
    "headroom_unknown",
    "met_a_limit",
    "windows",
    "windows_unknown",
    "useful",
    "own",
    "other",
    "elsewhere",
    "expired",
    "landed",
    "landed_per_window",
)
SHARES = ("useful", "own", "other", "elsewhere", "expired")


def kept(home: str | os.PathLike[str], choice: Choice, zone: tzinfo | None) -> Record:
    """As `kept_of`, of the last four weeks unless told otherwise. Raises LedgerUnreadable, StoreUnreadable."""
    now_ms = time.time_ns() // 1_000_000
    until_ms = min(choice.until_ms or now_ms, now_ms)
    since_ms = until_ms - WEEKS_MS if choice.since_ms is None else choice.since_ms
    chosen = Choice(since_ms=since_ms, until_ms=until_ms, account=choice.account)
    with SqliteReader(home) as reader:
        tasks = {body["id"]: (body["state"], body.get("ended_ms")) for body in reader.tasks()}
    with ledger(home) as connection:
        return kept_of(connection, tasks, chosen, zone, now_ms)


def kept_of(
    connection: sqlite3.Connection,
    tasks: Mapping[str, Ended],
    choice: Choice,
    zone: tzinfo | None,
    now_ms: int,
) -> Record:
    """`sittings`, `windows`, and both by `weeks` (of `zone`), with what is `unknown` in sentences. The choice has a
    begin and an end."""
    since_ms, until_ms = choice.since_ms or 0, choice.until_ms or now_ms
    every = readings(connection, choice)
    sat = sittings(connection, choice, every)
    over = shared_out(connection, every, since_ms, until_ms)
    unread = _unread(blocks(connection, choice, now_ms), over)
    landed = sorted(ended for state, ended in tasks.values() if state == "landed" and ended is not None)
    windows = [_window(one, tasks) for one in over]
    return {
        "since": iso(since_ms),
        "until": iso(until_ms),
        "sittings": [_sitting(one, landed) for one in sat],
        "windows": windows,
        "weeks": _weeks(sat, list(zip(over, windows, strict=True)), landed, (since_ms, until_ms), zone),
        "unknown": _unknown(sat, over, unread, tasks),
    }


def _unread(found: Iterable[Block], over: Iterable[Whose]) -> int:
    """How many five-hour blocks lie in no window that was read."""
    read = [(one.account, one.begins_ms, one.resets_ms) for one in over if one.bucket == FIVE_HOUR]
    return sum(
        not block.active
        and not any(
            account == block.account and begins < block.ends_ms and block.begins_ms < ends
            for account, begins, ends in read
        )
        for block in found
    )


def _sitting(one: Sitting, landed: Sequence[int]) -> Record:
    return {
        "account": one.account,
        "begins_at": iso(one.begins_ms),
        "ends_at": iso(one.ends_ms),
        "answers": one.answers,
        "left": one.left,
        "began_with_headroom": one.began_with_headroom,
        "met_a_limit": bool(one.limits),
        "limits": list(one.limits),
        "landed_meanwhile": sum(one.begins_ms <= at <= one.ends_ms for at in landed),
        "unknown": one.unknown,
    }


def _window(one: Whose, tasks: Mapping[str, Ended]) -> Record:
    """`useful` is the share of tasks that landed, `other` that of all others of the fleet."""
    useful = other = None
    if one.own is not None:
        states = {task: tasks.get(task, ("", None))[0] for task in one.tasks}
        useful = sum(share for task, share in one.tasks.items() if states[task] == "landed")
        other = sum(one.tasks.values()) - useful
    return {
        "account": one.account,
        "bucket": one.bucket,
        "begins_at": iso(one.begins_ms),
        "reset_at": iso(one.resets_ms),
        "useful": useful,
        "own": one.own,
        "other": other,
        "elsewhere": one.elsewhere,
        "expired": one.expired,
    }


# --- by week --------------------------------------------------------------------------------------------


def _weeks(
    sat: Sequence[Sitting],
    over: Sequence[tuple[Whose, Record]],
    landed: Sequence[int],
    between: tuple[int, int],
    zone: tzinfo | None,
) -> list[Record]:
    """The shares are means over the five-hour windows of the week that are known."""
    since_ms, until_ms = between
    every = spans("week", since_ms // QUARTER_MS, (until_ms - 1) // QUARTER_MS, zone)
    return [
        _week(
            key,
            [one for one in sat if begin <= one.begins_ms // QUARTER_MS < end],
            [
                shares
                for one, shares in over
                if one.bucket == FIVE_HOUR and begin <= one.resets_ms // QUARTER_MS < end
            ],
            sum(begin <= at // QUARTER_MS < end and since_ms <= at < until_ms for at in landed),
        )
        for key, begin, end in every
    ]


def _week(key: str, sat: Sequence[Sitting], windows: Sequence[Record], landed: int) -> Record:
    headroom = Counter(one.began_with_headroom for one in sat)
    known = [one for one in windows if one["own"] is not None]
    means = {name: sum(one[name] for one in known) / len(known) if known else None for name in SHARES}
    return {
        "week": key,
        "sittings": len(sat),
        "with_headroom": headroom[True],
        "headroom_unknown": headroom[None],
        "met_a_limit": sum(bool(one.limits) for one in sat),
        "windows": len(windows),
        "windows_unknown": len(windows) - len(known),
        **means,
        "landed": landed,
        "landed_per_window": landed / len(windows) if windows else None,
    }


# --- what is not known ----------------------------------------------------------------------------------


def _unknown(
    sat: Sequence[Sitting], over: Sequence[Whose], unread: int, tasks: Mapping[str, object]
) -> list[str]:
    """What is not known, and why, in sentences."""
    found = []
    dark = sum(one.began_with_headroom is None for one in sat)
    if dark:
        found.append(
            f"whether {dark} of {len(sat)} sittings began with headroom: no reading tells it. `fleet statusline` in "
            "the client reads the windows while you work (docs/history.md)"
        )
    if unread:
        found.append(f"whose {unread} five-hour windows were in which something was used: nobody read them")
    blind = sum(one.own is None for one in over)
    if blind:
        found.append(
            f"how full {blind} of {len(over)} windows became: work came after their last reading, and their readings "
            "rose too little to tell what it took"
        )
    strange = {task for one in over for task in one.tasks} - {*tasks}
    if strange:
        found.append(f"what became of {len(strange)} tasks: this home's store does not know them")
    if over:
        found.append(
            "what was used where no transcript was read, such as in a browser or on another machine: it is shared out "
            "among what was read"
        )
    return found
