"""A week in virtual time through the real engine: workers that draw on the meters, persons, failures, a planner."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from hashlib import sha256

from fleet.core import decisions, events
from fleet.core.model import Fleet, TaskSpec
from fleet.core.model.lifecycles import TASK_ENDS
from fleet.core.model.prices import Prices
from fleet.core.model.tokens import Tokens
from fleet.core.rules.placing import Choose
from fleet.core.wording import opening_id
from fleet.engine import Engine
from fleet.ports import NoPlan
from fleet.simulate.cases import Case, Job, Request
from fleet.simulate.founding import found
from fleet.simulate.record import Course, Record, Served, Stay
from fleet.simulate.world import Meter, Server
from fleet.spoken.spans import HOUR_MS, MINUTE_MS
from fleet.virtual.agenda import Agenda
from fleet.virtual.memory_store import Memory, MemoryStore
from workers.printable import one_line

START_MS = 1_760_313_600_000
"""Monday, 13 October 2025, 00:00 UTC: every scenario begins on a Monday at midnight."""

BEAT_MS = 10 * MINUTE_MS
ANSWERS = 5
"""An attempt at a whole task gives so many answers."""

START_DELAY_MS = 5_000
CHECK_MS = 10_000
EXIT_MS = 1_000

Planner = Callable[[Fleet], Prices]


class Work:
    """What is left of a task, wherever its session goes: `done` of its work with the present tier, a share.
    `failed`: its last check with that tier failed, so that a stronger one begins anew."""

    def __init__(self, job: Job) -> None:
        self.job = job
        self.done = 0.0
        self.tier = ""
        self.failed = False


class Run:
    """One worker. Its answers come at an even pace; each draws its part of the work, or is refused."""

    def __init__(self, attempt: str, work: Work, stay: Stay, extra: int) -> None:
        self.attempt = attempt
        self.work = work
        self.stay = stay
        self.extra = extra
        self.offset = 0
        self.answers = 0
        self.alive = True


class Week:
    """One run of a case. `choose` is the rule of dispatch; `planner` is called on a beat and when `stale` says so."""

    def __init__(
        self,
        case: Case,
        choose: Choose,
        policy: str,
        planner: Planner | None,
        plan_every_ms: int,
        check: Callable[[Fleet], None] | None,
    ) -> None:
        self._case = case
        self._planner, self._plan_every_ms, self._check = planner, plan_every_ms, check
        self._agenda = Agenda()
        self._agenda.now_ms = START_MS
        self.end_ms = START_MS + case.scenario.horizon
        self.servers = {
            account.name: Server(
                account,
                tuple(
                    Meter(account.name, b, case.scenario.tiers_of(account), START_MS) for b in account.buckets
                ),
                START_MS,
            )
            for account in case.scenario.accounts
        }
        self._engine = Engine(MemoryStore(Memory(fleet=found(case, self.servers, START_MS))), choose)
        self._planned_ms = 0
        self._work: dict[str, Work] = {}
        self._ids: dict[str, str] = {}
        self._runs: dict[str, Run] = {}
        self._open: set[str] = set()
        self._waiting: dict[str, list[str]] = defaultdict(list)
        self._hash = sha256()
        self._effects: list[decisions.Effect] = []
        self.record = Record(
            case=case,
            policy=policy,
            start_ms=START_MS,
            end_ms=self.end_ms,
            courses={job.key: Course(job) for job in case.jobs},
            buckets=[meter.past for server in self.servers.values() for meter in server.meters],
        )

    def run(self) -> Record:
        self._lay_out()
        while self._agenda.now_ms < self.end_ms and self._agenda.next():
            pass
        self._close()
        return self.record

    def _lay_out(self) -> None:
        """Everything that will happen whatever the policy does."""
        arrivals: dict[int, list[Job]] = {}
        for job in self._case.jobs:
            arrivals.setdefault(job.at_ms, []).append(job)
        for at_ms, jobs in sorted(arrivals.items()):
            self._agenda.after(at_ms, partial(self._arrive, jobs))
        for request in self._case.requests:
            self._agenda.after(request.at_ms, partial(self._serve, request))
        for server in self.servers.values():
            for failure in server.account.failures:
                self._agenda.after(failure.ends, partial(self._recovers, server))
        self._agenda.after(0, self._beat)
        self._agenda.after(self._case.scenario.horizon, lambda: None)

    def _close(self) -> None:
        for server in self.servers.values():
            for meter in server.meters:
                meter.close(self.end_ms)
        for run in self._runs.values():
            if run.alive:
                run.stay.ends_ms = self.end_ms
                run.stay.to_share = run.work.done
        self.record.digest = self._hash.hexdigest()

    # --- events in ---

    def _stamp(self) -> str:
        self.record.events += 1
        return f"e{self.record.events}"

    def _apply(self, happened: Sequence[events.Event]) -> None:
        applied = self._engine.apply(happened, tuple(effect.id for effect in self._effects))
        self._effects = list(applied.effects)
        for event in happened:
            if not isinstance(event, events.Priced):  # how long a plan took is no part of what happened
                self._hash.update(repr(event).encode())
        for effect in applied.effects:
            self._hash.update(repr(effect).encode())
            self._perform(effect)
        if self._check is not None:
            self._check(self._engine.fleet)

    def _arrive(self, jobs: list[Job]) -> None:
        first = self._engine.fleet.tasks_made + 1
        for n, job in enumerate(jobs):
            self._ids[job.key] = f"t{first + n}"
            self._work[f"t{first + n}"] = Work(job)
            self._open.add(job.key)
        specs = tuple(self._spec(job, jobs) for job in jobs)
        self._apply([events.TasksAdded(at_ms=self._agenda.now_ms, id=self._stamp(), specs=specs)])
        if self._planner is not None and self._agenda.now_ms - self._planned_ms >= self._plan_every_ms:
            self._plan(self._planner)
        for job in jobs:
            self._look_whether_ready(job.key)

    def _spec(self, job: Job, together: list[Job]) -> TaskSpec:
        here = {other.key for other in together}
        return TaskSpec(
            prompt="",
            repo=job.project,
            title=one_line(job.key),
            tiers=tuple(way.tier for way in job.ways),
            target="main",
            key=_asked(job.key),
            deadline_ms=None if job.deadline_ms is None else START_MS + job.deadline_ms,
            after=tuple(_asked(name) if name in here else self._ids[name] for name in job.after),
            project=job.project,
            kind=job.kind,
            size=job.size,
            value=job.value,
        )

    def _serve(self, request: Request) -> None:
        """A person's request is answered at once or not at all."""
        server = self.servers[request.account]
        served = not server.fails(self._agenda.now_ms)
        served = served and server.draw(self._agenda.now_ms, request.tier, request.work) is None
        self.record.requests.append(
            Served(self._agenda.now_ms, request.account, served, request.work, request.tier)
        )

    def _recovers(self, server: Server) -> None:
        at_ms = self._agenda.now_ms
        self._apply(
            [events.AccountVerified(at_ms=at_ms, id=self._stamp(), name=server.account.name, ok=True)]
        )

    def _beat(self) -> None:
        """Time passes for the engine; now and then, while there is work to place, it is given new prices."""
        now_ms = self._agenda.now_ms
        since_ms = now_ms - START_MS
        if (
            self._planner is not None
            and since_ms % self._plan_every_ms < BEAT_MS
            and self._engine.fleet.queue
        ):
            self._plan(self._planner)
        else:
            self._apply([events.Beat(at_ms=now_ms, id=self._stamp())])
        self._agenda.after(BEAT_MS, self._beat)

    def _plan(self, planner: Planner) -> None:
        now_ms = self._planned_ms = self._agenda.now_ms
        try:
            prices = planner(replace(self._engine.fleet, now_ms=now_ms))
        except NoPlan:  # as the coordinator does it: the prices there are stay, until they are stale
            self._apply([events.Beat(at_ms=now_ms, id=self._stamp())])
            return
        self.record.plans += 1
        self._apply([events.Priced(at_ms=now_ms, id=self._stamp(), prices=prices)])

    # --- effects out ---

    def _perform(self, effect: decisions.Effect) -> None:
        now_ms = self._agenda.now_ms
        if isinstance(effect, decisions.StartWorker):
            self._agenda.after(START_DELAY_MS, partial(self._start, effect.attempt, now_ms))
        elif isinstance(effect, decisions.CheckWork):
            self._agenda.after(CHECK_MS, partial(self._verify, effect.attempt))
        elif isinstance(effect, decisions.StopWorker):
            self._agenda.after(EXIT_MS, partial(self._exit, effect.attempt))
        elif isinstance(effect, decisions.RemoveWorktree):
            self._agenda.after(EXIT_MS, partial(self._remove, effect.task))

    # --- workers ---

    def _start(self, attempt_id: str, placed_ms: int) -> None:
        attempt = self._engine.fleet.attempts.get(attempt_id)
        if attempt is None:
            return
        work = self._work[attempt.task]
        if work.tier != attempt.tier and work.failed:
            work.done, work.failed = 0.0, False
        work.tier = attempt.tier
        course = self.record.courses[work.job.key]
        moved = attempt.carry_from is not None
        stay = Stay(course.job.key, attempt.account, attempt.tier, placed_ms, self.end_ms, moved, work.done)
        course.stays.append(stay)
        way = work.job.way(attempt.tier)
        extra = round(self._case.scenario.move_cost * way.work) if moved else 0
        run = self._runs[attempt_id] = Run(attempt_id, work, stay, extra)
        started = events.WorkerStarted(
            at_ms=self._agenda.now_ms,
            id=self._stamp(),
            attempt=attempt_id,
            branch=f"fleet/{attempt.task}",
            base_commit="base",
            path=f"/worktrees/{attempt.task}",
            session_id=attempt.session_id,
            resumed=attempt.resumes,
        )
        self._apply([started, self._spooled(run, (events.WordTaken(opening_id(attempt_id)),))])
        self._agenda.after(self._pause_ms(run), partial(self._answer, run))

    def _spooled(self, run: Run, facts: tuple[events.Fact, ...]) -> events.Spooled:
        start, run.offset = run.offset, run.offset + 1
        return events.Spooled(
            at_ms=self._agenda.now_ms,
            id=self._stamp(),
            attempt=run.attempt,
            start=start,
            end=run.offset,
            facts=facts,
        )

    @staticmethod
    def _part(run: Run) -> float:
        """The share of the task's work that the next answer does."""
        return min(1.0 / ANSWERS, 1.0 - run.work.done)

    def _pause_ms(self, run: Run) -> int:
        return max(1, round(run.work.job.way(run.stay.tier).ms * self._part(run)))

    def _answer(self, run: Run) -> None:
        """Draws one answer's work; at the end of the work the turn ends."""
        if not run.alive:
            return
        server, tier, now_ms = self.servers[run.stay.account], run.stay.tier, self._agenda.now_ms
        if server.fails(now_ms):
            self._apply([self._spooled(run, (events.TurnEnded("login", "its credential is refused"),))])
            return
        done = run.work.done + self._part(run)
        done = 1.0 if done > 1.0 - 1e-9 else done
        way = run.work.job.way(tier)
        work = round(way.work * done) - round(way.work * run.work.done) + run.extra
        refusing = server.draw(now_ms, tier, work)
        if refusing is not None:
            self._refuse(run, refusing)
            return
        run.work.done, run.extra = done, 0
        run.answers += 1
        run.stay.work += work
        run.stay.to_share = done
        facts: list[events.Fact] = [events.Answered(f"{run.attempt}-{run.answers}", Tokens(input=work))]
        facts += [events.WindowsRead(seen, at_ms) for at_ms, seen in server.readings(now_ms, tier)]
        if done >= 1.0:
            facts.append(events.TurnEnded("finished", ""))
        self._apply([self._spooled(run, tuple(facts))])
        if done < 1.0:
            self._agenda.after(self._pause_ms(run), partial(self._answer, run))

    def _refuse(self, run: Run, meter: Meter) -> None:
        self._apply(
            [
                self._spooled(
                    run,
                    (
                        events.WindowsRead((meter.reading(refused=True),), self._agenda.now_ms),
                        events.TurnEnded("limited", f"You've hit your {meter.name} limit"),
                    ),
                )
            ]
        )

    def _verify(self, attempt_id: str) -> None:
        run = self._runs[attempt_id]
        key = run.work.job.key
        ok = run.work.job.way(run.stay.tier).succeeds
        run.work.failed = not ok
        task = attempt_id.rpartition(".")[0]
        self._apply(
            [
                events.WorkChecked(
                    at_ms=self._agenda.now_ms,
                    id=self._stamp(),
                    task=task,
                    attempt=attempt_id,
                    ok=ok,
                    commit=f"{task}-{run.stay.tier}",
                    output="" if ok else "1 test failed",
                )
            ]
        )
        self._look_at(key)

    def _exit(self, attempt_id: str) -> None:
        run = self._runs.get(attempt_id)
        if run is None or not run.alive:
            return
        run.alive = False
        run.stay.ends_ms = self._agenda.now_ms
        self._apply([self._spooled(run, (events.Exited("stopped", 0, ""),))])
        self._look_at(run.work.job.key)

    def _remove(self, task: str) -> None:
        self._apply(
            [events.WorktreeRemoved(at_ms=self._agenda.now_ms, id=self._stamp(), task=task, preserved=None)]
        )

    # --- books ---

    def _look_at(self, key: str) -> None:
        """Writes down the task's end, and what may begin by it."""
        course = self.record.courses[key]
        if key not in self._open:
            return
        state = self._engine.fleet.tasks[self._ids[key]].state
        if state not in TASK_ENDS:
            return
        self._open.discard(key)
        course.failed = state != "landed"
        if state == "landed":
            course.done_ms = self._agenda.now_ms
            for waiting in self._waiting.pop(key, ()):
                self._look_whether_ready(waiting)

    def _look_whether_ready(self, key: str) -> None:
        course = self.record.courses[key]
        waits = [name for name in course.job.after if self.record.courses[name].done_ms is None]
        if not waits:
            course.ready_ms = self._agenda.now_ms
        for name in waits[:1]:
            self._waiting[name].append(key)


def _asked(key: str) -> str:
    """The name of a task within its request. The keys of a scenario may look like the engine's ids."""
    return f"scenario {key}"


def run_case(
    case: Case,
    choose: Choose,
    *,
    policy: str,
    planner: Planner | None = None,
    plan_every_ms: int = HOUR_MS,
    check: Callable[[Fleet], None] | None = None,
) -> Record:
    """Runs the case from its start to its horizon. `check` sees the fleet after every commit (for tests)."""
    return Week(case, choose, policy, planner, plan_every_ms, check).run()
