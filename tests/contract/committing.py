"""A process that commits as fast as it can, each commit numbered in all places, and says so after each.

Run as `python -m tests.contract.committing HOME`. It goes on from the number it finds.
"""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

from fleet.core.decisions import LookAtHeld
from fleet.core.model import Fleet
from fleet.ports import Change
from fleet.store.sqlite import SqliteStore
from tests.contract.full_fleet import ATTEMPT, full_fleet, note


def numbered(before: Fleet, number: int) -> Change:
    """A change that writes the number into tasks, attempts (living and ended), hosts, meta, outbox and journal."""
    task = replace(before.tasks["t2"], reason=str(number), attempts=number)
    host = replace(before.hosts["local"], observed_ms=number)
    attempt = replace(ATTEMPT, id=f"t2.{number}", number=number, offset=number)
    after = replace(
        before,
        tasks={**before.tasks, "t2": task},
        hosts={"local": host},
        attempts={attempt.id: attempt},
        decisions_made=number,
    )
    ended = [replace(old, state="ended", ended_ms=number) for old in before.attempts.values()]
    return Change(
        before,
        after,
        ended=ended,
        decided=[LookAtHeld(id=f"d{number}", cause="e", task="t2")],
        done=[f"d{number - 1}"],
        notes=[(number, note(str(number)))],
    )


def main() -> None:
    store = SqliteStore(Path(sys.argv[1]) / "fleet.db")
    fleet = store.load().fleet
    if not fleet.tasks:
        filled = replace(full_fleet(fleet.home_id), attempts={}, decisions_made=0)
        store.commit(Change(fleet, filled))
        fleet = filled
    while True:
        number = fleet.decisions_made + 1
        store.commit(numbered(fleet, number))
        fleet = numbered(fleet, number).after
        print(number, flush=True)


if __name__ == "__main__":
    main()
