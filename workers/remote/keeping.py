"""Keeps the connection to one host, and copies of its spools, for as long as the link is open. Needs asyncssh.

Everything here happens in the thread of `loop`.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from workers.remote.address import Reach
from workers.remote.copying import Copies, OutOfStep
from workers.remote.refusals import CannotConnect
from workers.remote.wire import Wire, open_wire

AGAIN_S_MIN = 0.5
AGAIN_S_MAX = 10.0
LASTING_AGAIN_S = 30.0
TICK_S = 0.5
TAKEN_BYTES = 1 << 20
TAKEN_S = 0.1
DISK_AGAIN_S = 1.0
WATCH_AGAIN_S = 10.0


class Listener(Protocol):
    """Who hears how the connection is."""

    def connected(self, wire: Wire, facts: Mapping[str, Any]) -> None: ...

    def away(self, why: str, lasting: bool) -> None: ...

    def tried(self, seconds: float) -> None: ...


class Keeping:
    """`home_id` and `known_hosts` are those of the fleet's home, `runs` is where the copies lie."""

    def __init__(
        self,
        reach: Reach,
        home_id: str,
        runs: Path,
        known_hosts: Path,
        environ_wanted: Sequence[str],
        names_taken: Sequence[str],
        listener: Listener,
    ) -> None:
        self._reach, self._known_hosts = reach, known_hosts
        self._argv = ["--home", home_id, "--host", reach.name, "--env", ",".join(environ_wanted)]
        self._argv += ["--client", reach.client] if reach.client else []
        self._argv += ["--taken", ",".join(names_taken)] if names_taken else []
        self._directory = reach.directory_there(home_id)
        self._listener = listener
        self._running: asyncio.Task[None] | None = None
        self._wire: Wire | None = None
        self._copies = Copies(runs)
        self._taken = 0
        self._telling: asyncio.TimerHandle | None = None
        self._writing: asyncio.TimerHandle | None = None

    async def run(self) -> None:
        """Until `close`."""
        self._running = asyncio.current_task()
        counting = asyncio.create_task(self._count())
        try:
            await self._keep()
        finally:
            counting.cancel()
            if self._wire is not None:
                self._wire.lose("the link was closed here")
            self._copies.close()

    async def close(self) -> None:
        if self._running is not None:
            self._running.cancel()
            await asyncio.wait([self._running])

    async def _keep(self) -> None:
        again_s = AGAIN_S_MIN
        while True:
            try:
                wire, facts = await open_wire(
                    self._reach, self._known_hosts, self._directory, self._argv, self._on_push
                )
            except CannotConnect as failed:
                self._listener.away(failed.story, failed.lasting)
                wait_s = LASTING_AGAIN_S if failed.lasting else again_s
                again_s = min(2 * again_s, AGAIN_S_MAX)
            else:
                wait_s = again_s = AGAIN_S_MIN
                await self._use(wire, facts)
            await asyncio.sleep(wait_s * random.uniform(0.8, 1.2))

    async def _use(self, wire: Wire, facts: Mapping[str, Any]) -> None:
        """Until it is lost."""
        wire.on_lost = self._lost
        if wire.ended.done():
            self._lost(wire.ended.result())
            return
        self._wire, self._taken = wire, 0
        self._watch(self._copies.begin_anew())
        self._listener.connected(wire, facts)
        await wire.watch_over()

    def _lost(self, why: str) -> None:
        self._wire = None
        self._listener.away(why, False)

    async def _count(self) -> None:
        """Counts what is tried in vain. A suspended machine counts a step at most, whatever its clock says."""
        loop = asyncio.get_running_loop()
        before = loop.time()
        while True:
            await asyncio.sleep(TICK_S)
            now = loop.time()
            if self._wire is None:
                self._listener.tried(min(now - before, 2 * TICK_S))
            before = now

    # --- spools ---

    def follow(self, attempts: Collection[str]) -> None:
        """Raises OSError when a copy cannot be opened."""
        new, unwanted = self._copies.follow(attempts)
        self._watch(new)
        if unwanted and self._wire is not None:
            self._wire.ask("forget", {"attempts": unwanted}, b"", None)

    def _watch(self, offsets: Mapping[str, int]) -> None:
        if offsets and self._wire is not None:
            self._wire.ask("watch", {"attempts": dict(offsets)}, b"", None)

    def _on_push(self, header: Mapping[str, Any], blob: bytes) -> None:
        if self._wire is None:
            return
        attempt = header["attempt"]
        if header["push"] == "replaced":
            asyncio.get_running_loop().call_later(WATCH_AGAIN_S, self._watch_again, attempt)
            return
        try:
            self._take(self._copies.take(attempt, header["start"], blob))
        except OutOfStep as broken:
            self._wire.lose(f"its spools are out of step: {attempt}: {broken}")
        if self._copies.blocked and self._writing is None:
            self._writing = asyncio.get_running_loop().call_later(DISK_AGAIN_S, self._write_again)

    def _watch_again(self, attempt: str) -> None:
        position = self._copies.position(attempt)
        if position is not None:
            self._watch({attempt: position})

    def _write_again(self) -> None:
        self._writing = None
        self._take(self._copies.write_waiting())
        if self._copies.blocked:
            self._writing = asyncio.get_running_loop().call_later(DISK_AGAIN_S, self._write_again)

    def _take(self, taken: int) -> None:
        """Tells the host what has arrived: soon when it is much, else with what comes next."""
        self._taken += taken
        if self._taken >= TAKEN_BYTES:
            self._tell()
        elif self._taken and self._telling is None:
            self._telling = asyncio.get_running_loop().call_later(TAKEN_S, self._tell)

    def _tell(self) -> None:
        if self._telling is not None:
            self._telling.cancel()
            self._telling = None
        taken, self._taken = self._taken, 0
        if taken and self._wire is not None:
            self._wire.ask("took", {"bytes": taken}, b"", None)
