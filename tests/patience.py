"""How tests wait for what other processes do: for the event itself, looking again and again, never for a time."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

PATIENCE_S = 300.0
"""What takes longer has gone wrong, however busy the machine is. Nothing that works depends on it."""

T = TypeVar("T")


def until(
    what: str,
    look: Callable[[], T],
    pause_s: float = 0.01,
    story: Callable[[], str] = lambda: "",
    patience_s: float = PATIENCE_S,
) -> T:
    """What `look` returns once it is true. Fails with `what` and the `story` when that never happens."""
    ends_at = time.monotonic() + patience_s
    while not (seen := look()):
        assert time.monotonic() < ends_at, f"waited {patience_s:.0f} s in vain: {what}\n{story()}"
        time.sleep(pause_s)
    return seen


def ever_longer(until: Callable[[], bool]) -> Iterator[float]:
    """Limits in seconds for something that must run into its limit, but only after it has come so far that `until`
    holds: short ones first, which are enough on an idle machine."""
    for limit_s in (0.3, 3.0, 30.0, PATIENCE_S):
        if not until():
            yield limit_s


def naps(pid: int) -> int:
    """How often a process has waited for something so far: what it does meanwhile, it has done as often."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.partition("\nvoluntary_ctxt_switches:")[2].split()[0])
