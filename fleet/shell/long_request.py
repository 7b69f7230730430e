"""A request that is too long for a line on the coordinator's socket: a file beside that, which the line names.

So the coordinator never gathers more than a short line from whoever connects, and a request with any number of tasks
is still one: done as a whole or not at all. The file is its sender's, who removes it; those of senders that were killed
go when the next coordinator begins to serve.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from uuid import uuid4

KIND = "long"
BYTES_MAX = 1_000_000_000

_NAME = re.compile(r"[0-9a-f]{32}")


class CannotBeSent(Exception):
    """The request was not handed over, and nothing was done."""


class Unreadable(Exception):
    """There is no such request to read; the message says why."""


def directory(socket: Path) -> Path:
    """Where long requests to that socket lie: as private as the socket itself."""
    return socket.with_suffix(".requests")


@contextmanager
def written(socket: Path, request: bytes) -> Iterator[dict[str, Any]]:
    """What to say on a line instead of the request, within the block. To be entered once the connection is there: a
    coordinator that begins to serve clears what lies around. Raises CannotBeSent."""
    if len(request) > BYTES_MAX:
        raise CannotBeSent(
            f"the request has {len(request) / 1e6:.0f} MB, more than the {BYTES_MAX / 1e6:.0f} allowed"
        )
    file = directory(socket) / uuid4().hex
    try:
        _write(file, request)
        yield {"kind": KIND, "file": file.name}
    finally:
        with suppress(NotADirectoryError):
            file.unlink(missing_ok=True)


def _write(file: Path, request: bytes) -> None:
    try:
        file.parent.mkdir(mode=0o700, exist_ok=True)
        with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as out:
            out.write(request)
    except OSError as failed:
        raise CannotBeSent(f"the request cannot be written to {file}: {failed.strerror}") from failed


def read(socket: Path, name: object) -> bytes:
    """Raises Unreadable, also for a name that is none of ours: no other file is ever read."""
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise Unreadable("a long request is named by 32 hexadecimal digits")
    file = directory(socket) / name
    try:
        with os.fdopen(os.open(file, os.O_RDONLY | os.O_NOFOLLOW), "rb") as found:
            request = found.read(BYTES_MAX + 1)
    except OSError as failed:
        raise Unreadable(f"the request in {file} cannot be read: {failed.strerror}") from failed
    if len(request) > BYTES_MAX:
        raise Unreadable(f"the request in {file} is too long")
    return request


def clear(socket: Path) -> None:
    """Removes what killed senders have left."""
    for file in directory(socket).glob("*"):
        file.unlink(missing_ok=True)
