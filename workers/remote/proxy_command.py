"""A person's ProxyCommand: the program that carries a connection, and what it says when it does not."""

from __future__ import annotations

import asyncio
import contextvars
import math
import os
import socket
import threading
from contextlib import suppress

from workers import children

SAID_BYTES_MAX = 4096
ENDED_S = 1.0
"""So long may its end take to show after its connection has broken."""
CANNOT_RUN = (126, 127)
"""What shells end with for a command that is not there, or no program."""


class ProxyCommand:
    """One run of it. It ends with its connection."""

    def __init__(self, command: str) -> None:
        self.command = command
        self.code: int | None = None
        """What it ended with; None while it runs."""
        self.failed = ""
        self._is_broken_off = False
        self._said = b""
        self._loop = asyncio.get_running_loop()
        self._ended = asyncio.Event()

    def start(self) -> socket.socket:
        """Our end of its connection."""
        ours, theirs = socket.socketpair()
        with children.together() as self._children:
            context = contextvars.copy_context()
        # It waits for as long as the connection lasts: a thread of a pool would keep others from theirs.
        threading.Thread(
            target=context.run, args=(self._run, theirs), name="ssh proxy command", daemon=True
        ).start()
        return ours

    def end(self) -> None:
        """Of one that has ended by itself, all is known already: its connection is closed after it."""
        self._is_broken_off = True
        self._children.end()

    async def story(self) -> str | None:
        """How it ended, in its own words; None when it did not end."""
        with suppress(TimeoutError):
            async with asyncio.timeout(ENDED_S):
                await self._ended.wait()
        said = " ".join(self._said.decode("utf-8", "replace").split())
        if self.failed:
            return f"could not be started: {self.failed}"
        if self.code is None:
            return f"says: {said}" if said else None
        return f"ended with {self.code}: {said or 'it said nothing'}"

    def _run(self, theirs: socket.socket) -> None:
        shell = os.environ.get("SHELL") or "/bin/sh"
        with theirs:
            try:
                ended = children.run(
                    [shell, "-c", f"exec {self.command}"],  # as ssh starts it
                    env=os.environ,
                    limit_s=math.inf,
                    out=self._hear,
                    err=self._hear,
                    wire=theirs.fileno(),
                )
                self.code = ended.code
            except OSError as failed:
                self.failed = "" if self._is_broken_off else failed.strerror or str(failed)
        with suppress(RuntimeError):  # the loop may have ended before it
            self._loop.call_soon_threadsafe(self._ended.set)

    def _hear(self, data: bytes) -> None:
        self._said = (self._said + data)[-SAID_BYTES_MAX:]
