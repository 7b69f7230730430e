"""Hands what the client's status line tells of an account to the running coordinator, without waiting for its answer.

Light: see `fleet.views.light.state`. What cannot be handed over is in the ledger all the same.
"""

from __future__ import annotations

import json
import os
from contextlib import suppress

from fleet.views.light.running import socket_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from fleet.history.watching import Level
    from fleet.views.light.records import Record

SEND_S_MAX = 0.05

WHOLE = ("five_hour", "seven_day")
"""Windows that are the whole account's; of any other that the fleet has not met yet it is not known whose it is."""


def hand_over(home: str | os.PathLike[str], account: Record, windows: Iterable[Level], now_ms: int) -> None:
    """`account` is as `reading.status` tells it."""
    path = socket_of(home)
    scopes = {**dict.fromkeys(WHOLE), **{bucket["name"]: bucket["scope"] for bucket in account["buckets"]}}
    readings = [
        {
            "name": one.bucket,
            "scope": scopes[one.bucket],
            "utilization": one.utilization,
            "resets_ms": one.resets_ms,
            "status": None,
        }
        for one in windows
        if one.bucket in scopes
    ]
    if path is None or not readings:
        return
    event = {
        "at_ms": now_ms,
        "id": os.urandom(16).hex(),
        "name": account["name"],
        "readings": readings,
        "seen_ms": now_ms,
    }
    with suppress(OSError):
        _send(path, {"kind": "AccountRead", "event": event})


def _send(path: str, request: Record) -> None:
    # Only when there is news for a coordinator that runs.
    import socket

    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(SEND_S_MAX)
        connection.connect(path)
        connection.sendall(json.dumps(request).encode() + b"\n")
