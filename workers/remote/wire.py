"""One connection to a host with the far end on it: requests out, answers and pushes in. Needs asyncssh.

Everything here happens in the thread of `loop`.
"""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncssh

from workers.far.frames import BadFrame, Frame, Unpacker, pack
from workers.far.ops import Answer
from workers.git import GitError
from workers.remote import answers, starting
from workers.remote.address import Reach
from workers.remote.answers import Foreign, ReplacedPush, SpoolPush
from workers.remote.away import HostAway, NotToBeTrusted
from workers.remote.bundle import bundle
from workers.remote.connecting import connect
from workers.remote.refusals import CannotConnect
from workers.remote.starting import NotStarted, Said, Threshold

START_S = 30.0
PING_S = 5.0
SILENCE_S_MAX = 15.0
PONG_S_MAX = 600.0
"""So long may what comes before the answer to a ping take, also over a slow wire: an answer of 32 MB, say. A host that
only lets bytes trickle is away."""
GARBLED_S = 2.0
"""A far end that ends in the middle of its words, or a shell that says goodbye after it, does so within this time."""
ERRORS_KEPT = 4096
WINDOW_BYTES = 16 * 1024 * 1024
"""So much may be under way to here: ssh's usual 2 MB are 20 MB/s at a round trip of 100 ms."""
PUSH = Callable[[SpoolPush | ReplacedPush, bytes], None]


@dataclass(frozen=True)
class _Asked:
    """A request that waits for its answer."""

    op: str
    args: Mapping[str, Any]
    answer: Future[Answer]
    at: float


class Wire(asyncssh.SSHClientSession[bytes]):
    """The far end's channel. `ended` is done, with the reason, when nothing more will come."""

    def __init__(self, reach: Reach, on_push: PUSH) -> None:
        loop = asyncio.get_running_loop()
        self.name = reach.name
        self.nonce = secrets.token_hex(8)
        self.facts: asyncio.Future[dict[str, Any]] = loop.create_future()
        self.ended: asyncio.Future[str] = loop.create_future()
        self.round_trip_s: float | None = None
        self.skew_ms: int | None = None
        self.on_lost: Callable[[str], None] = lambda why: None
        self.on_distrusted: Callable[[str], None] = lambda what: None
        self._on_push = on_push
        self._threshold: Threshold | None = Threshold(self.nonce)
        self._unpacker = Unpacker(answers.BLOB_BYTES_MAX)
        self._was_sent = False
        self._garbled: str | None = None
        self._errors = b""
        self._pending: dict[int, _Asked] = {}
        self._last_id = 0
        self._heard_at = loop.time()
        self._unsent = 0
        self._status: int | None = None
        self._connection: asyncssh.SSHClientConnection | None = None
        self._channel: asyncssh.SSHClientChannel[bytes] | None = None

    # --- what asyncssh tells ---

    def connection_made(self, chan: asyncssh.SSHClientChannel[bytes]) -> None:
        self._channel = chan

    def data_received(self, data: bytes, datatype: int | None) -> None:
        self._heard_at = asyncio.get_running_loop().time()
        if datatype is not None:
            self._errors = (self._errors + data)[-ERRORS_KEPT:]
            return
        if self.ended.done() or self._garbled is not None:
            return
        try:
            if self._threshold is not None:
                data = self._greet(data)
            for frame in self._unpacker.feed(data):
                self._take(frame)
        except NotStarted as why:
            self._fail(why)
        except BadFrame as broken:
            self._garbled = f"what came from it makes no sense ({broken})"
            asyncio.get_running_loop().call_later(GARBLED_S, self.distrust, str(broken))
        except Foreign as foreign:
            self.distrust(str(foreign))

    def exit_status_received(self, status: int) -> None:
        self._status = status

    def eof_received(self) -> bool:
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.facts.done() and exc is None:
            talk = self._threshold.talk() if self._threshold else ""
            self._fail(starting.ended(self._status, talk, starting.shown(self._errors)))
        elif self._garbled is not None:
            self.lose(f"{self._garbled}; {starting.shown(self._errors)}")
        elif exc is None:
            said = starting.shown(self._errors) or "it said nothing"
            self.lose(f"its far end ended with status {self._status}: {said}")
        else:
            self.lose("the connection was lost" + ("" if str(exc) == "Connection lost" else f": {exc}"))

    # --- the beginning ---

    def _greet(self, data: bytes) -> bytes:
        """What is left for the frames. Raises NotStarted."""
        assert self._threshold is not None and self._channel is not None
        said = self._threshold.feed(data)
        if said is None:
            return b""
        if said.word == "WANT":
            if self._was_sent:
                raise Foreign("a second request for its file")
            self._was_sent = True
            self._channel.write(bundle().content)
            return self._greet(said.after)
        if said.word == "FAR":
            self._threshold = None
            self._welcome(said)
            return said.after
        raise starting.no_python(said) if said.word == "PYTHON" else starting.no_directory(said.facts())

    def _welcome(self, said: Said) -> None:
        facts = answers.read_greeting(said.facts())
        if "refused" in facts:
            raise NotStarted(str(facts["refused"]), lasting=True)
        if not self.facts.done():
            self.facts.set_result(facts)

    def _fail(self, why: NotStarted) -> None:
        if not self.facts.done():
            self.facts.set_exception(why)
        self.lose(why.story)

    # --- requests and answers ---

    def ask(self, op: str, args: Mapping[str, Any], blob: bytes, answer: Future[Answer] | None) -> int:
        """Send a request; without `answer` none is wanted. Returns its id."""
        if self.ended.done():
            if answer is not None:
                self._refuse(answer, self.ended.result())
            return 0
        assert self._channel is not None
        request = 0
        if answer is not None:
            self._last_id += 1
            request = self._last_id
            now = asyncio.get_running_loop().time()
            self._pending[request] = _Asked(op, dict(args), answer, now)
        self._channel.write(pack({"id": request, "op": op, "args": dict(args)}, blob))
        return request

    def _take(self, frame: Frame) -> None:
        """Raises Foreign."""
        header = frame.header
        if "push" in header:
            self._on_push(answers.read_push(header, frame.blob), frame.blob)
            return
        request = header.get("id")
        asked = self._pending.pop(request, None) if type(request) is int else None
        if asked is None:
            raise Foreign(f"an answer to {answers.shown(request)}, which nobody waits for")
        try:
            said = self._said(asked, header, frame.blob)
        except Foreign as foreign:
            if asked.answer.set_running_or_notify_cancel():
                asked.answer.set_exception(NotToBeTrusted(self.name, str(foreign)))
            raise
        if not asked.answer.set_running_or_notify_cancel():
            return
        if isinstance(said, Answer):
            asked.answer.set_result(said)
        else:
            if isinstance(said, GitError):
                said.at = self.name
            asked.answer.set_exception(said)

    def _said(self, asked: _Asked, header: Mapping[str, Any], blob: bytes) -> Answer | Exception:
        if set(header) == {"id", "error"}:
            return answers.read_error(asked.op, header["error"], blob)
        if set(header) == {"id", "ok"}:
            return answers.read(asked.op, asked.args, header["ok"], blob)
        raise Foreign(f"neither an answer to {asked.op!r} nor a failure: {answers.shown(sorted(header))}")

    def _refuse(self, answer: Future[Answer], why: str) -> None:
        if answer.set_running_or_notify_cancel():
            answer.set_exception(HostAway(self.name, why))

    # --- the end ---

    def lose(self, why: str) -> None:
        """Nothing more is expected of this connection. What was asked and not answered is told so."""
        if self.ended.done():
            return
        self.ended.set_result(why)
        if not self.facts.done():
            self.facts.set_exception(NotStarted(why, lasting=False))
        self.on_lost(why)  # first, so that whoever is told finds the host away
        pending, self._pending = self._pending, {}
        for asked in pending.values():
            self._refuse(asked.answer, f"{why} (before it had answered)")
        if self._connection is not None:
            self._connection.abort()

    def distrust(self, what: str) -> None:
        """It has broken the rules: nothing more that comes is looked at."""
        if not self.ended.done():
            self.on_distrusted(what)
            self.lose(f"it is not to be trusted: {what}")

    def give_up(self) -> None:
        self.facts.cancel()
        self.lose("it could not be started")

    async def watch_over(self) -> None:
        """Pings; loses the connection when nothing is heard and nothing gets away for too long."""
        loop = asyncio.get_running_loop()
        while not self.ended.done():
            self._ping()
            await asyncio.wait([self.ended], timeout=PING_S)
            assert self._channel is not None
            unsent = self._channel.get_write_buffer_size()
            if unsent < self._unsent:
                self._heard_at = loop.time()
            self._unsent = unsent
            if loop.time() - self._heard_at > SILENCE_S_MAX:
                self.lose(f"it has not answered for {SILENCE_S_MAX:.0f} s")
            pings = (asked.at for asked in self._pending.values() if asked.op == "ping")
            if loop.time() - min(pings, default=loop.time()) > PONG_S_MAX:
                self.lose(f"it sends much, but has not answered for {PONG_S_MAX:.0f} s")

    def _ping(self) -> None:
        began, began_ns = time.monotonic(), time.time_ns()
        answer: Future[Answer] = Future()

        def answered(done: Future[Answer]) -> None:
            if done.exception() is None:
                self.round_trip_s = time.monotonic() - began
                middle_ns = (began_ns + time.time_ns()) // 2
                self.skew_ms = (done.result().values["now_ns"] - middle_ns) // 1_000_000

        answer.add_done_callback(answered)
        self.ask("ping", {}, b"", answer)

    @property
    def connection(self) -> asyncssh.SSHClientConnection:
        assert self._connection is not None
        return self._connection

    async def start(self, connection: asyncssh.SSHClientConnection, command: str) -> dict[str, Any]:
        """Start the far end; returns its facts. Raises NotStarted."""
        self._connection = connection
        try:
            async with asyncio.timeout(START_S):
                await connection.create_session(
                    lambda: self, command, encoding=None, env=None, send_env=None, window=WINDOW_BYTES
                )
                return await self.facts
        except TimeoutError:
            talk = self._threshold.talk() if self._threshold else ""
            raise NotStarted(
                f"its far end did not start within {START_S:.0f} s: what does its login shell wait for? {talk}",
                lasting=False,
            ) from None
        except asyncssh.ChannelOpenError as refused:
            raise NotStarted(
                f"its sshd opens no session ({refused.reason}): is MaxSessions in its sshd_config 0 or 1?",
                lasting=False,
            ) from refused
        except (asyncssh.Error, OSError) as failed:
            raise NotStarted(f"the connection was lost: {failed}", lasting=False) from failed


async def open_wire(
    reach: Reach,
    known_hosts: Path,
    directory: str,
    argv: Sequence[str],
    on_push: PUSH,
    on_distrusted: Callable[[str], None],
    objection: Callable[[Mapping[str, Any]], str],
) -> tuple[Wire, dict[str, Any]]:
    """A wire whose far end is there, and its facts, to which there is no `objection`. Raises CannotConnect."""
    with ExitStack() as unless_started:
        connection = await connect(reach, known_hosts)
        unless_started.callback(connection.abort)
        wire = Wire(reach, on_push)
        wire.on_distrusted = on_distrusted
        unless_started.callback(wire.give_up)
        said = starting.command(bundle(), wire.nonce, directory, argv)
        try:
            facts = await wire.start(connection, said)
        except NotStarted as failed:
            raise CannotConnect(f"{reach.name}: {failed.story}", failed.lasting) from failed
        if why := objection(facts):
            raise CannotConnect(f"{reach.name}: {why}")
        unless_started.pop_all()
    return wire, facts
