"""Keeps the connection to one host, and copies of its spools, for as long as the link is open. Needs asyncssh.

Everything here happens in the thread of `loop`.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from workers.far.watching import PUSH_BYTES_MAX, UNTAKEN_BYTES_MAX
from workers.machine import Machine
from workers.remote import machines
from workers.remote.address import Reach
from workers.remote.answers import Foreign, ReplacedPush, SpoolPush
from workers.remote.copying import Copies, OutOfStep
from workers.remote.machines import WorksOn
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

    def distrusted(self, what: str) -> None: ...

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
        works_on: WorksOn,
        listener: Listener,
        *,
        sandbox: bool,
    ) -> None:
        self._reach, self._known_hosts = reach, known_hosts
        self._argv = ["--home", home_id, "--host", reach.name, "--env", ",".join(environ_wanted)]
        self._argv += ["--client", reach.client] if reach.client else []
        self._argv += ["--taken", ",".join(names_taken)] if names_taken else []
        self._argv += [] if sandbox else ["--sandbox", "none"]
        self._directory = reach.directory_there(home_id)
        self._works_on = works_on
        self._machine: Machine | None = None
        """The one that answered last. It may have been given work that home has not written down yet."""
        self._listener = listener
        self._running: asyncio.Task[None] | None = None
        self._wire: Wire | None = None
        self._copies = Copies(runs)
        self._watching_again: set[str] = set()
        self._taken = self._untaken = 0
        self._stray = 0
        """Bytes of spools that are no longer followed since the last was: those were on their way."""
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

    def end(self) -> None:
        """For good."""
        if self._running is not None:
            self._running.cancel()

    async def close(self) -> None:
        self.end()
        if self._running is not None:
            await asyncio.wait([self._running])

    async def _keep(self) -> None:
        again_s = AGAIN_S_MIN
        while True:
            try:
                wire, facts = await open_wire(
                    self._reach,
                    self._known_hosts,
                    self._directory,
                    self._argv,
                    self._on_push,
                    self._listener.distrusted,
                    self._objection,
                )
            except CannotConnect as failed:
                self._listener.away(failed.story, failed.lasting)
                wait_s = LASTING_AGAIN_S if failed.lasting else again_s
                again_s = min(2 * again_s, AGAIN_S_MAX)
            else:
                wait_s = again_s = AGAIN_S_MIN
                await self._use(wire, facts)
            await asyncio.sleep(wait_s * random.uniform(0.8, 1.2))

    def _objection(self, facts: Mapping[str, Any]) -> str:
        there = self._works_on()
        why = machines.objection(facts, there and (self._machine or there))
        if not why:
            self._machine = machines.of(facts) or self._machine
        return why

    async def _use(self, wire: Wire, facts: Mapping[str, Any]) -> None:
        """Until it is lost."""
        wire.on_lost = self._lost
        if wire.ended.done():
            self._lost(wire.ended.result())
            return
        self._wire = wire
        self._taken = self._untaken = self._stray = 0
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
            self._stray = 0
            self._wire.ask("forget", {"attempts": unwanted}, b"", None)

    def _watch(self, offsets: Mapping[str, int]) -> None:
        if offsets and self._wire is not None:
            self._wire.ask("watch", {"attempts": dict(offsets)}, b"", None)

    def _on_push(self, push: SpoolPush | ReplacedPush, blob: bytes) -> None:
        """Raises Foreign."""
        if self._wire is None:
            return
        attempt = push.attempt
        if isinstance(push, ReplacedPush):
            if self._copies.position(attempt) is not None and attempt not in self._watching_again:
                self._watching_again.add(attempt)
                asyncio.get_running_loop().call_later(WATCH_AGAIN_S, self._watch_again, attempt)
            return
        self._untaken += len(blob)
        self._stray += 0 if self._copies.position(attempt) is not None else len(blob)
        if self._stray > UNTAKEN_BYTES_MAX + PUSH_BYTES_MAX:
            raise Foreign(f"{self._stray} bytes of spools that nobody follows")
        if self._untaken > UNTAKEN_BYTES_MAX + PUSH_BYTES_MAX:
            raise Foreign(f"{self._untaken} bytes of spools before the first of them were taken")
        try:
            self._take(self._copies.take(attempt, push.start, blob))
        except OutOfStep as broken:
            self._wire.lose(f"its spools are out of step: {attempt}: {broken}")
        if self._copies.blocked and self._writing is None:
            self._writing = asyncio.get_running_loop().call_later(DISK_AGAIN_S, self._write_again)

    def _watch_again(self, attempt: str) -> None:
        self._watching_again.discard(attempt)
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
        self._untaken -= taken
        if taken and self._wire is not None:
            self._wire.ask("took", {"bytes": taken}, b"", None)
