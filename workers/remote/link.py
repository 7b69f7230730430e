"""The link to one host: it is kept up by itself, and everything that is asked of the host goes over it."""

from __future__ import annotations

import concurrent.futures
import os
import socket
import threading
from collections.abc import Collection, Iterator, Mapping, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workers.far.git_settings import FILE
from workers.far.ops import Answer
from workers.remote import loop
from workers.remote.address import Reach
from workers.remote.away import HostAway, NoChannel, NotToBeTrusted
from workers.remote.machines import WorksOn, nowhere
from workers.remote.refusals import SshMissing, need_asyncssh

if TYPE_CHECKING:
    from workers.remote.disk_space import Intake
    from workers.remote.keeping import Keeping
    from workers.remote.wire import Wire

CONNECTING = "it is being connected"
"""Why a link is not connected whose first try has not ended yet."""

CHANNELS_MAX = 4
CHANNEL_S = 30.0
CLOSE_S = 10.0


@dataclass(frozen=True)
class LinkState:
    """How a link is.

    `distrusted`: what the host sent against the rules, after which it is not tried again. `why`: what keeps it from
    being connected, with its cure. `lasting`: only a person can mend that. `tried_s`: for how long it has been
    tried in vain, counted only while this process ran. `connects`: how often it came up. `facts`: what the far end
    last told of its host, in `environ` of the variables that were wanted. `skew_ms`: how much later it is by the
    host's clock than by ours.
    """

    connected: bool = False
    distrusted: str = ""
    why: str = "it is not opened"
    lasting: bool = False
    tried_s: float = 0.0
    connects: int = 0
    facts: Mapping[str, Any] | None = None
    skew_ms: int | None = None
    round_trip_s: float | None = None

    @property
    def is_hopeful(self) -> bool:
        """Whether it is connected, or the first try to has not ended yet."""
        return self.connected or self.why == CONNECTING


class Link:
    """One host. Its calls block, and may come from any thread but the one that speaks ssh."""

    def __init__(
        self,
        reach: Reach,
        *,
        home_id: str,
        runs: Path,
        known_hosts: Path,
        environ_wanted: Sequence[str] = (),
        names_taken: Sequence[str] = (),
        works_on: WorksOn = nowhere,
        sandbox: bool = True,
    ) -> None:
        """`names_taken` are the names of all hosts of the home, where the directory there may be taken over from one
        that is none of them any more. Another machine than `works_on`, asked at each connection, is not talked to.
        `sandbox`: work there runs in one where there is one."""
        self.reach = reach
        self._home_id, self._runs, self._known_hosts = home_id, runs, known_hosts
        self._environ_wanted, self._names_taken = environ_wanted, names_taken
        self._works_on, self._sandbox = works_on, sandbox
        self._changed = threading.Condition()
        self._state = LinkState()
        self._wire: Wire | None = None
        self._keeping: Keeping | None = None
        self._channels = threading.BoundedSemaphore(CHANNELS_MAX)
        self._followed: frozenset[str] = frozenset()

    @property
    def name(self) -> str:
        """What the fleet calls the host."""
        return self.reach.name

    # --- its life ---

    def open(self) -> None:
        """Begin to connect, and connect again whenever that breaks, until `close`."""
        if self._keeping is not None:
            return
        try:
            need_asyncssh()
        except SshMissing as missing:
            self._set(why=missing.story, lasting=True)
            return
        from workers.remote.keeping import Keeping

        self._set(why=CONNECTING)
        self._keeping = Keeping(
            self.reach,
            self._home_id,
            self._runs,
            self._known_hosts,
            self._environ_wanted,
            self._names_taken,
            self._works_on,
            self,
            sandbox=self._sandbox,
        )
        loop.start(self._keeping.run()).add_done_callback(self._ended)
        if self._followed:
            self.follow(self._followed)

    def close(self) -> None:
        """What is asked and not answered is told that the host is away. What runs there goes on."""
        keeping, self._keeping = self._keeping, None
        if keeping is not None:
            loop.run(keeping.close(), CLOSE_S)
            self.away("the link was closed here", False)

    def _ended(self, keeping: Future[None]) -> None:
        """What nobody has thought of must not end a link in silence."""
        fault = None if keeping.cancelled() else keeping.exception()
        if fault is not None:
            self.away(f"a fault of Fleet itself ended the link: {type(fault).__name__}: {fault}", True)

    def wait(self, timeout_s: float) -> bool:
        """Whether it is connected, at the latest after so many seconds; at once when it is closed."""
        with self._changed:
            self._changed.wait_for(self._is_settled, timeout_s)
            return self._state.connected

    def _is_settled(self) -> bool:
        return self._state.connected or bool(self._state.distrusted) or self._keeping is None

    def state(self) -> LinkState:
        with self._changed:
            state, wire = self._state, self._wire
        if wire is None:
            return state
        return replace(state, skew_ms=wire.skew_ms, round_trip_s=wire.round_trip_s)

    def _set(self, **changes: Any) -> None:
        with self._changed:
            self._state = replace(self._state, **changes)
            self._changed.notify_all()

    # --- what `Keeping` tells ---

    def connected(self, wire: Wire, facts: Mapping[str, Any]) -> None:
        with self._changed:
            if self._state.distrusted:
                return
            self._wire = wire
            connects = self._state.connects + 1
            self._state = LinkState(connected=True, why="", connects=connects, facts=facts)
            self._changed.notify_all()

    def away(self, why: str, lasting: bool) -> None:
        with self._changed:
            if self._wire is not None:
                self._state = replace(
                    self._state, skew_ms=self._wire.skew_ms, round_trip_s=self._wire.round_trip_s
                )
            self._wire = None
            if self._state.distrusted:
                why, lasting = f"it is not to be trusted: {self._state.distrusted}", True
            self._state = replace(self._state, connected=False, why=why, lasting=lasting)
            self._changed.notify_all()

    def distrusted(self, what: str) -> None:
        self.distrust(what)

    def tried(self, seconds: float) -> None:
        with self._changed:
            self._state = replace(self._state, tried_s=self._state.tried_s + seconds)

    # --- what is asked of the host ---

    def distrust(self, what: str) -> NotToBeTrusted:
        """The host has broken the rules: it is hung up on, and neither heard nor asked any more. `what` it sent, in
        printable ASCII; the first is what counts. Returns what to raise."""
        with self._changed:
            if not self._state.distrusted:
                self._state = replace(self._state, distrusted=what)
        self.away(f"it is not to be trusted: {what}", True)
        keeping = self._keeping
        if keeping is not None:
            loop.get().call_soon_threadsafe(keeping.end)
        return NotToBeTrusted(self.name, what)

    def call(
        self, op: str, args: Mapping[str, Any] | None = None, blob: bytes = b"", *, timeout_s: float = 60.0
    ) -> Answer:
        """Have the far end carry out `op`.

        Raises HostAway when it isn't connected, is lost meanwhile or doesn't answer in time: then it may or may not
        have been done. Raises what the operation raises there.
        """
        wire = self._wire_now()
        answer: Future[Answer] = Future()
        loop.get().call_soon_threadsafe(wire.ask, op, args or {}, blob, answer)
        try:
            return answer.result(timeout_s)
        except concurrent.futures.TimeoutError:
            answer.cancel()
            raise HostAway(self.name, f"it did not answer {op!r} within {timeout_s:.0f} s") from None

    def _wire_now(self) -> Wire:
        """Raises HostAway."""
        with self._changed:
            if self._wire is None:
                raise HostAway(self.name, self._state.why)
            return self._wire

    @property
    def git_settings(self) -> str:
        """The file there that git's end of a transfer reads instead of its user's configuration."""
        facts = self.state().facts
        return f"{facts['dir']}/{FILE}" if facts else os.devnull

    @property
    def bubblewrap(self) -> str:
        """The program there by which work is kept in a sandbox; empty where there is none."""
        facts = self.state().facts
        return str(facts["sandbox"].get("program") or "") if facts else ""

    @contextmanager
    def channel(self, command: str, intake: Intake) -> Iterator[socket.socket]:
        """A duplex of bytes to `sh -c COMMAND` there, which ends as the block is left, and is cut where more comes than
        `intake` allows. Raises HostAway.

        At most four at once on a link, as a host's sshd allows no more than ten sessions by default; more wait.
        """
        from workers.remote.pumping import open_pump

        with self._channels:
            wire = self._wire_now()
            ours, theirs = socket.socketpair()
            with ours:
                try:
                    pump = loop.run(open_pump(wire, command, theirs, intake), CHANNEL_S)
                except concurrent.futures.TimeoutError:
                    raise NoChannel(self.name, f"it opened no channel within {CHANNEL_S:.0f} s") from None
                try:
                    yield ours
                finally:
                    loop.get().call_soon_threadsafe(pump.close)

    # --- spools ---

    def follow(self, attempts: Collection[str]) -> None:
        """Keep copies of exactly these runs' spools in `<runs>/<attempt>/spool`, also over lost connections.

        Raises OSError when a copy cannot be opened here.
        """
        self._followed = frozenset(attempts)
        keeping = self._keeping
        if keeping is not None:
            loop.call(lambda: keeping.follow(self._followed), CLOSE_S)

    def copied(self, attempt: str) -> int:
        """Bytes of the copy that is here."""
        try:
            return (self._runs / attempt / "spool").stat().st_size
        except FileNotFoundError:
            return 0
