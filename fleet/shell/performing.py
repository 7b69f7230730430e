"""Performs decisions and says what came of them as events. At least once each, so every performer is idempotent."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any, TypeVar

import anyio
from anyio import CapacityLimiter

from fleet.core import decisions, events
from fleet.core.model import Attempt, Fleet, Task, Worktree
from fleet.ports import Clock
from fleet.shell.finishing import Finisher
from fleet.shell.stamp import stamp
from fleet.shell.starting import CannotStart, Starter
from fleet.threads import in_thread
from workers.client.words import interrupt, set_model, user_message
from workers.host import RunHeld
from workers.orders import Close, Order, Say, Stop
from workers.processes import ProcessesRemain

T = TypeVar("T")
Current = Callable[[], Fleet]
"""The fleet as it is when asked, which may change while an effect waits for its turn."""

SWEEP_AGAIN_S = 0.25
"""Between two looks for the commands of a start, or of a landing, that has to end."""
LANDINGS = "landings"
"""Stands among the hosts' names for what is verified at home, in landings' own worktrees."""


@dataclass
class Performer:
    """One for a coordinator. Blocking work runs in threads: the starts and the checks of each host, and landings, each
    bounded."""

    starter: Starter
    finisher: Finisher
    clock: Clock
    starts_at_once: int = 4
    checks_at_once: int = 8
    _orders: dict[str, anyio.Lock] = field(default_factory=lambda: defaultdict(anyio.Lock))
    _worktrees: dict[str, anyio.Lock] = field(default_factory=lambda: defaultdict(anyio.Lock))

    def __post_init__(self) -> None:
        self._starting = defaultdict[str, CapacityLimiter](lambda: CapacityLimiter(self.starts_at_once))
        self._checking = defaultdict[str, CapacityLimiter](lambda: CapacityLimiter(self.checks_at_once))

    async def perform(self, effect: decisions.Effect, current: Current) -> list[events.Event]:
        """Raises OSError, GitError, HostAway and the like where the environment is at fault; then perform it again
        later."""
        return await _PERFORMS[type(effect)](self, effect, current)

    def _stamp(self) -> dict[str, Any]:
        return stamp(self.clock)

    async def _in_thread(self, limiter: CapacityLimiter | None, call: Callable[[], T]) -> T:
        # Abandoned when the coordinator stops: the decision is then performed again by the next one.
        return await in_thread(call, limiter=limiter)

    @asynccontextmanager
    async def _worktree_of(self, task: Task, worktree: Worktree) -> AsyncIterator[None]:
        """One at a time uses a task's worktree. A verification that is still at it is one nobody waits for any more."""
        lock = self._worktrees[task.id]
        if lock.locked():
            await self._in_thread(None, lambda: self.finisher.sweep(task, worktree))
        async with lock:
            yield

    async def _start(self, effect: decisions.StartWorker, current: Current) -> list[events.Event]:
        fleet = current()
        task = fleet.tasks[effect.attempt.rpartition(".")[0]]
        async with self._worktree_of(task, fleet.worktrees[task.id]), self._orders[effect.attempt]:
            fleet = current()
            attempt = fleet.attempts.get(effect.attempt)
            if attempt is None:
                return []
            task, account = fleet.tasks[task.id], fleet.accounts[attempt.account]
            worktree = fleet.worktrees[task.id]
            limiter = self._starting[attempt.host]
            if attempt.state == "stopping" and await self._in_thread(
                limiter, lambda: self.starter.abandon(attempt)
            ):
                return [self._never_began(attempt.id)]
            try:
                started = await self._in_thread(
                    limiter, lambda: self.starter.start(task, attempt, account, worktree)
                )
            except CannotStart as failed:
                return [self._start_failed(attempt.id, failed)]
        return [
            events.WorkerStarted(
                **self._stamp(),
                attempt=attempt.id,
                branch=started.made.branch,
                base_commit=started.made.base_commit,
                path=str(started.path),
                session_id=started.session_id,
                resumed=started.resumed,
                kept=started.kept,
            )
        ]

    async def _tell(self, effect: decisions.TellWorker, current: Current) -> list[events.Event]:
        """An interrupt goes first, so that the words begin a turn of their own and are not broken off with the old."""
        lines = []
        if effect.model is not None:
            lines.append((f"{effect.id}.model", set_model(f"{effect.id}.model", effect.model)))
        if effect.interrupt:
            lines.append((f"{effect.id}.interrupt", interrupt(f"{effect.id}.interrupt")))
        lines.append((effect.id, user_message(effect.text, effect.word)))
        for order_id, line in lines:
            reports = await self._order(effect.attempt, Say(order_id, line.decode()), current())
            if reports:
                return reports
        return []

    async def _stop(self, effect: decisions.StopWorker, current: Current) -> list[events.Event]:
        """With a task that is cancelled ends what is done for its work, too: nobody waits for that any more."""
        if effect.how == "close":
            return await self._order(effect.attempt, Close(effect.id), current())
        reports = await self._order(
            effect.attempt, Stop(effect.id, effect.why, quick=effect.how == "quick"), current()
        )
        task = current().tasks[effect.attempt.rpartition(".")[0]]
        if task.state == "cancelled" and self._worktrees[task.id].locked():
            worktree = current().worktrees[task.id]
            await self._in_thread(None, lambda: self.finisher.sweep(task, worktree))
        return reports

    async def _order(self, attempt_id: str, order: Order, fleet: Fleet) -> list[events.Event]:
        """Leaves the order once the worker's start is through; a worker that never started has nothing to obey."""
        attempt = fleet.attempts.get(attempt_id)
        if attempt is None:
            return []
        if isinstance(order, Stop) and not attempt.began:
            await self._cut_start_short(attempt, fleet)
        async with self._orders[attempt_id]:
            try:
                await self._in_thread(
                    None, lambda: self.starter.drivers.of(attempt.host).runs.order(attempt_id, order)
                )
            except FileNotFoundError:
                if await self._in_thread(None, lambda: self.starter.abandon(attempt)):
                    return [self._never_began(attempt_id)]
                raise
        return []

    async def _cut_start_short(self, attempt: Attempt, fleet: Fleet) -> None:
        """Ends the setup commands of a start that is still at it, and its git: it then fails. A setup may take half an
        hour, and nobody waits for it any more. Repeated, since one command may follow another. Raises
        ProcessesRemain."""
        orders, task = self._orders[attempt.id], fleet.tasks[attempt.task]
        while orders.locked():
            try:
                await self._in_thread(
                    None, lambda: self.starter.drivers.of(attempt.host).runs.sweep(attempt.id)
                )
                await self._in_thread(None, lambda: self.finisher.sweep_home(task))
            except RunHeld:
                return  # the worker has come to life: it obeys the order
            with anyio.move_on_after(SWEEP_AGAIN_S):
                async with orders:
                    return

    def _start_failed(self, attempt_id: str, failed: CannotStart) -> events.StartFailed:
        meaning = failed.meaning
        return events.StartFailed(
            **self._stamp(),
            attempt=attempt_id,
            fault=failed.fault,
            detail=str(failed),
            trouble=str(meaning or ""),
            lasting=failed.gist != "" or (meaning is not None and not meaning.by_itself),
            refused_by=failed.refused_by,
            gist=failed.gist,
            consent=failed.consent,
        )

    def _never_began(self, attempt_id: str) -> events.WorkerLost:
        return events.WorkerLost(**self._stamp(), attempt=attempt_id, detail="it had not been started yet")

    async def _check(self, effect: decisions.CheckWork, current: Current) -> list[events.Event]:
        fleet = current()
        task = fleet.tasks[effect.attempt.rpartition(".")[0]]
        if task.attempt != effect.attempt or task.state != "checking":
            return []
        worktree = fleet.worktrees[task.id]
        async with self._worktree_of(task, worktree):
            checked = await self._in_thread(
                self._checking[worktree.host], lambda: self.finisher.check(task, worktree, effect.id)
            )
        return [
            events.WorkChecked(
                **self._stamp(),
                task=task.id,
                attempt=effect.attempt,
                ok=checked.ok,
                commit=checked.commit,
                output=checked.output,
                noticed=checked.noticed,
                unchanged=checked.unchanged,
                ignored=checked.ignored,
                remade=checked.remade,
                denied=checked.denied,
            )
        ]

    async def _land(self, effect: decisions.LandWork, current: Current) -> list[events.Event]:
        fleet = current()
        task = fleet.tasks[effect.task]
        if task.state != "landing":
            return []
        worktree = fleet.worktrees[task.id]
        ended, failed = None, None
        async with anyio.create_task_group() as watch:
            watch.start_soon(self._break_off_when_asked, task, current)
            try:
                if not task.breaking_off:
                    ended = await self._in_thread(
                        self._checking[LANDINGS], lambda: self.finisher.land(task, worktree)
                    )
            except Exception as error:  # noqa: BLE001 (raised below, and not as a group's)
                failed = error
            watch.cancel_scope.cancel()
        if failed is not None and not current().tasks[task.id].breaking_off:
            raise failed
        if ended is None:
            ended = await self._in_thread(None, lambda: self.finisher.broken_off(task))
        return [
            events.LandingEnded(
                **self._stamp(),
                task=task.id,
                begun_ms=effect.begun_ms,
                outcome=ended.outcome,
                commit=ended.commit,
                detail=ended.detail,
                consent=ended.consent,
            )
        ]

    async def _break_off_when_asked(self, task: Task, current: Current) -> None:
        """Ends a landing's commands and its git, until it has ended: one command may follow another."""
        while True:
            if current().tasks[task.id].breaking_off:
                with suppress(ProcessesRemain):
                    await self._in_thread(None, lambda: self.finisher.sweep_home(task))
            await anyio.sleep(SWEEP_AGAIN_S)

    async def _look(self, effect: decisions.LookAtHeld, current: Current) -> list[events.Event]:
        task = current().tasks[effect.task]
        if task.state != "held":
            return []
        landed, free = await self._in_thread(None, lambda: self.finisher.look(task))
        return [events.HeldSeen(**self._stamp(), task=task.id, landed=landed, free=free)]

    async def _remove(self, effect: decisions.RemoveWorktree, current: Current) -> list[events.Event]:
        fleet = current()
        task, worktree = fleet.tasks[effect.task], fleet.worktrees[effect.task]
        if worktree.state != "removing":  # it is gone with its host
            return []
        async with self._worktree_of(task, worktree):
            vacated = await self._in_thread(
                self._checking[worktree.host],
                lambda: self.finisher.remove(task, worktree),
            )
        return [
            events.WorktreeRemoved(
                **self._stamp(),
                task=task.id,
                preserved=vacated.preserved,
                host=worktree.host,
                noticed=vacated.noticed,
                kept_at=vacated.kept_at,
            )
        ]


_PERFORMS: dict[
    type[decisions.Effect], Callable[[Performer, Any, Current], Awaitable[list[events.Event]]]
] = {
    decisions.StartWorker: Performer._start,
    decisions.TellWorker: Performer._tell,
    decisions.StopWorker: Performer._stop,
    decisions.CheckWork: Performer._check,
    decisions.LandWork: Performer._land,
    decisions.LookAtHeld: Performer._look,
    decisions.RemoveWorktree: Performer._remove,
}
