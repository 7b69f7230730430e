"""How commands reach a running coordinator: a Unix socket, one JSON line there and one back."""

from __future__ import annotations

import hashlib
import json
import os
import socket
import tempfile
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import anyio
from anyio.abc import SocketStream
from anyio.streams.buffered import BufferedByteReceiveStream

from fleet.home import Home

LINE_BYTES_MAX = 64_000_000
PATH_BYTES_MAX = 100
"""A Unix socket's path has room for 108 bytes on Linux, 104 on macOS."""

Reply = dict[str, Any]
Answer = Callable[[dict[str, Any]], Awaitable[Reply]]


def socket_path(home: Home) -> Path:
    """In the home, or where its path is too long for a socket, in a private directory of the user's."""
    path = home.root / "control.sock"
    if len(os.fsencode(path)) <= PATH_BYTES_MAX:
        return path
    digest = hashlib.sha256(os.fsencode(home.root)).hexdigest()[:16]
    private = Path(tempfile.gettempdir()) / f"fleet-{os.getuid()}"
    private.mkdir(mode=0o700, exist_ok=True)
    if private.stat().st_uid != os.getuid():
        raise PermissionError(f"{private} belongs to somebody else: remove it, or name a shorter FLEET_HOME")
    return private / f"{digest}.sock"


async def serve(path: Path, answer: Answer) -> None:
    """Answers requests until cancelled. Only the user may connect."""
    await anyio.Path(path).unlink(missing_ok=True)
    listener = await anyio.create_unix_listener(path, mode=0o600)
    async with listener:
        await listener.serve(lambda stream: _converse(stream, answer))


async def _converse(stream: SocketStream, answer: Answer) -> None:
    async with stream:
        try:
            line = await BufferedByteReceiveStream(stream).receive_until(b"\n", LINE_BYTES_MAX)
            request = json.loads(line)
        except (anyio.IncompleteRead, anyio.DelimiterNotFound, anyio.BrokenResourceError, ValueError):
            return
        reply = await answer(request)
        try:
            await stream.send(json.dumps(reply).encode() + b"\n")
        except anyio.BrokenResourceError:
            # The command was ended before it heard the answer; what it asked for has been done.
            return


class NobodyAnswers(Exception):
    """There is no coordinator behind the socket, or it went away before it answered."""


def ask(path: str, request: dict[str, Any], timeout_s: float = 60.0) -> Reply:
    """Asks the coordinator. Raises NobodyAnswers."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(timeout_s)
        try:
            connection.connect(path)
            connection.sendall(json.dumps(request).encode() + b"\n")
            with connection.makefile("rb") as lines:
                line = lines.readline()
        except OSError as failed:
            raise NobodyAnswers(f"the coordinator at {path} does not answer: {failed}") from failed
    if not line:
        raise NobodyAnswers(f"the coordinator at {path} went away before it answered")
    reply: Reply = json.loads(line)
    return reply
