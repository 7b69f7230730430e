"""The coordinator's life: it follows its workers, performs what the core decides, and answers commands."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, TypeGuard

import anyio
import structlog
from anyio.abc import TaskGroup

from fleet import threads
from fleet.core import decisions, events, idle
from fleet.core.model import Fleet, Trouble
from fleet.core.rules.tasks import Refused
from fleet.engine import Applied, Done, Engine
from fleet.ports import (
    Clock,
    CredentialReader,
    Forecaster,
    LoginReader,
    Planner,
    Prover,
    StoreFailed,
)
from fleet.shell import control, wire
from fleet.shell.agreed import Agreed
from fleet.shell.asker import Doorkeeper
from fleet.shell.beats import BEAT_S
from fleet.shell.chatter import Chatter
from fleet.shell.consent import Awaited, Consent, ConsentNeeded
from fleet.shell.errands import Errands
from fleet.shell.failures import is_lasting, why
from fleet.shell.feed import Feed
from fleet.shell.following import Following
from fleet.shell.hosts.all import Hosts
from fleet.shell.hosts.lost_workers import LostWorkers
from fleet.shell.hosts.monitor import HostLimits, Keeper
from fleet.shell.performing import Performer
from fleet.shell.resting import Resting
from fleet.shell.stamp import stamp
from fleet.shell.veil import Veil
from fleet.threads import in_thread
from workers.cgroups import cores
from workers.git import meaning_of
from workers.machine import this_machine
from workers.remote.away import HostAway
from workers.remote.refused_there import RefusedThere
from workers.trouble import Meaning

POLL_S = 0.02
POLL_S_MAX = 0.05
POLL_SHARE = 0.1
"""Spools are looked at as often as takes this share of a core, within POLL_S and POLL_S_MAX."""
HOST_SEEN_S = 5.0
MEMORY_GRAIN_BYTES = 64_000_000
"""Free memory is told to the core in steps of this, so that its jitter is not a change worth a write."""
RETRY_S_FIRST = 0.5
RETRY_S_MAX = 30.0
TRIES_BEFORE_TOLD = 2
"""After so many failures of a decision its task is said to be in trouble. One failure often passes by itself."""
TRIES_BEFORE_LASTING = 5
"""After so many failures, over some seconds, a fault of the repository is taken to need a person."""
STORE_RETRY_S = 1.0
ANSWER_S_MAX = 10.0


@dataclass
class Coordinator:
    """One for a home, which its caller holds. `run` returns when it was asked to stop, or is idle and may end then."""

    engine: Engine
    performer: Performer
    hosts: Hosts
    agreed: Agreed
    runs: Path
    socket: Path
    clock: Clock
    log: structlog.stdlib.BoundLogger
    workers_max: int
    host_limits: HostLimits = field(default_factory=HostLimits)
    until_idle: bool = False
    heeds_load: bool = True
    planner: Planner | None = None
    forecaster: Forecaster | None = None
    login_reader: LoginReader | None = None
    credentials: CredentialReader | None = None
    prover: Prover | None = None
    cleaner: Callable[[Fleet], Sequence[events.Event]] | None = None
    """Keeps house where a person has asked for it: removes what no state knows of, and gives what is to be applied.
    Raises NotDone."""
    traces: Callable[[Fleet], Sequence[events.Event]] | None = None
    """What the disk and the repositories know, and this fleet, which may come from a backup, does not."""
    feed: Feed | None = None
    """Tells those who follow what has changed."""
    veil: Veil = field(default_factory=Veil)
    """Knows the credentials that are in use: what a person asks for must hold none of them."""
    _performing: dict[str, decisions.Effect] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._door = anyio.Lock()
        self._stop = anyio.Event()
        self._chatter = Chatter(self.log)
        self._following = Following(self.runs, self._said, self._spool_lost, self._ahead_ms)
        self._unwell: dict[str, str] = {}
        self._lost = LostWorkers(
            self._following,
            lambda: self.engine.fleet,
            self.apply,
            lambda what, story, attempt: self._complain(what, story, attempt=attempt),
            self.clock,
        )
        self._awaited = Awaited(Consent(self.agreed.folder), lambda: self.engine.fleet)
        self._consented = anyio.Event()
        self._resting = Resting(self.agreed, lambda: self.engine.fleet, self._complain)
        self._host_seen_at = 0.0
        self._draining_to_stop = False
        self._places_on = False

    async def run(self) -> None:
        """Runs until stopped. Workers live on: the next coordinator adopts them."""
        try:
            async with anyio.create_task_group() as group:
                self._group: TaskGroup = group
                group.start_soon(self._obey_signals)
                await self._learn_what_is_newer()
                doorkeeper = Doorkeeper(self.engine.fleet.home_id, self.runs, os.getpid())
                group.start_soon(control.serve, self.socket, self._answer, doorkeeper, self.feed)
                if self.feed is not None:
                    group.start_soon(self.feed.run, self._complain)
                await self._adopt()
                group.start_soon(self._follow)
                group.start_soon(self._beat)
                group.start_soon(self._keep_hosts)
                errands = Errands(
                    lambda: self.engine.fleet, self.clock, self.apply, self._complain, self._recovered
                )
                if self.planner is not None:
                    group.start_soon(errands.price, self.planner)
                if self.forecaster is not None:
                    group.start_soon(errands.forecast, self.forecaster)
                if self.login_reader is not None:
                    group.start_soon(errands.read_logins, self.login_reader)
                if self.credentials is not None:
                    group.start_soon(errands.await_keyring, self.credentials)
                if self.prover is not None:
                    group.start_soon(errands.prove, self.prover)
                if self.cleaner is not None:
                    group.start_soon(errands.clean, self.cleaner)
                await self._stop.wait()
                group.cancel_scope.cancel()
        finally:
            self._following.close()
            self.hosts.close()
            self.socket.unlink(missing_ok=True)

    async def _learn_what_is_newer(self) -> None:
        """Before anybody is answered: no id may be given out twice, and nothing be done that has landed already."""
        if self.traces is not None:
            found = await in_thread(self.traces, self.engine.fleet)
            if found:
                await self.apply(*found)

    async def _adopt(self) -> None:
        """Takes up what an earlier coordinator left: living workers, and decisions not reported done."""
        fleet = self.engine.fleet
        if fleet.attempts or self.engine.outstanding:
            self.log.info(
                f"going on with {len(fleet.attempts)} workers and {len(self.engine.outstanding)} decisions of before"
            )
        # What was last seen of the others is of before: they take work when they have been reached.
        away = [
            events.HostSilent(**self._stamp(), host=name, why="it is being connected to", silent_ms=0)
            for name, host in fleet.hosts.items()
            if host.address
        ]
        await self.apply(*away, events.DrainAsked(**self._stamp(), on=False), self._host_event())
        for effect in self.engine.outstanding:
            self._begin(effect)

    def _stamp(self) -> dict[str, Any]:
        return stamp(self.clock)

    # --- the door ---

    async def apply(self, *happened: events.Event, done: Sequence[str] = ()) -> None:
        """Applies events, in the order of the calls. While the store cannot be written (a full disk), nothing moves
        and nothing is lost: the workers go on, and the same events are tried again."""
        async with self._door:
            while True:
                try:
                    applied = self.engine.apply(happened, done)
                    break
                except StoreFailed as failed:
                    self._complain("store", str(failed))
                    await anyio.sleep(STORE_RETRY_S)
            self._recovered("store", "the database")
            self._hand_out(applied)

    def _hand_out(self, applied: Applied) -> None:
        if self.feed is not None:
            self.feed.publish(applied)
        for note in applied.notes:
            self._log_note(note)
        for effect in applied.effects:
            self._begin(effect)
        if applied.more and not self._places_on:
            self._places_on = True
            self._group.start_soon(self._place_on)

    async def _place_on(self) -> None:
        """The next slice of placements, after all who wait at the door."""
        self._places_on = False
        await self.apply(events.RoundGoesOn(**self._stamp()))

    def _log_note(self, note: decisions.Note) -> None:
        bound = {"task": note.task, "attempt": note.attempt, "account": note.account, "host": note.host}
        bound = {key: value for key, value in bound.items() if value is not None}
        getattr(self.log, note.level)(note.text, type=note.type, data=dict(note.data), **bound)

    def _complain(self, what: str, story: str, **bound: object) -> None:
        """Logs a trouble once, not at each try."""
        if self._unwell.get(what) != story:
            self._unwell[what] = story
            self.log.error(story, type="coordinator.trouble", data={"what": what}, **bound)

    def _recovered(self, what: str, shown: str | None = None) -> None:
        if self._unwell.pop(what, None) is not None:
            self.log.info(f"{shown or what} works again", type="coordinator.well", data={"what": what})

    # --- performing ---

    def _begin(self, effect: decisions.Effect) -> None:
        self._performing[effect.id] = effect
        self._group.start_soon(self._perform, effect)

    async def _perform(self, effect: decisions.Effect) -> None:
        pause, tries = RETRY_S_FIRST, 0
        known: Meaning | None = None
        story = ""
        about = {"task": getattr(effect, "task", None), "attempt": getattr(effect, "attempt", None)}
        about = {key: value for key, value in about.items() if value is not None}
        while True:
            try:
                known_task = _task_of(effect) in self.engine.fleet.tasks  # else it was forgotten meanwhile
                happened = (
                    await self.performer.perform(effect, lambda: self.engine.fleet) if known_task else []
                )
                break
            # The border between the coordinator and everything it performs: whatever fails in one performer (a full
            # disk, a bug) must not end the others, and the decision stays outstanding until it has been performed.
            except Exception as failed:  # noqa: BLE001
                what, meaning = decisions.IN_WORDS[type(effect)], meaning_of(failed)
                consent = failed.digest if isinstance(failed, ConsentNeeded) else None
                # The same trouble of the machine is one story, whichever file it names each time.
                if meaning is None or meaning != known:
                    story, known = why(failed, meaning), meaning
                if tries or not isinstance(failed, HostAway):  # one that is just being connected is no news
                    how = "failed and is tried again" if consent is None else "waits for a person"
                    self._complain(effect.id, f"{what} {how}: {story}", **about)
                tries += 1
                host = (failed.at or "") if isinstance(failed, RefusedThere) else ""
                told = Trouble(effect.id, f"{what}: {story}", is_lasting(failed, meaning), host, consent)
                await self._say_trouble(effect, told, tries)
                await self._pause(pause)
                pause = min(pause * 2, RETRY_S_MAX)
        self._recovered(effect.id, decisions.IN_WORDS[type(effect)])
        trouble = self._trouble_of(effect)
        if trouble is not None:
            well = events.PerformWentWell(**self._stamp(), task=_task_of(effect), effect=effect.id)
            happened = [well, *happened]
        await self.apply(*happened, done=(effect.id,))
        del self._performing[effect.id]

    async def _pause(self, pause_s: float) -> None:
        """Ends early when a person has agreed to something."""
        with anyio.move_on_after(pause_s):
            await self._consented.wait()

    async def _say_trouble(self, effect: decisions.Effect, trouble: Trouble, tries: int) -> None:
        """Tells the core once for each story, so that `why` and `status` know it, too."""
        at_once = trouble.consent is not None
        trouble = replace(trouble, lasting=trouble.lasting and (at_once or tries >= TRIES_BEFORE_LASTING))
        if (at_once or tries >= TRIES_BEFORE_TOLD) and self._trouble_of(effect) != trouble:
            told = events.PerformFailed(
                **self._stamp(),
                task=_task_of(effect),
                effect=trouble.effect,
                story=trouble.story,
                lasting=trouble.lasting,
                host=trouble.host,
                consent=trouble.consent,
            )
            await self.apply(told)

    def _trouble_of(self, effect: decisions.Effect) -> Trouble | None:
        """The trouble that its task is in for this very decision."""
        task = self.engine.fleet.tasks.get(_task_of(effect))
        trouble = task.trouble if task is not None else None
        return trouble if trouble is not None and trouble.effect == effect.id else None

    # --- following ---

    async def _follow(self) -> None:
        while True:
            began = time.thread_time()
            self._following.sync(self.engine.fleet)
            due = self._following.poll(self.clock.now_ms())
            took_s = time.thread_time() - began
            if due:
                await self.apply(*due)
            await anyio.sleep(min(max(POLL_S, took_s / POLL_SHARE), POLL_S_MAX))

    def _said(self, attempt_id: str, line: Any) -> None:
        attempt = self.engine.fleet.attempts.get(attempt_id)
        if attempt is not None:
            worktree = self.engine.fleet.worktrees[attempt.task].path
            free = self.engine.fleet.accounts[attempt.account].kind == "local"
            self._chatter.say(attempt, worktree, line, time.monotonic(), free=free)

    def _ahead_ms(self, attempt_id: str) -> int:
        attempt = self.engine.fleet.attempts.get(attempt_id)
        return 0 if attempt is None else self.hosts.ahead_ms(attempt.host)

    def _spool_lost(self, attempt_id: str, error: Exception) -> None:
        self._complain(attempt_id, f"its spool cannot be read: {error}", attempt=attempt_id)

    # --- the beat ---

    async def _beat(self) -> None:
        while True:
            await anyio.sleep(BEAT_S)
            due: list[events.Event] = [events.Beat(**self._stamp())]
            if time.monotonic() - self._host_seen_at >= HOST_SEEN_S:
                due.insert(0, self._host_event())
            await self.apply(*due)
            if threads.refused():
                self._complain(
                    "threads", "this machine gives no more threads (`ulimit -u`, memory): work waits for some"
                )
            else:
                self._recovered("threads", "beginning threads")
            await self._look_for_lost()
            await self._resting.look()
            await self._look_for_consent()
            self._chatter.flush(time.monotonic())
            if self._may_end():
                self._stop.set()

    async def _look_for_lost(self) -> None:
        """A machine in trouble (too many open files, say) keeps nobody from looking again on the next beat."""
        try:
            await self._lost.look(self.hosts.here)
        except OSError as failed:
            self._complain("lost workers", f"it cannot be told which workers live: {failed}")
        else:
            self._recovered("lost workers", "looking after workers")

    async def _look_for_consent(self) -> None:
        given = await in_thread(self._awaited.look)
        if given:
            await self.apply(events.ConsentGiven(**self._stamp(), tasks=given))
            self._consented.set()
            self._consented = anyio.Event()

    # --- other hosts ---

    async def _keep_hosts(self) -> None:
        """A keeper for each host that is reached over ssh, from when it is added until it is removed."""
        keeping: dict[str, anyio.CancelScope] = {}
        while True:
            new = self.hosts.sync(self.engine.fleet)
            for gone in keeping.keys() - self.hosts.names:
                keeping.pop(gone).cancel()
            for driver in new:
                keeper = Keeper(
                    driver,
                    self.host_limits,
                    self.clock,
                    self.log,
                    lambda: self.engine.fleet,
                    self.apply,
                    self._lost,
                )
                keeping[driver.name] = anyio.CancelScope()
                self._group.start_soon(_run_in, keeping[driver.name], keeper.run)
            await anyio.sleep(BEAT_S / 2)

    def _disk_free_bytes(self) -> int | None:
        try:
            return self.hosts.here.runs.disk_free_bytes()
        except OSError:  # its file system does not answer, say
            return None

    def _host_event(self) -> events.HostSeen:
        self._host_seen_at = time.monotonic()
        free = self.hosts.here.runs.memory_free_bytes()
        grained = None if free is None else free // MEMORY_GRAIN_BYTES * MEMORY_GRAIN_BYTES
        return events.HostSeen(
            **self._stamp(),
            host=self.hosts.here.name,
            workers_max=self.workers_max,
            memory_free_bytes=grained,
            disk_free_bytes=self._disk_free_bytes(),
            cores=cores(),
            load=round(os.getloadavg()[0], 1) if self.heeds_load else None,
            machine=this_machine().text(),
        )

    def _may_end(self) -> bool:
        """When stopping only the workers are waited for: what else is decided is performed again by the next one."""
        if self._draining_to_stop:
            return not self.engine.fleet.attempts
        kept = {effect.task for effect in self._performing.values() if self._is_kept(effect)}
        awaited = [e for e in self._performing.values() if not self._is_kept(e) and not self._is_in_vain(e)]
        if awaited:
            return False
        fleet = self.engine.fleet
        return self.until_idle and idle.is_idle(fleet, kept) and not self.hosts.unsettled(fleet)

    def _is_kept(self, effect: decisions.Effect) -> TypeGuard[decisions.RemoveWorktree]:
        """A worktree that cannot be removed now: that keeps nobody waiting, each next coordinator tries it again."""
        return isinstance(effect, decisions.RemoveWorktree) and effect.id in self._unwell

    def _is_in_vain(self, effect: decisions.Effect) -> bool:
        """One that only a person can make possible: that, too, each next coordinator tries again."""
        trouble = self._trouble_of(effect)
        return trouble is not None and trouble.lasting

    # --- commands and signals ---

    async def _answer(self, request: dict[str, Any]) -> control.Reply:
        """One request of a command. Refusals come back as words for the person who asked, and soon: also while the
        store cannot be written."""
        try:
            with anyio.fail_after(ANSWER_S_MAX):
                return await self._answer_when_it_can(request)
        except TimeoutError:
            why = self._unwell.get("store", f"the coordinator was busy for {ANSWER_S_MAX:.0f} s; try again")
            return {"ok": False, "error": why}

    async def _answer_when_it_can(self, request: dict[str, Any]) -> control.Reply:
        if request.get("kind") == "stop":
            return await self._asked_to_stop(stop_workers=request.get("stop_workers") is True)
        if self.veil.knows(wire.words(request)):
            return {"ok": False, "error": "it holds the credential of an account: say it without that"}
        try:
            asked = wire.decode_all(request)
        except ValueError as failed:
            return {"ok": False, "error": str(failed)}
        async with self._door:
            try:
                applied, came = self.engine.apply_each((), asked)
            except StoreFailed as failed:
                return {"ok": False, "error": str(failed)}
            self._hand_out(applied)
        replies = [_told(one) for one in came]
        return {"ok": True, "came": replies} if request.get("kind") == wire.SEVERAL else replies[0]

    async def _asked_to_stop(self, stop_workers: bool) -> control.Reply:
        if not stop_workers:
            living = await in_thread(self.hosts.living, self.engine.fleet)
            self._stop.set()
            return {"ok": True, "workers": living}
        await self.apply(events.DrainAsked(**self._stamp(), on=True, stop_workers=True))
        self._draining_to_stop = True
        return {"ok": True, "workers": 0}

    async def _obey_signals(self) -> None:
        obeyed = [signal.SIGINT, signal.SIGTERM]
        if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:  # as under nohup
            obeyed.append(signal.SIGHUP)
        with anyio.open_signal_receiver(*obeyed) as signals:
            async for _ in signals:
                self._stop.set()
                return


def _told(came: Done | Refused) -> control.Reply:
    return {"ok": False, "error": str(came)} if isinstance(came, Refused) else {"ok": True, **asdict(came)}


async def _run_in(scope: anyio.CancelScope, run: Callable[[], Awaitable[None]]) -> None:
    with scope:
        await run()


def _task_of(effect: decisions.Effect) -> str:
    if isinstance(effect, decisions.LandWork | decisions.LookAtHeld | decisions.RemoveWorktree):
        return effect.task
    return effect.attempt.rpartition(".")[0]
