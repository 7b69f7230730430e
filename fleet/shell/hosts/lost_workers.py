"""Workers that have vanished: their supervisor is gone without an exit record."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from anyio import to_thread

from fleet.core import events
from fleet.core.model import Fleet
from fleet.ports import Clock
from fleet.shell.following import Following
from fleet.shell.hosts.driver import Driver
from fleet.shell.stamp import stamp
from workers.host import RunHeld
from workers.processes import ProcessesRemain

Apply = Callable[[events.Event], Awaitable[None]]
Complain = Callable[[str, str, str], None]
"""What is in trouble, the story, the attempt."""


class LostWorkers:
    """A worker is lost when its supervisor is gone and nothing more of its spool has come from one look to the next."""

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
        self._suspects: dict[str, dict[str, int]] = {}

    async def look(self, driver: Driver) -> None:
        """At the workers of one host. Raises HostAway."""
        attempts = self._current().attempts
        followed = [a for a in self._following.followed if a in attempts and attempts[a].host == driver.name]
        dead = await to_thread.run_sync(lambda: driver.runs.gone(followed), abandon_on_cancel=True)
        before, suspects = self._suspects.get(driver.name, {}), {}
        for attempt_id in followed:
            attempt = self._current().attempts.get(attempt_id)
            if attempt is None or attempt_id not in dead:
                continue
            if before.get(attempt_id) == attempt.offset and self._following.is_read_up(attempt_id):
                await self._report(driver, attempt_id)
            else:
                suspects[attempt_id] = attempt.offset
        self._suspects[driver.name] = suspects

    async def _report(self, driver: Driver, attempt: str) -> None:
        try:
            ended = await to_thread.run_sync(lambda: _clean_up(driver, attempt), abandon_on_cancel=True)
        except (RunHeld, ProcessesRemain, OSError) as failed:
            story = f"its supervisor is gone, but it cannot be cleaned up: {failed}"
            self._complain(attempt, story, attempt)
            return
        left = f"; {len(ended)} processes it had left were ended" if ended else ""
        detail = f"its supervisor is gone without a word{left}"
        await self._apply(events.WorkerLost(**stamp(self._clock), attempt=attempt, detail=detail))


def _clean_up(driver: Driver, attempt: str) -> tuple[int, ...]:
    """Of an attempt that is to count as lost nothing may live, and nothing come to life any more: the next one works in
    the same worktree."""
    driver.abandon(attempt)
    return driver.runs.sweep(attempt)
