"""One seed from its first event to its last: faults and safety first, then healing and liveness."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from hashlib import sha256
from random import Random

from fleet.core import events
from fleet.core.dispatch import Chooser, explain
from fleet.core.model import Account, Fleet
from fleet.core.model.lifecycles import TASK_ENDS
from fleet.core.model.prices import Prices
from fleet.engine import Engine
from fleet.ports import Store
from fleet.virtual.agenda import Agenda
from fleet.virtual.memory_store import Memory, MemoryStore
from tests.faults.coordinator import Ask, AsWithoutMemory, Coordinator
from tests.faults.failing_store import FailingStore
from tests.faults.hosts_asked import adding_host, mended
from tests.faults.people import People, approving, paused
from tests.faults.planner import prices_for, protections_for
from tests.faults.rulings import undone
from tests.faults.safety import Violation
from tests.faults.verdict import unfinished
from tests.faults.world import World

FAULTS_MS = 12 * 3_600_000
COMMITS_MAX = 350
HEALED_MS = 120 * 24 * 3_600_000


REFUSING = range(5_000, 6_000)
"""Seeds in whose world the git of hosts refuses repositories."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a seed came to: a digest of everything that happened, and how much that was. `moves` are those of sessions
    between accounts, `carried` those of work between hosts, `revised` revisions of tasks; `silences` are accounts that
    answered nobody for a time, `renewed` sessions in whose place a new one was begun; `outages` are those of
    the keyring that work met, `pauses`, `approved` and `merged_later` what persons paused, approved, and had merged
    after all, `judged` answers of models that reviewed; `zombies` are workers that came back with a lost host.
    `kept_apart` is how often another machine answered than the one with the workers, `refused` how often the git of a
    host refused a start."""

    seed: int
    digest: str
    commits: int
    kills: int
    moves: int
    landed: int
    tasks: int
    hosts_lost: int
    hosts_distrusted: int
    zombies: int
    carried: int
    revised: int
    silences: int
    renewed: int
    outages: int
    pauses: int
    approved: int
    merged_later: int
    judged: int
    kept_apart: int
    refused: int


class Trace:
    """Every event and effect in words: a digest of all, the last ones for the person who reads the failure."""

    def __init__(self, show: Callable[[str], None] | None) -> None:
        self.last: deque[str] = deque(maxlen=40)
        self._hash = sha256()
        self._show = show

    def line(self, text: str) -> None:
        self._hash.update(text.encode())
        self.last.append(text)
        if self._show is not None:
            self._show(text)

    @property
    def digest(self) -> str:
        return self._hash.hexdigest()


def simulate(
    seed: int, open_store: Callable[[], Store] | None = None, show: Callable[[str], None] | None = None
) -> Outcome:
    """Runs one seed. Raises Violation with the command that runs it again, and its last events."""
    trace = Trace(show)
    try:
        return _Simulation(seed, open_store, trace).run()
    except Exception as broke:
        broke.add_note(f"run it again: python -m tests.faults --seed {seed} --trace")
        broke.add_note("the last events:\n" + "\n".join(list(trace.last)[-15:]))
        raise


DOUBTED = 4
"""In one of so many seeds each round of dispatch is compared with one that remembers nothing: that takes half as long
again."""


AT_ONCE = (None, 1, 2)
"""How many placements a round may make, by seed."""


class _Simulation:
    def __init__(self, seed: int, open_store: Callable[[], Store] | None, trace: Trace) -> None:
        self.seed = seed
        self.rng = Random(seed)
        self.agenda = Agenda()
        self.world = World(self.rng, self.agenda, lambda attempt: self.coordinator.spool_grew(attempt))
        if seed in REFUSING:
            self.world.machines.begin_refusing()
        self.people = People(self.world, self.rng)
        self.healing = False
        memory = Memory()
        self.store = FailingStore(
            open_store or (lambda: MemoryStore(memory)), self.rng, lambda: self.world.rates
        )
        kind = Chooser if seed % DOUBTED else AsWithoutMemory
        rule = partial(kind, AT_ONCE[seed // DOUBTED % len(AT_ONCE)])
        self.coordinator = Coordinator(self.world, self.store, self.rng, trace.line, rule)
        self.trace = trace

    def run(self) -> Outcome:
        self.coordinator.up()
        self._found()
        self.agenda.after(self.rng.randint(1_000, 60_000), self._person)
        self.agenda.after(self.rng.randint(1_000, 600_000), self._misfortune)
        self.agenda.after(self.rng.randint(1_000, 300_000), self._break_hosts)
        self.agenda.after(self.rng.randint(1_000, 60_000), self._silence)
        self.agenda.after(self.rng.randint(1_000, 60_000), self._lock)
        self.agenda.after(self.rng.randint(1_000, 600_000), self._plan)
        self.agenda.after(self.rng.randint(1_000, 600_000), self._ask_idle)
        self._go_on(self.agenda.now_ms + FAULTS_MS, lambda: self.coordinator.commits >= COMMITS_MAX)
        self._heal()
        self._go_on(self.agenda.now_ms + HEALED_MS, self._all_over)
        self._judge()
        return self._outcome()

    def _go_on(self, until_ms: int, enough: Callable[[], bool]) -> None:
        while self.agenda.now_ms < until_ms and not enough() and self.agenda.next():
            pass

    def _found(self) -> None:
        for account in self.world.accounts:
            self.coordinator.ask(_adding(account))
        for machine in self.world.machines.by_name.values():
            self.coordinator.ask(adding_host(machine.host))
        for _ in range(self.rng.randint(1, 3)):
            self.coordinator.ask(lambda at, name: self.people.tasks(self._fleet(), at, name))

    def _fleet(self) -> Fleet:
        return self.coordinator.fleet

    def _person(self) -> None:
        if self.healing:
            return
        if self.rng.random() < self.world.rates.person_acts:
            self.coordinator.ask(lambda at, name: self.people.act(self._fleet(), at, name))
        pause_ms = 8_000 if self.people.regrets else 45_000
        self.agenda.after(self.rng.randint(500, pause_ms), self._person)

    def _plan(self) -> None:
        """A planner says what capacity is worth, and a forecast how much of it persons will want, now and then."""
        if not self.healing:
            self.coordinator.ask(
                lambda at, name: events.Priced(
                    at_ms=at, id=name, prices=prices_for(self._fleet(), self.rng, at)
                )
            )
            self.coordinator.ask(
                lambda at, name: events.ProtectionsMade(
                    at_ms=at, id=name, protections=protections_for(self._fleet(), self.rng, at)
                )
            )
            self.agenda.after(self.rng.randint(60_000, 1_800_000), self._plan)

    def _ask_idle(self) -> None:
        """An account is asked about its windows without a worker, and answers a moment or many minutes later."""
        if self.healing:
            return
        account, seen_ms = self.rng.choice(self.world.accounts), self.agenda.wall_ms
        windows = self.world.pools[account.pool].windows
        for window in windows:
            window.roll(seen_ms)
        readings = tuple(w.reading() for w in windows if self.rng.random() < 0.9)
        answered_ms = self.rng.choice([500, 5_000, 1_800_000])
        self.agenda.after(
            answered_ms,
            lambda: self.coordinator.ask(
                lambda at, name: events.AccountRead(
                    at_ms=at, id=name, name=account.name, readings=readings, seen_ms=seen_ms
                )
            ),
        )
        self.agenda.after(self.rng.randint(60_000, 3_600_000), self._ask_idle)

    def _misfortune(self) -> None:
        """Now and then the coordinator is killed, or the clock on the wall jumps."""
        if self.healing:
            return
        if self.rng.random() < self.world.rates.killed_any_time * 4:
            self.coordinator.kill()
        if self.rng.random() < self.world.rates.clock_jumps * 2:
            reach_ms = self.rng.choice([1_000, 60_000, 3_600_000, 3 * 86_400_000])
            self.agenda.skew_ms += self.rng.randint(-reach_ms, reach_ms)
            self.trace.line(f"the clock is off by {self.agenda.skew_ms} ms now")
        self.agenda.after(self.rng.randint(1_000, 1_200_000), self._misfortune)

    def _silence(self) -> None:
        """Now and then an account answers nobody any more."""
        if not self.healing:
            self.world.fall_silent()
            self.agenda.after(self.rng.randint(1_000, 240_000), self._silence)

    def _lock(self) -> None:
        """Now and then the keyring cannot be reached."""
        if not self.healing:
            self.world.lock_keyring()
            self.agenda.after(self.rng.randint(1_000, 600_000), self._lock)

    def _break_hosts(self) -> None:
        """Now and then one of the other machines falls silent, or dies."""
        if not self.healing:
            self.world.machines.misfortune(self.world.rates)
            self.agenda.after(self.rng.randint(1_000, 300_000), self._break_hosts)

    def _heal(self) -> None:
        self.trace.line("healed")
        self.healing = True
        self.world.heal()
        self.coordinator.wake()
        self.coordinator.ask(lambda at, name: events.DrainAsked(at_ms=at, id=name, on=False))
        self.coordinator.ask(lambda at, name: events.Priced(at_ms=at, id=name, prices=Prices(at, "greedy")))
        self._look_again()

    def _look_again(self) -> None:
        """Faults and refusals from before the healing may be read only now, so a person looks again every hour."""
        self.agenda.after(3_600_000, self._look_again)
        for ask in list(undone(self._fleet())):
            self.coordinator.ask(ask)
        for ask in list(paused(self._fleet())):
            self.coordinator.ask(ask)
        for task in [t for t in self._fleet().tasks.values() if t.state == "review"]:
            self.coordinator.ask(approving(task))
        for ask in mended(self._fleet(), self.world.machines):
            self.coordinator.ask(ask)
        for account in self.world.accounts:
            known = self._fleet().accounts.get(account.name)
            if known is None or known.state == "removed":
                self.coordinator.ask(_adding(account))
            elif known.state == "quarantined":
                self.coordinator.ask(_verifying(account))

    def _all_over(self) -> bool:
        return self.coordinator.quiet() and all(_is_over(self._fleet(), t) for t in self._fleet().tasks)

    def _judge(self) -> None:
        wrong = unfinished(self._fleet(), self.world, self.coordinator.watch)
        if wrong:
            raise Violation("; ".join(wrong))
        self.coordinator.kill()
        self.store.reopen()
        loaded = Engine(self.store)
        if loaded.outstanding:
            raise Violation(f"effects are never done: {loaded.outstanding}")
        self.store.close()

    def _outcome(self) -> Outcome:
        watch, tasks = self.coordinator.watch, self._fleet().tasks
        return Outcome(
            seed=self.seed,
            digest=self.trace.digest,
            commits=self.coordinator.commits,
            kills=self.coordinator.kills,
            moves=sum(watch.moves.values()),
            landed=sum(1 for t in tasks.values() if t.state == "landed"),
            tasks=len(tasks),
            hosts_lost=self.coordinator.lost,
            hosts_distrusted=self.coordinator.distrusted,
            zombies=self.coordinator.zombies,
            carried=self.world.disks.carried,
            revised=sum(t.revisions for t in tasks.values()),
            silences=watch.silences,
            kept_apart=self.world.machines.kept_apart,
            renewed=sum(t.renewals for t in tasks.values()),
            outages=watch.outages,
            pauses=watch.pauses,
            approved=watch.approvals,
            merged_later=watch.merged_later,
            judged=watch.judgements,
            refused=watch.refusals,
        )


def _adding(account: Account) -> Ask:
    return lambda at_ms, name: events.AccountAdded(at_ms=at_ms, id=name, account=account)


def _verifying(account: Account) -> Ask:
    return lambda at_ms, name: events.AccountVerified(at_ms=at_ms, id=name, name=account.name, ok=True)


def _is_over(fleet: Fleet, task_id: str) -> bool:
    task = fleet.tasks[task_id]
    return task.state in TASK_ENDS or (task.state == "waiting" and explain(fleet, task).stuck)
