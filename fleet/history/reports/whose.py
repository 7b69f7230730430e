"""Whose each window was: what a person used of it, what each task of the fleet used, what expired.

What was used is what its last reading says, with what came after it by the rate that `burn` goes by. It is shared out
by the work (work units) that the ledger knows of. Used where no transcript was read, such as in a browser or on another
machine, cannot be told apart: where the ledger knows of no work at all, all of it was used elsewhere.
"""

from __future__ import annotations

import json
from dataclasses import dataclass

from fleet.history.reports.burn import course, share_of_work
from fleet.history.reports.readings import LENGTHS_MS, WHOLE, Reading, Window, windows
from fleet.history.reports.statements import ask

TYPE_CHECKING = False
if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Mapping


@dataclass(frozen=True, slots=True)
class Whose:
    """One window that is over, in shares of it: `own`, by `tasks`, `elsewhere`, and `expired`; None where nothing tells
    how much was used after its last reading."""

    account: str
    bucket: str
    begins_ms: int
    resets_ms: int
    own: float | None
    tasks: Mapping[str, float]
    elsewhere: float | None
    expired: float | None


def shared_out(
    connection: sqlite3.Connection, every: Iterable[Reading], since_ms: int, until_ms: int
) -> list[Whose]:
    """The windows of five hours and of the week whose reset lies in the time, in its order."""
    known: dict[tuple[str, str], list[Window]] = {}
    for window in windows(one for one in every if one.bucket in WHOLE):
        known.setdefault((window.account, window.bucket), []).append(window)
    found = []
    for (account, _), of_bucket in sorted(known.items()):
        used = course(connection, account)
        rate = share_of_work(used, of_bucket)
        for window in of_bucket:
            if since_ms <= window.resets_ms < until_ms:
                after = used.between(window.last.at_ms, window.resets_ms)
                more = 0.0 if after <= 0.0 else None if rate is None else rate * after
                found.append((window, None if more is None else min(1.0, window.last.utilization + more)))
    work = _work(connection, [window for window, _ in found])
    shared = [_whose(window, used, work.get(place, {})) for place, (window, used) in enumerate(found)]
    return sorted(shared, key=lambda one: (one.resets_ms, one.account, one.bucket))


def _begin_of(window: Window) -> int:
    return window.resets_ms - LENGTHS_MS[window.bucket]


def _work(connection: sqlite3.Connection, of: list[Window]) -> dict[int, dict[str, float]]:
    """Work units by task ('' a person's own) of each window, by its place."""
    spans = json.dumps([(window.account, _begin_of(window), window.resets_ms) for window in of])
    found: dict[int, dict[str, float]] = {}
    for place, task, amount in ask(connection, "work_of_spans", {"spans": spans}):
        found.setdefault(place, {})[task] = amount
    return found


def _whose(window: Window, used: float | None, work: Mapping[str, float]) -> Whose:
    begins_ms, total = _begin_of(window), sum(work.values())
    names = (window.account, window.bucket, begins_ms, window.resets_ms)
    if used is None:
        return Whose(*names, None, {}, None, None)
    if total <= 0.0:
        return Whose(*names, 0.0, {}, used, 1.0 - used)
    shares = {task: used * amount / total for task, amount in sorted(work.items())}
    return Whose(*names, shares.pop("", 0.0), shares, 0.0, 1.0 - used)
