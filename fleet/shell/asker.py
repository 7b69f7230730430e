"""Who asks: a person, or something that the fleet runs itself. The latter may look, and command nothing.

A fence; the wall is the sandbox, where there is one (docs/security.md). What carries this home's FLEET_RUN, has an
ancestor that does, or descends from a supervisor or the coordinator itself, is refused: a worker's tools, setup
commands and verifications. A process that has detached itself comes back below its supervisor, which takes such orphans
in (PR_SET_CHILD_SUBREAPER), however clean its environment is. But one that detaches below the coordinator with a clean
environment, outlives its supervisor so, or has a program that is not ours start it (cron, a service manager, sshd, a
terminal multiplexer) passes for a person.
"""

from __future__ import annotations

import os
import socket
import struct
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from workers.supervisor import MARKER, read_process

LOOKS = 3
"""A process that is taken in by another one while we look has another parent the next time."""

_UNKNOWN = "it cannot be told who asks: the process has ended, or another one has its number. Ask again"
_LOCAL_PEERPID = 2
"""macOS, sys/un.h; its level SOL_LOCAL is 0."""


@dataclass(frozen=True, slots=True)
class Asker:
    """A process at the other end of a connection. `until_ticks`: it had begun by then (field 22 of /proc/PID/stat);
    None where that is not known."""

    pid: int
    until_ticks: int | None = None


class _Moved(Exception):
    """The processes changed while they were looked at."""


@dataclass(frozen=True, slots=True)
class Row:
    """A process, its parent (0: none that can be seen), its beginning, and what it is of this fleet, if anything."""

    pid: int
    parent: int
    start_ticks: int
    is_ours: str = ""


@dataclass(frozen=True, slots=True)
class Doorkeeper:
    """Of the home `home_id` with its `runs`; `coordinator` is the process that answers, None where none does."""

    home_id: str
    runs: Path
    coordinator: int | None = None

    def see(self, connection: socket.socket) -> Asker | None:
        """For the moment at which it has connected. None where the system does not tell."""
        until = _ticks_now()
        if sys.platform == "darwin":
            pid = connection.getsockopt(0, _LOCAL_PEERPID)
        elif hasattr(socket, "SO_PEERCRED"):
            told = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
            pid = struct.unpack("3i", told)[0]
        else:
            return None
        return Asker(pid, until)

    def refusal(self, asker: Asker | None) -> str:
        """Why it may not command the fleet, with what to do; empty for a person's. What cannot be told is refused."""
        if asker is None:
            return _UNKNOWN
        for _ in range(LOOKS):
            try:
                ours = next((row.is_ours for row in self._family(asker) if row.is_ours), "")
            except _Moved:
                continue
            return _refused(ours) if ours else ""
        return _UNKNOWN

    def _family(self, asker: Asker) -> Iterator[Row]:
        """It and its ancestors. Raises _Moved."""
        rows = None if Path("/proc/self/stat").exists() else self._told_by_ps()
        pid, not_after = asker.pid, asker.until_ticks
        while pid > 0:
            row = self._read(pid) if rows is None else rows.get(pid)
            if row is None or (not_after is not None and row.start_ticks > not_after):
                raise _Moved
            if pid == self.coordinator and pid != asker.pid:
                row = Row(pid, row.parent, row.start_ticks, "a command that the coordinator runs")
            yield row
            pid, not_after = row.parent, row.start_ticks

    def _read(self, pid: int) -> Row | None:
        process = read_process(pid)
        if process is None or process.ended:
            return None
        return Row(
            pid,
            process.parent,
            process.start_ticks,
            self._ours(_entries(pid, "environ"), _entries(pid, "cmdline")),
        )

    def _ours(self, environ: list[str], words: list[str]) -> str:
        """By its mark, or as the supervisor of a run: its memory is closed to us, but not its command line."""
        ending = f"@{self.home_id}"
        marks = [entry.partition("=")[2] for entry in environ if entry.startswith(f"{MARKER}=")]
        for mark in marks:
            if self.home_id and mark.endswith(ending):
                return f"part of {mark.removesuffix(ending)}"
        if any(os.path.basename(word).startswith(".supervisor-") for word in words):  # noqa: PTH119
            run = Path(words[-1])
            if run.parent.resolve() == self.runs.resolve():
                return f"part of {run.name}"
        return ""

    def _told_by_ps(self) -> dict[int, Row]:
        """Where there is no /proc: with the environment of this user's processes behind their words, as ps of macOS
        prints it. Beginnings are not compared there."""
        said = subprocess.run(
            ["ps", "-axEwwo", "pid=,ppid=,command="],
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
        ).stdout
        rows = {}
        for line in said.splitlines():
            pid, parent, *words = line.split()
            rows[int(pid)] = Row(int(pid), int(parent), 0, self._ours(words, _supervisor_of(words)))
        return rows


def _supervisor_of(words: list[str]) -> list[str]:
    """Of a supervisor's words, without the environment behind them, those up to its run."""
    at = next((n for n, word in enumerate(words) if "/.supervisor-" in word), None)
    return [] if at is None else words[: at + 2]


def _entries(pid: int, what: str) -> list[str]:
    """None of a process that does not let us look: of another user, or one that keeps its memory closed."""
    try:
        text = Path(f"/proc/{pid}/{what}").read_bytes()
    except (FileNotFoundError, ProcessLookupError, PermissionError):
        return []
    return [os.fsdecode(entry) for entry in text.rstrip(b"\0").split(b"\0")]


def _ticks_now() -> int | None:
    """Since the machine started, as /proc/PID/stat counts, rounded up."""
    try:
        up_s = float(Path("/proc/uptime").read_text(encoding="ascii").split()[0])
    except FileNotFoundError:
        return None
    return int(up_s * os.sysconf("SC_CLK_TCK")) + 2


def _refused(ours: str) -> str:
    return (
        f"the fleet takes no commands from what it runs itself, and this is {ours}: a worker may look (fleet status, "
        "task list, task show, why), and say what should be done in its answer. You are no worker? Then ask from a "
        f"shell that was started by none, without {MARKER} in its environment"
    )
