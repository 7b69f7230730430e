"""Whether a program can only be waiting for the clock, or for what never comes. Travels.

A hook that hangs would hold a queue for as long as its deadline allows. But a hook may also take long and be right. The
two can be told apart: what works takes the processor, starts processes or wakes up to look at something; what waits for
an answer has a connection; what waits for another program's lock stands in the kernel's list of locks; what waits for a
disk is in a sleep of its own. All of a group that does none of this for a while, as `sleep 300` does, is still.
"""

from __future__ import annotations

from pathlib import Path

from workers.supervisor import Process, descendants, process_table

_ASLEEP = (b"S", b"Z", b"X", b"I")
"""Not running, not waiting for a device (D), and not stopped by a person (T, t)."""


class Stillness:
    """Watches a process group and all that descends from it. Where there is no /proc it never is still."""

    def __init__(self, group: int) -> None:
        self._group = group
        self._seen: frozenset[tuple[int, int]] | None = None
        self._since = 0.0

    def lasted(self, now: float) -> float:
        """For how many seconds it has been still at `now`, which only grows; to be asked every second or so."""
        seen = self._look()
        if seen is None or seen != self._seen:
            self._seen, self._since = seen, now
        return now - self._since

    def _look(self) -> frozenset[tuple[int, int]] | None:
        """What changes with each thing that is done; None when something is under way, or it cannot be told."""
        table = process_table()
        family = descendants(table, self._group) | {
            row.pid for row in table.values() if row.group == self._group
        }
        living = [table[pid] for pid in sorted(family) if not table[pid].ended]
        if not living or _waits_for_a_lock({row.pid for row in living}):
            return None
        try:
            return frozenset(turn for row in living for turn in _turns(row))
        except (_Busy, OSError, ValueError):  # it ended meanwhile, or is another user's
            return None


class _Busy(Exception):
    """A process that is not only asleep."""


def _turns(row: Process) -> list[tuple[int, int]]:
    """Each thread and how often it has been put to sleep, which grows whenever it wakes. Raises _Busy and OSError."""
    if row.state not in _ASLEEP or _is_connected(row.pid):
        raise _Busy
    turns = []
    for thread in Path(f"/proc/{row.pid}/task").iterdir():
        status = (thread / "status").read_bytes()
        fields = dict(line.partition(b":")[::2] for line in status.splitlines())
        if fields[b"State"].split()[0] not in _ASLEEP:
            raise _Busy
        counts = (fields[name] for name in (b"voluntary_ctxt_switches", b"nonvoluntary_ctxt_switches"))
        turns.append((int(thread.name), sum(map(int, counts))))
    return turns


def _is_connected(pid: int) -> bool:
    """Whether it has a socket: somebody may yet answer. Raises OSError where one may not look."""
    opened = Path(f"/proc/{pid}/fd").iterdir()
    return any(str(fd.readlink()).startswith("socket:") for fd in opened)


def _waits_for_a_lock(pids: set[int]) -> bool:
    """Whether one of them waits for a lock that a program holds. The kernel names no process for some locks (-1)."""
    try:
        lines = Path("/proc/locks").read_text("ascii").splitlines()
    except OSError:
        return False
    waiting = (line.split() for line in lines if "->" in line)
    return any(int(words[5]) in {*pids, -1} for words in waiting)
