"""A raw channel to a command on a host, as one end of a socket pair. Needs asyncssh.

Everything here happens in the thread of `loop`. Bytes are carried no faster than the slower side takes them.
"""

from __future__ import annotations

import asyncio
import secrets
import socket
from contextlib import ExitStack

import asyncssh

from workers.remote.away import NoChannel
from workers.remote.disk_space import Intake
from workers.remote.starting import NotStarted, Threshold, channel_command
from workers.remote.wire import WINDOW_BYTES, Wire

STEP_S = 10.0
SLOW_S = 600.0
SLOW_BYTES_PER_S = 4_096
"""In each `SLOW_S` a channel has to carry so much on average, or it is ended: bytes may trickle for ever."""


NO_CHANNEL = (
    "it opens no second channel, which commits travel over: is MaxSessions in its sshd_config 1? 10 is usual"
)


class Pump:
    """One open channel and the socket that it is pumped to."""

    def __init__(self, near: _Near, channel: asyncssh.SSHClientChannel[bytes]) -> None:
        self._near, self._channel = near, channel

    async def watch_over(self) -> None:
        """Ends it when it is too slow. Until it has ended."""
        loop = asyncio.get_running_loop()
        since, before = loop.time(), 0
        while not self._near.transport.is_closing():
            await asyncio.sleep(STEP_S)
            if loop.time() - since > SLOW_S:
                if self._near.carried - before < SLOW_BYTES_PER_S * SLOW_S:
                    self.close()
                since, before = loop.time(), self._near.carried

    def close(self) -> None:
        """Ends the command there as well: its input and output are gone."""
        self._channel.close()
        self._near.transport.abort()


class _Near(asyncio.Protocol):
    """The socket's side: what comes from it goes to the host."""

    transport: asyncio.Transport
    channel: asyncssh.SSHClientChannel[bytes]
    carried = 0
    """Bytes so far, both ways."""
    opened = False
    """Whether there is a channel: it may be refused."""
    watching: asyncio.Task[None]

    def __init__(self, intake: Intake) -> None:
        self._intake = intake

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        transport.pause_reading()

    def data_received(self, data: bytes) -> None:
        self.carried += len(data)
        self._intake.answered()
        self.channel.write(data)

    def eof_received(self) -> bool:
        if not self.channel.is_closing():
            self.channel.write_eof()
        return True

    def pause_writing(self) -> None:
        self.channel.pause_reading()

    def resume_writing(self) -> None:
        self.channel.resume_reading()

    def connection_lost(self, exc: Exception | None) -> None:
        if self.opened:
            self.channel.close()


class _Far(asyncssh.SSHClientSession[bytes]):
    """The channel's side: what comes from it after our mark goes to the socket. Logins may print before it."""

    def __init__(self, near: _Near, nonce: str, intake: Intake) -> None:
        self._near, self._intake = near, intake
        self._threshold: Threshold | None = Threshold(nonce)

    def connection_made(self, chan: asyncssh.SSHClientChannel[bytes]) -> None:
        self._near.channel, self._near.opened = chan, True

    def data_received(self, data: bytes, datatype: int | None) -> None:
        if not self._intake.allows(len(data)):
            self._near.transport.abort()
            return
        if datatype is not None:
            return  # for people; what matters to git stands in its protocol
        self._near.carried += len(data)
        if self._threshold is None:
            self._near.transport.write(data)
            return
        try:
            said = self._threshold.feed(data)
        except NotStarted:
            self._near.transport.abort()
            return
        if said is not None:
            self._threshold = None
            self._near.transport.write(said.after)

    def eof_received(self) -> bool:
        if not self._near.transport.is_closing():
            self._near.transport.write_eof()
        return True

    def pause_writing(self) -> None:
        self._near.transport.pause_reading()

    def resume_writing(self) -> None:
        self._near.transport.resume_reading()

    def connection_lost(self, exc: Exception | None) -> None:
        self._near.transport.close()


async def open_pump(wire: Wire, command: str, end: socket.socket, intake: Intake) -> Pump:
    """Run `sh -c COMMAND` there, its input and output on `end`, which is closed with it, also as soon as more comes
    than `intake` allows. Raises NoChannel."""
    near, nonce = _Near(intake), secrets.token_hex(8)
    await asyncio.get_running_loop().create_connection(lambda: near, sock=end)
    with ExitStack() as unless_open:
        unless_open.callback(near.transport.abort)
        try:
            channel, _ = await wire.connection.create_session(
                lambda: _Far(near, nonce, intake),
                channel_command(nonce, command),
                encoding=None,
                env=None,
                send_env=None,
                window=WINDOW_BYTES,
            )
        except (asyncssh.Error, OSError) as refused:
            raise NoChannel(wire.name, f"{NO_CHANNEL} ({refused})") from refused
        unless_open.pop_all()
    near.transport.resume_reading()
    pump = Pump(near, channel)
    near.watching = asyncio.create_task(pump.watch_over())
    return pump
