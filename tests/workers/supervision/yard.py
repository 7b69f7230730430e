"""Real runs under real supervisors, in a directory of the test's own."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sys
import uuid
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from tests.patience import until
from workers.host import LocalHost
from workers.orders import Grace, RunSpec, Stop
from workers.spool import Record, parse_lines
from workers.supervisor import read_process

PATIENT = Grace(20.0, 20.0)
SHORT = Grace(0.2, 0.2)


def is_gone(pid: int) -> bool:
    row = read_process(pid)
    return row is None or row.ended


class Yard:
    """A host with a `runs` directory, and shortcuts to what a run wrote."""

    def __init__(self, folder: Path, runs: Path | None = None) -> None:
        self.folder = folder
        self.runs = runs or folder / "runs"
        self.host = LocalHost(self.runs, uuid.uuid4().hex)  # other tests run at the same time

    def python(self, code: str, **wanted: Any) -> RunSpec:
        """A client that is a Python program, with patient graces unless `wanted` says otherwise."""
        argv = (sys.executable, "-I", "-S", "-u", "-c", code)
        spec = RunSpec(argv, str(self.folder), {"PATH": os.environ["PATH"]}, grace=PATIENT)
        return replace(spec, **wanted)

    def shell(self, code: str, **wanted: Any) -> RunSpec:
        return replace(self.python("", **wanted), argv=("/bin/sh", "-c", code))

    def launch(self, spec: RunSpec, attempt: str = "t1.1", secret: bytes | None = None) -> None:
        self.host.launch(attempt, spec, secret)

    def spool(self, attempt: str = "t1.1") -> bytes:
        return (self.runs / attempt / "spool").read_bytes()

    def records(self, attempt: str = "t1.1") -> list[Record]:
        """The whole lines so far."""
        whole, newline, _ = self.spool(attempt).rpartition(b"\n")
        return list(parse_lines(whole + newline)) if newline else []

    def said(self, attempt: str = "t1.1", kind: str = "o") -> list[bytes]:
        return [record.payload for record in self.records(attempt) if record.kind == kind]

    def events(self, event: str, attempt: str = "t1.1") -> list[dict[str, Any]]:
        own = [json.loads(record.payload) for record in self.records(attempt) if record.kind == "s"]
        return [record for record in own if record["event"] == event]

    def wait_said(self, line: bytes, attempt: str = "t1.1") -> None:
        until(f"the client says {line!r}", lambda: line in self.said(attempt))

    def started(self, attempt: str = "t1.1") -> dict[str, Any]:
        return until("the client is started", lambda: self.events("started", attempt))[0]

    def rungs(self, attempt: str = "t1.1") -> list[str]:
        return [record["rung"] for record in self.events("stopping", attempt)]

    def answer(self, order: str, attempt: str = "t1.1") -> dict[str, Any]:
        def answers() -> list[dict[str, Any]]:
            return [record for record in self.events("order", attempt) if record["id"] == order]

        return until(f"order {order} is answered", answers)[0]

    def exit(self, attempt: str = "t1.1") -> dict[str, Any]:
        """The exit record, once the supervisor has let go of the run."""
        until(f"{attempt} has ended", lambda: self.events("exit", attempt) and not self.host.alive(attempt))
        return self.events("exit", attempt)[0]

    def close(self) -> None:
        """End what a failed test left running."""
        attempts = [path.name for path in self.runs.glob("*") if path.is_dir()] if self.runs.exists() else []
        for attempt in attempts:
            if self.host.alive(attempt):
                self.host.order(attempt, Stop("test-over", "the test is over", quick=True))
        for attempt in attempts:
            try:
                until(f"{attempt} is let go", lambda name=attempt: not self.host.alive(name))  # type: ignore[misc]
            except AssertionError:
                for started in self.events("started", attempt):
                    with contextlib.suppress(ProcessLookupError):
                        os.kill(started["supervisor_pid"], signal.SIGKILL)
                raise
            self.host.sweep(attempt)


@contextlib.contextmanager
def opened(folder: Path, runs: Path | None = None) -> Iterator[Yard]:
    yard = Yard(folder, runs)
    try:
        yield yard
    finally:
        yard.close()
