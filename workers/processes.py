"""Processes that a run left behind, found by the marker in their environment and ended."""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import time
from collections.abc import Iterable
from pathlib import Path

from workers.spool import parse
from workers.supervisor import MARKER, carries, descendants, environment_of, process_table

TERMINATE_GRACE_S = 1.0
KILL_PATIENCE_S = 10.0


class ProcessesRemain(Exception):
    """Processes of a run that would not end, or may not be ended by this user."""


def sweep(run_marker: str, *, spool_path: Path | None) -> tuple[int, ...]:
    """End every process of the run whose FLEET_RUN is `run_marker`: SIGTERM, a second later SIGKILL.

    Returns the pids that were ended, in ascending order. Where there is no /proc, the process group of the
    spool's `started` record is ended instead, if there is a spool. Only for runs without a supervisor.
    Raises ProcessesRemain.
    """
    if not Path("/proc/self/environ").exists():
        return _end_group(started_group(spool_path) if spool_path else None)
    ended: set[int] = set()
    give_up_at = time.monotonic() + TERMINATE_GRACE_S + KILL_PATIENCE_S
    while found := find(run_marker):
        if time.monotonic() > give_up_at:
            raise ProcessesRemain(
                f"processes {sorted(found)} of run {run_marker} are still there after SIGKILL. "
                "They wait for a device or belong to another user; end them by hand."
            )
        _end(found, run_marker)
        ended |= found
    return tuple(sorted(ended))


def find(run_marker: str) -> set[int]:
    """Living processes that carry this exact FLEET_RUN, and their descendants. Never this process."""
    marker = f"{MARKER}={run_marker}".encode()
    table = process_table()
    carriers = {pid for pid in table if carries(pid, marker)}
    family = carriers.union(*(descendants(table, pid) for pid in carriers))
    return {pid for pid in family if not table[pid].ended} - {os.getpid()}


def markers(ending: str) -> set[str]:
    """Each FLEET_RUN that ends so and that living processes carry, but for the one that this process carries itself:
    whoever was started by a worker may not end that one. Empty where there is no /proc."""
    begin, found = f"{MARKER}=".encode(), set()
    for pid, row in process_table().items():
        if not row.ended:
            carried = (entry for entry in environment_of(pid) if entry.startswith(begin))
            found |= {os.fsdecode(entry[len(begin) :]) for entry in carried}
    return {marker for marker in found if marker.endswith(ending)} - {os.environ.get(MARKER, "")}


def _end(pids: Iterable[int], run_marker: str) -> None:
    """SIGTERM, and SIGKILL after the grace."""
    if not _has_handles():
        _end_by_number(set(pids), run_marker)
        return
    with contextlib.ExitStack() as handles:
        open_handles = {}
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                handle = os.pidfd_open(pid)
                handles.callback(os.close, handle)
                open_handles[pid] = handle
        still = find(run_marker)
        living = {handle for pid, handle in open_handles.items() if pid in still}
        _signal(living, signal.SIGTERM)
        living = _wait(living, TERMINATE_GRACE_S)
        _signal(living, signal.SIGKILL)
        _wait(living, TERMINATE_GRACE_S)


def _has_handles() -> bool:
    """Handles can't hit a pid's next owner, but a kernel before 5.3 has none, nor has a Python built for such a one."""
    try:
        os.close(os.pidfd_open(os.getpid()))
    except (AttributeError, OSError):
        return False
    return True


def _end_by_number(pids: set[int], run_marker: str) -> None:
    for number in (signal.SIGTERM, signal.SIGKILL):
        for pid in pids & find(run_marker):  # looked at a moment ago: its number can hardly be another's yet
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, number)
        ends_at = time.monotonic() + TERMINATE_GRACE_S
        while pids & find(run_marker) and time.monotonic() < ends_at:
            time.sleep(0.02)


def _signal(handles: Iterable[int], number: signal.Signals) -> None:
    for handle in handles:
        with contextlib.suppress(ProcessLookupError, PermissionError):  # the caller looks again and tells
            signal.pidfd_send_signal(handle, number)


def _wait(handles: set[int], seconds: float) -> set[int]:
    """Those that have not ended after so many seconds. A handle becomes readable when its process ends."""
    waiting, ends_at = set(handles), time.monotonic() + seconds
    while waiting and (left := ends_at - time.monotonic()) > 0:
        poll = select.poll()
        for handle in waiting:
            poll.register(handle, select.POLLIN)
        waiting -= {handle for handle, _ in poll.poll(left * 1000)}
    return waiting


def started_group(spool_path: Path) -> int | None:
    """The process group that the spool's `started` record names; None when nothing was started."""
    try:
        with spool_path.open("rb") as spool:
            record = parse(spool.readline().rstrip(b"\n"))
    except FileNotFoundError:
        return None
    if record.kind != "s":
        return None
    try:
        started = json.loads(record.payload)
    except (ValueError, RecursionError):
        return None
    group = started.get("pgid") if isinstance(started, dict) else None
    return group if isinstance(group, int) and group > 1 else None


def _end_group(group: int | None) -> tuple[int, ...]:
    """Without /proc: the whole group by its number, which only its own members keep in use."""
    if group is None or not _signal_group(group, signal.SIGTERM):
        return ()
    kill_at = time.monotonic() + TERMINATE_GRACE_S
    while _signal_group(group, signal.SIGKILL if time.monotonic() > kill_at else 0):
        if time.monotonic() > kill_at + KILL_PATIENCE_S:
            raise ProcessesRemain(f"process group {group} is still there after SIGKILL; end it by hand")
        time.sleep(0.02)
    return (group,)


def _signal_group(group: int, number: int) -> bool:
    try:
        os.killpg(group, number)
    except (ProcessLookupError, PermissionError):
        return False
    return True
