"""Runs of attempts that have ended, or that no fleet knows: what still lives of them is stopped, then swept.

There should be none. But a coordinator may have been killed, an error may have come late, a database may have been put
back from a backup; and a worker that is nobody's writes beside the one that is somebody's, and uses up its account.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Iterator
from contextlib import suppress

from fleet.core.model import HERE, Fleet
from fleet.shell import places
from workers import children, processes
from workers.host import LocalHost, RunHeld
from workers.orders import Stop
from workers.runs import Runs

STOP_PATIENCE_S = 30.0
LOOK_AGAIN_S = 0.1


def living(runs: Runs, strays: Collection[str]) -> list[str]:
    """Those of `strays` that a supervisor holds. The others will never be begun, however late theirs comes to life."""
    begun = {attempt for attempt in strays if not runs.abandon(attempt)}
    return sorted(begun & runs.living()) if begun else []


def stop(runs: Runs, attempts: Collection[str], why: str) -> None:
    """Tells them all to stop, waits until they have ended, and ends what they left. Raises RunHeld for one that does
    not end, ProcessesRemain, OSError."""
    for attempt in attempts:
        runs.order(attempt, Stop("given-up", why, quick=True))
    give_up_at = time.monotonic() + STOP_PATIENCE_S
    for attempt in attempts:
        while runs.alive(attempt):
            if time.monotonic() > give_up_at:
                raise RunHeld(f"{attempt}, which was given up, does not end when it is told to stop")
            time.sleep(LOOK_AGAIN_S)
        runs.sweep(attempt)


def end_here(runs: LocalHost, fleet: Fleet) -> Iterator[str]:
    """Ends what strays on this machine while no coordinator begins anything; gives a sentence for each worker that was
    ended, when it was. Raises as `stop` does: then the rest is still there.

    Also what has no supervisor: the git of a coordinator that has ended, the setup commands of its starts, and its
    verifications. The next one runs them anew, for the decisions are still to be performed.
    """
    for attempt in living(runs, runs.there() - fleet.attempts.keys()):
        stop(runs, [attempt], "its attempt has ended")
        yield f"{attempt} was still running, though it counts as ended: it was stopped"
    for marker in sorted(processes.markers(f"@{runs.home_id}")):
        name = marker.rpartition("@")[0]
        if _begins_here(fleet, name):
            with suppress(RunHeld):  # it has come to life: the next coordinator adopts it
                runs.sweep(name)
        elif places.is_git_marker(name) or _is_check_here(fleet, name):
            processes.sweep(marker, spool_path=None)


def left_here(runs: LocalHost, fleet: Fleet) -> dict[int, str]:
    """What `end_here` would end, and could not: a line for each process, by its number."""
    found: dict[int, str] = {}
    for marker in sorted(processes.markers(f"@{runs.home_id}")):
        name = marker.rpartition("@")[0]
        begins = _begins_here(fleet, name) and not runs.alive(name)
        if begins or places.is_git_marker(name) or _is_check_here(fleet, name):
            found |= {pid: children.command_line(pid) for pid in sorted(processes.find(marker))}
    return found


def _begins_here(fleet: Fleet, name: str) -> bool:
    attempt = fleet.attempts.get(name)
    return attempt is not None and attempt.host == HERE and not attempt.began


def _is_check_here(fleet: Fleet, name: str) -> bool:
    """Another host may be this very machine, reached by ssh: what runs there is for its keeper."""
    task = fleet.tasks.get(name.removeprefix(places.CHECK))
    if not name.startswith(places.CHECK) or task is None:
        return False
    worktree = fleet.worktrees.get(task.id)
    return worktree is None or worktree.host == HERE or task.state == "landing"
