"""Keeps one host reached over ssh: says when it is there and when not, takes back what strays on it, copies its spools,
looks for workers that have vanished, and brings home how far each has come."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

import anyio
import structlog

from fleet.core import events
from fleet.core.model import NEVER_MS, Attempt, Fleet
from fleet.ports import Clock
from fleet.shell.hosts.lost_workers import LostWorkers
from fleet.shell.hosts.reclaiming import Reclaimed, reclaim
from fleet.shell.hosts.ssh import Observed, SshDriver
from fleet.shell.stamp import stamp
from fleet.threads import in_thread
from workers.far.errors import CROSSING
from workers.remote.away import HostAway, NoChannel
from workers.remote.link import LinkState
from workers.remote.refused_there import RefusedThere

LOOK_S = 0.5
SEEN_S = 5.0
SILENCE_TOLD_S = 2.0
"""A connection that comes back sooner is not spoken of."""
GONE_S = 1.0
ALL_AT_ONCE = 4
"""So many checkpoints of one host at a time: they share its connection with the workers' words."""

_TROUBLE = CROSSING
"""Whatever a host tells of what failed there, also where that makes no sense, and what may fail here."""


@dataclass(frozen=True, slots=True)
class HostLimits:
    """Seconds: of trying in vain until a host counts as lost, and between two checkpoints of a worker."""

    lost_after_s: float = 600.0
    checkpoint_s: float = 60.0


def is_silence(state: LinkState) -> bool:
    """Whether it is spoken of. A first try that takes long is none: it ends, one way or the other."""
    return not state.is_hopeful and (state.lasting or state.tried_s >= SILENCE_TOLD_S)


class Keeper:
    """One for a host. `run` until cancelled."""

    def __init__(
        self,
        driver: SshDriver,
        limits: HostLimits,
        clock: Clock,
        log: structlog.stdlib.BoundLogger,
        current: Callable[[], Fleet],
        apply: Callable[[events.Event], Awaitable[None]],
        lost: LostWorkers,
    ) -> None:
        self._driver, self._limits, self._clock, self._log = driver, limits, clock, log
        self._current, self._apply, self._lost = current, apply, lost
        self._reclaimed = 0
        self._due = dict.fromkeys(("silent", "reclaim", "seen", "gone"), 0.0)
        self._checkpoint_at: dict[str, float] = {}
        self._unwell: dict[str, str] = {}
        self._mute_since: float | None = None
        self._proving = 0
        """The connection of which it is known that commands get there."""

    async def run(self) -> None:
        async with anyio.create_task_group() as group:
            group.start_soon(self._watch)
            group.start_soon(self._checkpoints)

    async def _watch(self) -> None:
        while True:
            state = self._driver.link.state()
            if state.distrusted:
                await self._distrust(state.distrusted)
                return
            # What fails because the host has just gone is told by the next look.
            with suppress(HostAway):
                await (self._keep_well(state) if state.connected else self._silent(state))
            await anyio.sleep(LOOK_S)

    async def _distrust(self, what: str) -> None:
        """Whoever keeps the hosts then closes this one, and takes it up anew when a person trusts it again."""
        await self._apply(events.HostDistrusted(**stamp(self._clock), host=self._driver.name, why=what))

    async def _keep_well(self, state: LinkState) -> None:
        """What goes wrong on the host (its directory was deleted, say), or with the copies here, must not end the
        coordinator. The host is given no work until it has passed."""
        try:
            await self._keep(state)
        except _TROUBLE as failed:
            story = f"it cannot be looked after: {failed}"
            if self._complain("looking", story):
                await self._apply(self._seen_event(Observed(None, None, None, story)))

    def _is_due(self, what: str, every_s: float) -> bool:
        now = time.monotonic()
        if now < self._due[what]:
            return False
        self._due[what] = now + every_s
        return True

    async def _silent(self, state: LinkState) -> None:
        if not is_silence(state) or not self._is_due("silent", SEEN_S):
            return
        await self._apply(
            events.HostSilent(
                **stamp(self._clock),
                host=self._driver.name,
                why=state.why,
                silent_ms=round(state.tried_s * 1000),
                lost_after_ms=round(self._limits.lost_after_s * 1000),
            )
        )

    async def _keep(self, state: LinkState) -> None:
        if state.connects != self._reclaimed:
            if not self._is_due("reclaim", SEEN_S) or not await self._take_back():
                return
            self._reclaimed = state.connects
            self._due["seen"] = 0.0
        # Also those that are just being started: their first words are waited for.
        self._driver.link.follow([attempt.id for attempt in self._attempts()])
        if self._is_due("seen", SEEN_S):
            await self._seen()
        if self._is_due("gone", GONE_S):
            await self._lost.look(self._driver)

    def _attempts(self) -> list[Attempt]:
        return [a for a in self._current().attempts.values() if a.host == self._driver.name]

    async def _seen(self, problem: str = "") -> None:
        # The first work waits for no dry run: what that would find makes a start fail, which costs its task nothing.
        connects = self._driver.link.state().connects
        prove = self._proving == connects
        try:
            seen = await in_thread(lambda: self._driver.observe(prove=prove))
        except NoChannel as failed:
            await self._apply(self._mute(failed))
            return
        if not prove:
            self._proving, self._due["seen"] = connects, 0.0
        self._mute_since = None
        await self._apply(self._seen_event(replace(seen, problem=problem or seen.problem)))
        self._unwell.pop("looking", None)

    def _mute(self, failed: NoChannel) -> events.HostSilent:
        """A host that only talks gets no work. It is not given up for that: its workers are heard."""
        now = time.monotonic()
        self._mute_since = now if self._mute_since is None else self._mute_since
        return events.HostSilent(
            **stamp(self._clock),
            host=self._driver.name,
            why=failed.why,
            silent_ms=max(1, round((now - self._mute_since) * 1000)),
            lost_after_ms=NEVER_MS,
        )

    def _seen_event(self, seen: Observed) -> events.HostSeen:
        return events.HostSeen(
            **stamp(self._clock),
            host=self._driver.name,
            workers_max=self._driver.workers_max,
            memory_free_bytes=seen.memory_free_bytes,
            disk_free_bytes=seen.disk_free_bytes,
            cores=seen.cores,
            load=seen.load,
            problem=seen.problem,
            machine=seen.machine,
            unsandboxed=seen.unsandboxed,
        )

    # --- what strays ---

    async def _take_back(self) -> bool:
        """Ends and preserves what is on the host without being any more the fleet's, before it is given new work. While
        that cannot be done it is given none."""
        found: list[Reclaimed] = []
        try:
            # Abandoned when the coordinator stops, or the host is removed: the next one does it again.
            await in_thread(lambda: reclaim(self._driver, self._current, found.append))
        except _TROUBLE as failed:
            story = f"work that strays on it since it was given up cannot be kept safe: {failed}"
            self._complain("reclaiming", story)
            await self._seen(story)
            return False
        finally:
            for one in found:  # also what was done before it failed
                await self._tell(one)
        self._unwell.pop("reclaiming", None)
        return True

    async def _tell(self, found: Reclaimed) -> None:
        if found.task not in self._current().tasks:
            self._log.warning(
                f"{found.attempt} was stopped: it is of no task of this fleet", host=self._driver.name
            )
            return
        await self._apply(
            events.WorkReclaimed(
                **stamp(self._clock),
                task=found.task,
                attempt=found.attempt,
                host=self._driver.name,
                ref=found.ref,
            )
        )

    # --- checkpoints ---

    async def _checkpoints(self) -> None:
        while True:
            due = self._due_for_checkpoint() if self._driver.link.state().connected else []
            async with anyio.create_task_group() as group:
                for attempt_id in due:
                    group.start_soon(self._bring_home, attempt_id)
            await anyio.sleep(LOOK_S)

    def _works(self, attempt_id: str) -> bool:
        """Whether it is the worker's turn now, and nobody's who commits, moves or lands its work."""
        fleet = self._current()
        attempt = fleet.attempts.get(attempt_id)
        return attempt is not None and fleet.tasks[attempt.task].state == "running"

    def _due_for_checkpoint(self) -> list[str]:
        """The attempts whose last checkpoint is the longest ago, as many as may be brought home together."""
        now = time.monotonic()
        working = {a.id for a in self._attempts() if a.began and a.state == "running"}
        self._checkpoint_at = {
            a: self._checkpoint_at.get(a, now + self._limits.checkpoint_s) for a in working
        }
        due = sorted((at, a) for a, at in self._checkpoint_at.items() if at <= now)[:ALL_AT_ONCE]
        self._checkpoint_at |= {a: now + self._limits.checkpoint_s for _, a in due}
        return [a for _, a in due]

    async def _bring_home(self, attempt_id: str) -> None:
        fleet = self._current()
        attempt = fleet.attempts.get(attempt_id)
        if attempt is None:
            return
        task, worktree = fleet.tasks[attempt.task], fleet.worktrees[attempt.task]
        what = f"checkpoint of {attempt_id}"
        try:
            checkpoint = await in_thread(
                lambda: self._driver.checkpoint(task, attempt, worktree, lambda: self._works(attempt_id))
            )
        except HostAway:
            return
        except _TROUBLE as failed:
            if isinstance(failed, RefusedThere):
                await self._tell_refused(task.id, what, failed)
            if what not in self._unwell:  # its story may name another file each time
                self._complain(what, f"how far it has come could not be brought home: {failed}", attempt_id)
            return
        if self._unwell.pop(what, None) is not None:
            told: dict[str, Any] = {"type": "coordinator.well", "data": {"what": what}}
            self._log.info(f"{what} works again", attempt=attempt_id, **told)
        trouble = self._current().tasks[task.id].trouble
        if trouble is not None and trouble.effect == what:
            await self._apply(events.PerformWentWell(**stamp(self._clock), task=task.id, effect=what))
        if checkpoint.changed:
            await self._apply(
                events.Checkpointed(**stamp(self._clock), attempt=attempt_id, ref=checkpoint.ref)
            )

    async def _tell_refused(self, task: str, what: str, failed: RefusedThere) -> None:
        """Of a worker that goes on: what it does is only there, as long as the host's git is not mended."""
        story, host = f"{what}: {failed}", self._driver.name
        told = events.PerformFailed(**stamp(self._clock), task=task, effect=what, story=story, host=host)
        await self._apply(told)

    def _complain(self, what: str, story: str, attempt: str | None = None) -> bool:
        """Logs a trouble once, not at each try; whether it is a new one."""
        if self._unwell.get(what) == story:
            return False
        self._unwell[what] = story
        bound = {"host": self._driver.name, **({"attempt": attempt} if attempt else {})}
        self._log.error(story, type="coordinator.trouble", data={"what": what}, **bound)
        return True
