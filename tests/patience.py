"""How tests wait for what other processes do: for the event itself, looking again and again, never for a time."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

PATIENCE_S = 300.0
"""What takes longer has gone wrong, however busy the machine is. Nothing that works depends on it."""

T = TypeVar("T")


def until(
    what: str, look: Callable[[], T], pause_s: float = 0.01, story: Callable[[], str] = lambda: ""
) -> T:
    """What `look` returns once it is true. Fails with `what` and the `story` when that never happens."""
    ends_at = time.monotonic() + PATIENCE_S
    while not (seen := look()):
        assert time.monotonic() < ends_at, f"waited {PATIENCE_S:.0f} s in vain: {what}\n{story()}"
        time.sleep(pause_s)
    return seen


def naps(pid: int) -> int:
    """How often a process has waited for something so far: what it does meanwhile, it has done as often."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.partition("\nvoluntary_ctxt_switches:")[2].split()[0])
