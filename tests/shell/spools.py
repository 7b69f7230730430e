"""The recorded clients as their supervisor would have spooled them."""

from __future__ import annotations

import json
from pathlib import Path

from tests.workers.client import recordings
from workers.spool import Record

TIERS = {"haiku": "haiku", "sonnet": "sonnet", "opus": "opus", "fable": "fable"}
BEGUN_MS = 1_795_000_000_000


def records(name: str) -> list[Record]:
    """The supervisor's first word, all that the client said, and the supervisor's last."""
    ended = recordings.ended(name)
    said = [("s", b'{"event":"started"}'), *(("o", line) for line in recordings.payloads(name))]
    said += [("e", line) for line in ended.stderr_tail.encode().splitlines()]
    exit_ = {"event": "exit", "code": ended.code, "signal": ended.signal, "cause": "exited", "detail": None}
    said.append(("s", json.dumps(exit_).encode()))
    return [Record(kind, BEGUN_MS + n, payload) for n, (kind, payload) in enumerate(said)]


def as_lines(spooled: list[Record]) -> list[bytes]:
    return [b"%s %d %s\n" % (r.kind.encode(), r.at_ms, r.payload) for r in spooled]


def write(runs: Path, attempt: str, lines: list[bytes]) -> None:
    """Appends to the attempt's spool."""
    (runs / attempt).mkdir(parents=True, exist_ok=True)
    with (runs / attempt / "spool").open("ab") as spool:
        spool.write(b"".join(lines))
