"""How long each line took to become durable, from the spools and the notes of the commits."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from benchmarks.following import notes


@dataclass(frozen=True, slots=True)
class Lags:
    """`never`: lines that no commit had reached when the coordinator was stopped."""

    lines: int
    bytes: int
    commits: int
    never: int
    p50_s: float
    p99_s: float
    max_s: float


def of(home: Path, attempts: list[str], seconds: float) -> Lags:
    commits: dict[int, list[tuple[int, int]]] = defaultdict(list)
    moments = set()
    for at_ns, task, offset in notes.ROW.iter_unpack((home / notes.FILE).read_bytes()):
        commits[task].append((at_ns, offset))
        moments.add(at_ns)
    waits: list[float] = []
    never = size = 0
    for attempt in attempts:
        spool = home / "runs" / attempt / "spool"
        size += spool.stat().st_size
        for wait in _waits(spool, commits[int(attempt.partition(".")[0][1:])]):
            if wait is None:
                never += 1
            else:
                waits.append(wait)
    waits.sort()
    p50, p99 = (round(waits[int(len(waits) * share)], 3) for share in (0.5, 0.99))
    return Lags(len(waits) + never, size, len(moments), never, p50, p99, round(waits[-1], 3))


def _waits(spool: Path, commits: list[tuple[int, int]]) -> Iterator[float | None]:
    """For each line the seconds from its stamp to the first commit past its end; None when there was none."""
    which = end = 0
    with spool.open("rb") as lines:
        for line in lines:
            end += len(line)
            while which < len(commits) and commits[which][1] < end:
                which += 1
            said_ms = int(line[2:15])
            yield commits[which][0] / 1e9 - said_ms / 1e3 if which < len(commits) else None
