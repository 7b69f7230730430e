"""What a supervisor is told: the spec of a run, and the orders to a running one."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Union

from workers.supervisor import MARKER, VERSION


@dataclass(frozen=True)
class Grace:
    """Seconds that each rung of the stop ladder waits before the next."""

    interrupt_s: float = 10.0
    terminate_s: float = 5.0


@dataclass(frozen=True)
class RunSpec:
    """What to run. No secrets here: it is written to disk. FLEET_RUN is added by the host.

    `env` is the client's whole environment. `secret_fd` is the descriptor (3 or more) on which the client
    reads its secret. Durations are seconds, None is no limit: `start_s` to the first line of any output,
    `stall_s` between lines of standard output (an order `say` counts as one), `deadline_s` for everything.
    `sandbox` are the words to put before `argv`, so that it runs in a sandbox; its temporary directory is the run's
    own (`supervisor.scratch_of`), for as long as it runs.
    `session_id` is the client's session and `resumed` whether it goes on in it: for whoever finds the run launched; a
    supervisor reads neither.
    """

    argv: tuple[str, ...]
    cwd: str
    env: Mapping[str, str]
    secret_fd: int | None = None
    first_lines: tuple[str, ...] = ()
    start_s: float | None = 60.0
    stall_s: float | None = 900.0
    deadline_s: float | None = 21600.0
    grace: Grace = Grace()
    session_id: str | None = None
    resumed: bool = False
    sandbox: tuple[str, ...] = ()

    def to_json(self, attempt: str, marker: str) -> str:
        return json.dumps(
            {
                "version": VERSION,
                "attempt": attempt,
                "argv": self.argv,
                "cwd": self.cwd,
                "env": {**self.env, MARKER: marker},
                "secret_fd": self.secret_fd,
                "first_lines": self.first_lines,
                "start_s": self.start_s,
                "stall_s": self.stall_s,
                "deadline_s": self.deadline_s,
                "grace_s": {"interrupt": self.grace.interrupt_s, "terminate": self.grace.terminate_s},
                "session_id": self.session_id,
                "resumed": self.resumed,
                "sandbox": self.sandbox,
            }
        )


@dataclass(frozen=True)
class Say:
    """Write one line (JSON, without its newline) to the client's standard input."""

    id: str
    line: str

    def to_json(self) -> str:
        return json.dumps({"id": self.id, "order": "say", "line": self.line})


@dataclass(frozen=True)
class Close:
    """Close the client's standard input, upon which it ends by itself."""

    id: str

    def to_json(self) -> str:
        return json.dumps({"id": self.id, "order": "close"})


@dataclass(frozen=True)
class Stop:
    """Step on the stop ladder; `quick` begins at SIGTERM with a second's grace. `cause` becomes `detail`."""

    id: str
    cause: str
    quick: bool = False

    def to_json(self) -> str:
        return json.dumps({"id": self.id, "order": "stop", "cause": self.cause, "quick": self.quick})


Order = Union[Say, Close, Stop]
