"""`fleet clean`: what is old goes, by the home's own rule or another one, beside a coordinator and without one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from fleet.home import Home
from fleet.service.requests import submit
from fleet.shell import cleaning
from fleet.shell.cells import find_rooms
from fleet.shell.cleaning import Found, Part, Rule
from fleet.views.snapshot import snapshot
from workers.sandbox.confined import all_confined
from workers.sandbox.rooms import Rooms


def rule(home: Home, parts: frozenset[Part], older_than_ms: int | None) -> Rule:
    """The home's, but for what is said otherwise. Raises NotDone."""
    found = cleaning.read_rule(home)
    return replace(
        found,
        parts=parts or found.parts,
        older_than_ms=found.older_than_ms if older_than_ms is None else older_than_ms,
    )


def clean(home: Home, by: Rule, environ: Mapping[str, str], *, dry_run: bool = False) -> Found:
    """What went, or would; what could not be removed is among what was kept. Raises NotDone."""
    fleet = snapshot(home)
    found = cleaning.look(home, fleet, by, fleet.now_ms)
    if dry_run or not fleet.home_id:
        return found
    prune, *forget = cleaning.events_of(found, by, fleet.now_ms)
    submit(home, prune)  # before all else: whoever may not command the fleet removes nothing of it either
    # Workers have written in these repositories: git is run as the coordinator runs it.
    rooms = find_rooms(home, environ) if found.branches else None
    with all_confined(rooms if isinstance(rooms, Rooms) else None):
        for why in cleaning.sweep(found):
            found.kept["it could not be removed"].append(why)
    for event in forget:
        submit(home, event)
    return found
