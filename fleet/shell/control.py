"""How commands reach a running coordinator: a Unix socket, one JSON line there and one back (`long_request`: more). A
request to follow is answered with lines until either side goes (`feed`)."""

from __future__ import annotations

import hashlib
import json
import os
import socket
import stat
import tempfile
from collections.abc import Awaitable, Callable
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

import anyio
from anyio.abc import SocketAttribute, SocketStream
from anyio.streams.buffered import BufferedByteReceiveStream

from fleet.home import Home
from fleet.shell import long_request
from fleet.shell.asker import Doorkeeper
from fleet.shell.feed import KIND as FOLLOW
from fleet.shell.feed import Feed
from fleet.threads import in_thread, until_given

LINE_BYTES_MAX = 500_000
"""Of a request; an answer may be longer."""
LINE_S_MAX = 10.0
CONNECTIONS_MAX = 64
SEND_S_MAX = 2.0
PATH_BYTES_MAX = 100
"""A Unix socket's path has room for 108 bytes on Linux, 104 on macOS."""

Reply = dict[str, Any]
Answer = Callable[[dict[str, Any]], Awaitable[Reply]]

NO_REQUEST: Reply = {"ok": False, "error": "a request is one JSON object on one line"}


def socket_path(home: Home) -> Path:
    """In the home, or where its path is too long for a socket, in a private directory of the user's."""
    path = home.root / "control.sock"
    if len(os.fsencode(path)) <= PATH_BYTES_MAX:
        return path
    name = f"{hashlib.sha256(os.fsencode(home.root)).hexdigest()[:16]}.sock"
    private = Path(tempfile.gettempdir()) / f"fleet-{os.getuid()}"
    if len(os.fsencode(private / name)) > PATH_BYTES_MAX:
        private = Path("/tmp") / private.name
    _claim_private(private)
    return private / name


def _claim_private(directory: Path) -> None:
    """Where anybody may make names. Raises PermissionError for one that somebody else has made, or a link."""
    directory.mkdir(mode=0o700, exist_ok=True)
    found = directory.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid():
        raise PermissionError(
            f"{directory} is not a directory of yours: remove it, or name a shorter FLEET_HOME"
        )
    directory.chmod(0o700)


class _Waiting:
    """The connections that have not sent their line yet, at most `CONNECTIONS_MAX`: of more the oldest makes way, so
    that nobody who just sits there keeps a person out."""

    def __init__(self) -> None:
        self._scopes: list[anyio.CancelScope] = []

    async def line_of(self, stream: SocketStream) -> bytes | None:
        """None when there is no whole line within `LINE_S_MAX`, or its place was needed for another."""
        with anyio.move_on_after(LINE_S_MAX) as scope:
            self._scopes.append(scope)
            if len(self._scopes) > CONNECTIONS_MAX:
                self._scopes.pop(0).cancel()
            try:
                return await BufferedByteReceiveStream(stream).receive_until(b"\n", LINE_BYTES_MAX)
            except (anyio.IncompleteRead, anyio.DelimiterNotFound, anyio.BrokenResourceError):
                return None
            finally:
                if scope in self._scopes:
                    self._scopes.remove(scope)
        return None


async def serve(path: Path, answer: Answer, doorkeeper: Doorkeeper, feed: Feed | None = None) -> None:
    """Answers requests until cancelled. Only the user may connect, and nothing that the fleet runs is obeyed, or told
    what happens."""
    await in_thread(partial(path.unlink, missing_ok=True))
    await in_thread(long_request.clear, path)
    listener = await until_given(lambda: anyio.create_unix_listener(path, mode=0o600))
    waiting = _Waiting()
    async with listener:
        await listener.serve(lambda stream: _converse(stream, path, answer, waiting, doorkeeper, feed))


async def _converse(
    stream: SocketStream,
    path: Path,
    answer: Answer,
    waiting: _Waiting,
    doorkeeper: Doorkeeper,
    feed: Feed | None,
) -> None:
    async with stream:
        asker = doorkeeper.see(stream.extra(SocketAttribute.raw_socket))
        line = await waiting.line_of(stream)
        if line is None:
            return
        refused = await in_thread(doorkeeper.refusal, asker)
        request = _request(line)
        if feed is not None and not refused and request is not None and request.get("kind") == FOLLOW:
            await feed.follow(stream, request)
            return
        reply = {"ok": False, "error": refused} if refused else await _reply(request, path, answer)
        try:
            # Who asked the coordinator to stop hears of it, too: that very request cancels us here.
            with anyio.move_on_after(SEND_S_MAX, shield=True):
                await stream.send(json.dumps(reply).encode() + b"\n")
        except anyio.BrokenResourceError:
            # The command was ended before it heard the answer; what it asked for has been done.
            return


async def _reply(request: dict[str, Any] | None, path: Path, answer: Answer) -> Reply:
    if request is not None and request.get("kind") == long_request.KIND:
        try:
            request = await in_thread(_long_request, path, request.get("file"))
        except long_request.Unreadable as failed:
            return {"ok": False, "error": str(failed)}
    return NO_REQUEST if request is None else await answer(request)


def _long_request(path: Path, name: object) -> dict[str, Any] | None:
    return _request(long_request.read(path, name))


def _request(line: bytes) -> dict[str, Any] | None:
    """None for what is no JSON object."""
    try:
        request = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return request if isinstance(request, dict) else None


class NobodyAnswers(Exception):
    """No coordinator took the request: it has not been done, and asking again is safe."""


class AnswerLost(Exception):
    """The request was handed over, but no answer came: whether it was done is not known."""


def ask(path: str, request: dict[str, Any], timeout_s: float = 60.0) -> Reply:
    """Asks the coordinator. Raises NobodyAnswers, AnswerLost, CannotBeSent."""
    line = json.dumps(request).encode()
    with ExitStack() as kept:
        connection = kept.enter_context(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM))
        connection.settimeout(timeout_s)
        try:
            connection.connect(path)
            if len(line) >= LINE_BYTES_MAX:
                line = json.dumps(kept.enter_context(long_request.written(Path(path), line))).encode()
            connection.sendall(line + b"\n")
        except OSError as failed:
            raise NobodyAnswers(f"the coordinator at {path} does not answer: {failed}") from failed
        line = _answer_on(connection, path)
    if not line.endswith(b"\n"):
        raise AnswerLost(f"the coordinator at {path} went away before it answered")
    reply: Reply = json.loads(line)
    return reply


def _answer_on(connection: socket.socket, path: str) -> bytes:
    try:
        with connection.makefile("rb") as lines:
            return lines.readline()
    except ConnectionResetError as failed:
        # The other end was closed with the request unread: a coordinator that is just stopping.
        raise NobodyAnswers(f"the coordinator at {path} went away: {failed}") from failed
    except OSError as failed:
        raise AnswerLost(
            f"the coordinator at {path} took the request but gave no answer: {failed}"
        ) from failed
