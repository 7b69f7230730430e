"""The coordinator in virtual time: the real engine, its follower of spools, its performers, its deaths."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from random import Random

from fleet.core import decisions, events
from fleet.core.capacity.questions import to_ask
from fleet.core.dispatch import Chooser, Placement, choose, explain
from fleet.core.events import Event
from fleet.core.model import Account, Fleet
from fleet.core.rules.placing import Choose
from fleet.core.step import Refused
from fleet.engine import Engine
from fleet.ports import StoreFailed
from tests.faults.failing_store import FailingStore, Killed
from tests.faults.keeper import Keeper, fenced_by, kept_by
from tests.faults.machines import Away
from tests.faults.performers import Performers
from tests.faults.safety import Violation, Watch
from tests.faults.world import World, lane_of

BEAT_FIRST_MS = 2_000
BEAT_MAX_MS = 1_800_000
GOES_ON_MS = 20

Ask = Callable[[int, str], Event]


def _round_goes_on(at_ms: int, name: str) -> Event:
    return events.RoundGoesOn(at_ms=at_ms, id=name)


class AsWithoutMemory(Chooser):
    """The rule of dispatch as the coordinator has it, which keeps what it has worked out: it makes the placements that
    one makes who knows nothing of earlier rounds."""

    def __call__(self, fleet: Fleet) -> Iterator[Placement]:
        anew = list(choose(fleet))
        chosen = 0
        for placement in super().__call__(fleet):
            assert placement == anew[chosen], f"{placement} instead of {anew[chosen]}"
            chosen += 1
            yield placement
        assert self.left_off or chosen == len(anew), f"{anew[chosen:]} were not made"


class Coordinator:
    """Between `up` and `kill` it has a life, numbered; what a life began dies with it."""

    def __init__(
        self,
        world: World,
        store: FailingStore,
        rng: Random,
        say: Callable[[str], None],
        new_rule: Callable[[], Choose],
    ) -> None:
        """`new_rule` makes the rule of dispatch of one life."""
        self._new_rule = new_rule
        self.watch = Watch()
        self.fleet = Fleet()
        self.commits = 0
        self.kills = 0
        self._world = world
        self._agenda = world.agenda
        self._store = store
        self._rng = rng
        self._say = say
        self._performers = Performers(world)
        self._engine: Engine | None = None
        self._life = 0
        self._events = 0
        self.lost = 0
        self.zombies = 0
        self.distrusted = 0
        self._clear()

    def _clear(self) -> None:
        self._cursor: dict[str, int] = {}
        self._reading: set[str] = set()
        self._chains: dict[str, list[decisions.Effect]] = defaultdict(list)
        self._beat_ms = BEAT_FIRST_MS
        self._stale: list[Event] = []
        self._asking: set[str] = set()
        self._asks_keyring = False
        self._keeper = Keeper(self._world, self._rng, self._stamp)

    def _later(self, delay_ms: int, do: Callable[[], None]) -> None:
        """Unless this life has ended by then."""
        life = self._life
        self._agenda.after(delay_ms, lambda: do() if self._life == life else None)

    # --- life and death ---

    def up(self) -> None:
        self._life += 1
        life = self._life
        self._clear()
        self._engine = Engine(self._store, self._new_rule())
        self._say(f"up, life {self._life}")
        outstanding = self._engine.outstanding
        self.fleet = self._engine.fleet
        self.ask(lambda at, name: events.DrainAsked(at_ms=at, id=name, on=False))
        self.ask(self._host)
        if self._life != life:
            return
        for effect in outstanding:
            self._undertake(effect)
        for attempt in self.fleet.attempts.values():
            if attempt.state != "starting":
                self._follow(attempt.id)
        self._later(self._beat_ms, self._beat)

    def _host(self, at_ms: int, name: str) -> Event:
        memory = self._rng.choice([None, 10**9, 8 * 10**9, 64 * 10**9])
        return events.HostSeen(at_ms=at_ms, id=name, host="here", workers_max=6, memory_free_bytes=memory)

    def kill(self) -> None:
        if self._engine is None:
            return
        self.kills += 1
        self._engine = None
        self._life += 1
        self._world.repos.merging.clear()
        self._say("killed")
        down_ms = self._rng.choice([500, 5_000, 60_000, 3_600_000])
        self._agenda.after(self._rng.randint(1, down_ms), self.wake)

    def wake(self) -> None:
        """Starts it again unless it lives."""
        if self._engine is None:
            self._store.reopen()
            self.up()

    def quiet(self) -> bool:
        """Nothing is under way: no effect, no worker, no worktree that is being removed."""
        under_way = any(self._chains.values()) or self.fleet.attempts or self._engine is None
        under_way = under_way or not self._keeper.has_reached(self.fleet)
        return not under_way and not any(w.state == "removing" for w in self.fleet.worktrees.values())

    # --- events in ---

    def ask(self, make: Ask) -> None:
        """A person asks, or the coordinator itself: what is refused is only told."""
        if self._engine is not None:
            self._apply([make(*self._stamp())])

    def _stamp(self) -> tuple[int, str]:
        """The time and the id of the next event."""
        self._events += 1
        return self._agenda.wall_ms, f"e{self._events}"

    def _apply(self, happened: Sequence[Event], done: Sequence[str] = (), *, again: bool = True) -> bool:
        """One commit. False when it did not come about; a store that failed is then tried `again`."""
        engine = self._engine
        if engine is None:
            return False
        before = engine.fleet
        try:
            applied = engine.apply(happened, done)
        except Refused as refused:
            self._say(f"refused: {refused}")
            return False
        except StoreFailed:
            self._say("the store failed")
            if again:
                self._later(self._rng.randint(500, 5_000), lambda: self._again(happened, done))
            return False
        except Killed as killed:
            if killed.committed:
                self._watch_what_was_committed(before, happened)
            self.kill()
            return False
        self._committed(before, engine.fleet, happened, applied.effects)
        for effect in applied.effects:
            self._undertake(effect)
        if applied.more:
            self._later(GOES_ON_MS, lambda: self.ask(_round_goes_on))
        return True

    def _again(self, happened: Sequence[Event], done: Sequence[str]) -> None:
        if self._apply(happened, done):
            self._done(done)

    def _watch_what_was_committed(self, before: Fleet, happened: Sequence[Event]) -> None:
        """Only the store knows it now."""
        loaded = self._store.load()
        causes = {event.id for event in happened}
        self._committed(before, loaded.fleet, happened, [e for e in loaded.outstanding if e.cause in causes])

    def _committed(
        self, before: Fleet, after: Fleet, happened: Sequence[Event], effects: Sequence[decisions.Effect]
    ) -> None:
        self.commits += not all(isinstance(e, _OF_HOSTS) for e in happened)
        self.fleet = after
        for event in happened:
            self._say(f"{self._agenda.now_ms} {event!r}")
        for effect in effects:
            self._say(f"    {effect!r}")
        self.watch.saw(happened, before, after, effects)
        self._follow_hosts(happened, before, after)
        if effects or not all(isinstance(e, _QUIET) for e in happened):
            self._beat_ms = BEAT_FIRST_MS
        self._stale = [*self._stale, *(e for e in happened if isinstance(e, _REPORTS))][-20:]

    def _follow_hosts(self, happened: Sequence[Event], before: Fleet, after: Fleet) -> None:
        """The world learns what the fleet has been told of work at home, which attempts are given up, which tasks have
        landed, and which hosts a person took away."""
        world = self._world
        for task_id, ref in kept_by(happened, before):
            world.disks.told(task_id, ref)
        for attempts, tasks in fenced_by(happened, before, after):
            self.lost += 1
            self.distrusted += any(isinstance(event, events.HostDistrusted) for event in happened)
            world.fenced.update(dict.fromkeys(attempts, self._agenda.now_ms))
            for task_id in tasks:
                world.disks.strays.add(task_id)
        for name in before.hosts:
            if name not in after.hosts:
                world.machines.switch_off(name)
        for task in after.tasks.values():
            if task.state == "landed" and task.id in before.tasks and before.tasks[task.id].state != "landed":
                world.check_landed(task.id)

    def _keep_hosts(self) -> None:
        """What is told of hosts is not tried again when the store fails: by then it may no longer be so."""
        for late, told in self._keeper.look(self.fleet):
            self.zombies += len({event.attempt for event in late if isinstance(event, events.Spooled)})
            for event in late:
                self._tell_too_late(event)
            self._apply(told, again=False)
            if self._engine is None:
                return
        for event in self._keeper.checkpoint(self.fleet):
            self._apply([event], again=False)

    def _tell_too_late(self, event: Event) -> None:
        before = self.fleet
        if self._apply([event], again=False):
            after = self.fleet
            same = (before.tasks, before.attempts, before.worktrees) == (
                after.tasks,
                after.attempts,
                after.worktrees,
            )
            if not same:
                raise Violation(f"what was given up has changed the fleet: {event!r}")

    def _beat(self) -> None:
        self.ask(lambda at, name: events.Beat(at_ms=at, id=name))
        self._keep_hosts()
        self._prove_accounts()
        self._ask_keyring()
        self._beat_ms = min(BEAT_MAX_MS, self._beat_ms * 3 // 2)
        if self._rng.random() < self._world.rates.stale_report:
            self._report_something_stale()
        if self.fleet.tasks:  # any task can be explained at any moment
            explain(self.fleet, self.fleet.tasks[self._rng.choice(sorted(self.fleet.tasks))])
        self._later(self._beat_ms, self._beat)

    def _prove_accounts(self) -> None:
        """Accounts that have to prove that they answer are asked, and reply some seconds later."""
        for account in to_ask(self.fleet):
            if account.name not in self._asking:
                self._asking.add(account.name)
                self._later(self._rng.randint(500, 120_000), partial(self._reply, account))

    def _ask_keyring(self) -> None:
        """As long as accounts wait for it, for what they wait for: it is there, gone, or cannot be reached."""
        waiting = tuple(account.name for account in self.fleet.accounts.values() if account.unreached)
        if waiting and not self._asks_keyring:
            self._asks_keyring = True
            self._later(self._rng.randint(500, 30_000), partial(self._keyring_says, waiting))

    def _keyring_says(self, names: Sequence[str]) -> None:
        self._asks_keyring = False
        away, rate = self._world.keyring_is_away, self._world.rates.token_forgotten
        gone = tuple(name for name in names if not away and self._rng.random() < rate)
        self.ask(
            lambda at_ms, name: events.CredentialsRead(
                at_ms=at_ms,
                id=name,
                found=() if away else tuple(one for one in names if one not in gone),
                missing=gone,
                unreached=tuple((one, "simulated lock") for one in names) if away else (),
            )
        )

    def _reply(self, account: Account) -> None:
        self._asking.discard(account.name)
        says, world = self._world.silence_of(account.name), self._world
        windows = [] if says else [w for w in world.pools[account.pool].windows if w.scope is None]
        for window in windows:
            window.roll(self._agenda.now_ms)
        readings = tuple(w.reading(refused=w.used >= w.capacity) for w in windows)
        good = world.credentials[account.name].good
        self.ask(
            lambda at_ms, name: events.AccountProved(
                at_ms=at_ms,
                id=name,
                name=account.name,
                ok=good and not says,
                detail=f"simulated {says}" if says else "",
                refused=not good,
                passing=says == "busy",
                readings=readings if good else (),
            )
        )

    def _report_something_stale(self) -> None:
        """A report that has been applied already comes once more: it must change nothing."""
        if not self._stale or self._engine is None:
            return
        before, stale = self._engine.fleet, self._rng.choice(self._stale)
        if _is_fenced(before, stale) and self._apply([stale]):
            after = self.fleet
            if after.tasks != before.tasks or after.attempts != before.attempts:
                raise Violation(f"a stale report changed the fleet: {stale!r}")

    # --- spools ---

    def spool_grew(self, attempt: str) -> None:
        if attempt in self._cursor and attempt not in self._reading:
            self._reading.add(attempt)
            self._later(self._rng.randint(10, 2_000), lambda: self._read(attempt))

    def _follow(self, attempt: str) -> None:
        if attempt in self.fleet.attempts and attempt not in self._cursor:
            self._cursor[attempt] = self.fleet.attempts[attempt].offset
            self.spool_grew(attempt)

    def _read(self, attempt: str) -> None:
        self._reading.discard(attempt)
        run = self._world.runs.get(attempt)
        if run is None or self._engine is None or self._world.machines.is_silent(run.host):
            return
        start = self._cursor[attempt]
        end, facts = run.read(start, self._rng.choice([1, 2, 5, 100]))
        if end == start:
            if not run.alive and not run.exited:
                self._later(self._rng.randint(500, 5_000), lambda: self._lost(attempt))
            return
        at_ms, name = self._stamp()
        said: list[Event] = [
            events.Spooled(at_ms=at_ms, id=name, attempt=attempt, start=start, end=end, facts=facts)
        ]
        if self._rng.random() < 0.1:  # several events, one commit
            at_ms, name = self._stamp()
            said.append(events.Beat(at_ms=at_ms, id=name))
        if self._apply(said):
            live = self.fleet.attempts.get(attempt)
            self._cursor[attempt] = end if live is None else live.offset
        self.spool_grew(attempt)

    def _lost(self, attempt: str) -> None:
        if attempt in self.fleet.attempts:
            self.ask(lambda at, name: events.WorkerLost(at_ms=at, id=name, attempt=attempt, detail="gone"))

    # --- effects out ---

    def _undertake(self, effect: decisions.Effect) -> None:
        """Effects about one task are performed in the order they were decided; words and stops overtake checks."""
        if self._engine is None:
            return
        if isinstance(effect, decisions.LandWork):
            self._world.repos.begin(effect.task, lane_of(self.fleet.tasks[effect.task]))
        chain = self._chains[self._chain_of(effect)]
        chain.append(effect)
        if len(chain) == 1:
            self._begin(effect)

    def _chain_of(self, effect: decisions.Effect) -> str:
        if isinstance(effect, decisions.LandWork | decisions.LookAtHeld):
            return f"{effect.task} landing"
        if isinstance(effect, decisions.RemoveWorktree):
            return f"{effect.task} worktree"
        worktree = f"{effect.attempt.rpartition('.')[0]} worktree"
        orders = isinstance(effect, decisions.TellWorker | decisions.StopWorker)
        starting = (e.attempt for e in self._chains[worktree] if isinstance(e, decisions.StartWorker))
        return f"{effect.attempt} orders" if orders and effect.attempt not in starting else worktree

    def _begin(self, effect: decisions.Effect) -> None:
        slow = 2_000 if isinstance(effect, _QUICK) else 60_000
        self._later(self._rng.randint(1, slow), lambda: self._act(effect))

    def _act(self, effect: decisions.Effect) -> None:
        """The world changes now; it is reported a moment later, if this life lasts that long."""
        try:
            reports = self._performers.perform(effect, self.fleet)
            self._break_wire(effect)
        except Away:
            self._later(self._rng.randint(2_000, 30_000), lambda: self._act(effect))
            return
        self._later(self._rng.randint(1, 300), lambda: self._report(effect, reports))

    def _break_wire(self, effect: decisions.Effect) -> None:
        """What another machine has done was never heard of."""
        attempt = self.fleet.attempts.get(getattr(effect, "attempt", ""))
        far = attempt is not None and attempt.host in self._world.machines.by_name
        if far and self._rng.random() < self._world.rates.wire_breaks:
            raise Away

    def _report(self, effect: decisions.Effect, reports: Sequence[Ask]) -> None:
        made = [report(*self._stamp()) for report in reports]
        if self._apply(made, [effect.id]):
            self._done([effect.id])

    def _done(self, done: Sequence[str]) -> None:
        for chain in list(self._chains.values()):
            if chain and chain[0].id in done:
                effect = chain.pop(0)
                if isinstance(effect, decisions.StartWorker):
                    self._follow(effect.attempt)
                if chain:
                    self._begin(chain[0])


_QUICK = (decisions.StartWorker, decisions.TellWorker, decisions.StopWorker, decisions.LookAtHeld)
_OF_HOSTS = (events.HostSeen, events.HostSilent, events.Checkpointed)
_QUIET = (events.Beat, events.RoundGoesOn, *_OF_HOSTS)
_REPORTS = (
    events.WorkerStarted,
    events.StartFailed,
    events.WorkerLost,
    events.Spooled,
    events.WorkChecked,
    events.LandingEnded,
    events.Checkpointed,
)


def _is_fenced(fleet: Fleet, report: Event) -> bool:
    """Whether the report's attempt is over, or its piece of spool has been applied."""
    if isinstance(report, events.Spooled):
        attempt = fleet.attempts.get(report.attempt)
        return attempt is None or attempt.offset != report.start
    if isinstance(report, events.LandingEnded):
        return fleet.tasks[report.task].landing_since_ms != report.begun_ms
    if isinstance(report, events.WorkChecked):
        return fleet.tasks[report.task].attempt != report.attempt
    of_attempt = events.StartFailed | events.WorkerLost | events.WorkerStarted | events.Checkpointed
    return isinstance(report, of_attempt) and report.attempt not in fleet.attempts
