"""Workers that have vanished: their supervisor is gone without an exit record."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field

from fleet.core import events
from fleet.core.model import Fleet
from fleet.ports import Clock
from fleet.shell.following import Following
from fleet.shell.hosts.driver import Driver
from fleet.shell.stamp import stamp
from fleet.threads import in_thread
from workers.host import RunHeld
from workers.processes import ProcessesRemain

Apply = Callable[[events.Event], Awaitable[None]]
Complain = Callable[[str, str, str], None]
"""What is in trouble, the story, the attempt."""


@dataclass(frozen=True, slots=True)
class _Look:
    """What was seen of a host's workers: those that lived, on which machine, and those that did not, each with its
    offset then and whether it had gone alone."""

    living: frozenset[str] = frozenset()
    machine: str | None = None
    suspects: Mapping[str, tuple[int, bool]] = field(default_factory=dict)


class LostWorkers:
    """A worker is lost when its supervisor is gone and nothing more of its spool has come from one look to the next.

    It has gone alone when it lived at the look before, its machine was not started anew since, and no other worker went
    between the same two looks.
    """

    def __init__(
        self,
        following: Following,
        current: Callable[[], Fleet],
        apply: Apply,
        complain: Complain,
        clock: Clock,
    ) -> None:
        self._following = following
        self._current = current
        self._apply = apply
        self._complain = complain
        self._clock = clock
        self._looks: dict[str, _Look] = {}

    async def look(self, driver: Driver) -> None:
        """At the workers of one host. Raises HostAway."""
        before = self._looks.pop(driver.name, _Look())  # one that fails leaves none
        attempts = self._current().attempts
        followed = [a for a in self._following.followed if a in attempts and attempts[a].host == driver.name]
        dead = await in_thread(lambda: driver.runs.gone(followed))
        host = self._current().hosts.get(driver.name)
        machine = None if host is None else host.machine
        went = dead & before.living if machine == before.machine else set()
        suspects: dict[str, tuple[int, bool]] = {}
        for attempt_id in followed:
            attempt = self._current().attempts.get(attempt_id)
            if attempt is None or attempt_id not in dead:
                continue
            alone = attempt_id in went and len(went) == 1
            offset, was_alone = before.suspects.get(attempt_id, (None, False))
            if offset == attempt.offset and self._following.is_read_up(attempt_id):
                await self._report(driver, attempt_id, alone=was_alone)
            else:
                suspects[attempt_id] = (attempt.offset, alone or was_alone)
        self._looks[driver.name] = _Look(frozenset(followed) - dead, machine, suspects)

    async def _report(self, driver: Driver, attempt: str, *, alone: bool) -> None:
        try:
            ended = await in_thread(lambda: _clean_up(driver, attempt))
        except (RunHeld, ProcessesRemain, OSError) as failed:
            story = f"its supervisor is gone, but it cannot be cleaned up: {failed}"
            self._complain(attempt, story, attempt)
            return
        left = f"; {len(ended)} processes it had left were ended" if ended else ""
        detail = f"its supervisor is gone without a word{left}"
        lost = events.WorkerLost(**stamp(self._clock), attempt=attempt, detail=detail, alone=alone)
        await self._apply(lost)


def _clean_up(driver: Driver, attempt: str) -> tuple[int, ...]:
    """Of an attempt that is to count as lost nothing may live, and nothing come to life any more: the next one works in
    the same worktree."""
    driver.abandon(attempt)
    return driver.runs.sweep(attempt)
