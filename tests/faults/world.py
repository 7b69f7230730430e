"""The outside of one seed: pools and credentials, workers, repositories. It lives on while the coordinator is dead."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random

from fleet.core.events import Outcome
from fleet.core.model import Account, Attempt, Fleet, Task
from fleet.core.wording import fresh_session_id, opening_id
from fleet.virtual.agenda import Agenda
from tests.faults.client import Credential, Message, Run, Work
from tests.faults.disks import Disks
from tests.faults.machines import Machines
from tests.faults.meters import DAY_MS, HOUR_MS, Pool, Window
from tests.faults.rates import Rates, draw
from tests.faults.repos import Lane, Repos
from tests.faults.safety import Violation

TIERS = ("haiku", "sonnet", "opus")
SILENCES: tuple[Outcome, ...] = ("error", "busy", "unpaid")


def lane_of(task: Task) -> Lane:
    return (task.spec.repo, task.spec.target)


@dataclass
class World:
    rng: Random
    agenda: Agenda
    wrote: Callable[[str], None]
    rates: Rates = field(default_factory=Rates)
    pools: dict[str, Pool] = field(default_factory=dict)
    accounts: list[Account] = field(default_factory=list)
    credentials: dict[str, Credential] = field(default_factory=dict)
    runs: dict[str, Run] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.rates = draw(self.rng)
        self.repos = Repos(self.rng)
        self.disks = Disks(self._draw_work)
        self.machines = Machines(self.rng, self.agenda, self._stop_all)
        self.machines.emptied = self._forget_disk
        self.machines.is_busy = lambda name: any(run.alive for run in self._runs_on(name))
        self.machines.returned = self._go_on_reporting
        self.silent_until: dict[str, tuple[int, Outcome]] = {}
        """Accounts that answer nobody, until when, and what their server says."""
        self.keyring_away_until_ms = 0
        self.unfit: dict[tuple[str, str], Outcome | None] = {}
        """What an account makes of a session that has come from elsewhere; None: it takes it."""
        self.fenced: dict[str, int] = {}
        """Attempts that were given up with their host, and when: nothing they did afterwards may ever land."""
        for n in range(self.rng.randint(1, 5)):
            self._open_account(n)

    def _open_account(self, n: int) -> None:
        shared = n > 0 and self.rng.random() < 0.25
        pool = self.accounts[-1].pool if shared else f"pool{n}"
        if pool not in self.pools:
            self.pools[pool] = Pool(pool, self._windows())
        # The first account has every tier, so that every task has somewhere to end.
        tiers = TIERS if n == 0 else tuple(t for t in TIERS if self.rng.random() < 0.8)
        login = n > 0 and self.rng.random() < 0.15
        self.accounts.append(
            Account(
                name=f"acc{n}",
                kind="subscription" if self.rng.random() < 0.8 else "api-key",
                tiers=tuple((tier, f"model-{tier}") for tier in tiers),
                concurrency=self.rng.randint(1, 6),
                pool=pool,
                added_ms=self.agenda.wall_ms,
                login=login,
                secret=not login,
            )
        )
        self.credentials[f"acc{n}"] = Credential()

    def fall_silent(self) -> None:
        """Now and then an account answers nobody any more, for some time, or nobody but by chance."""
        if self.rng.random() < self.rates.account_silent:
            account = self.rng.choice(self.accounts).name
            lasts_ms = self.rng.choice([30_000, 600_000, 3 * HOUR_MS, DAY_MS])
            says = self.rng.choice(SILENCES)
            self.silent_until[account] = (self.agenda.now_ms + lasts_ms, says)

    def lock_keyring(self) -> None:
        """Now and then nobody can reach the keyring for some time."""
        if self.rng.random() < self.rates.keyring_away:
            lasts_ms = self.rng.choice([1_000, 60_000, 600_000, 3 * HOUR_MS])
            self.keyring_away_until_ms = self.agenda.now_ms + lasts_ms

    @property
    def keyring_is_away(self) -> bool:
        return self.agenda.now_ms < self.keyring_away_until_ms

    def silence_of(self, account: str) -> Outcome | None:
        until_ms, says = self.silent_until.get(account, (0, SILENCES[0]))
        return says if self.agenda.now_ms < until_ms else None

    def _made_of(self, attempt: Attempt) -> Outcome | None:
        """What the account makes of the session: the same each time that it is asked."""
        key = (attempt.session_id, attempt.account)
        if key not in self.unfit:
            comes = attempt.carry_from is not None and self.rng.random() < self.rates.session_unfit
            self.unfit[key] = self.rng.choice(("unfit", "credits")) if comes else None
        return self.unfit[key]

    def _windows(self) -> list[Window]:
        windows = [
            Window("five_hour", None, 5 * HOUR_MS, self.rng.randint(3, 40)),
            Window("seven_day", None, 7 * DAY_MS, self.rng.randint(40, 300)),
        ]
        if self.rng.random() < 0.5:
            windows.append(Window("seven_day_opus", "opus", 7 * DAY_MS, self.rng.randint(5, 30)))
        if self.rng.random() < 0.2:
            windows.append(Window("lunar_cycle", None, 28 * HOUR_MS, self.rng.randint(20, 60)))
        return windows

    def _draw_work(self, task: str) -> Work:
        """What the task will take: drawn when somebody first looks."""
        return Work(task, self.rng.randint(1, 10), self.rng.choice([0, 0, 0, 1, 2, 9]))

    # --- machines ---

    def _runs_on(self, name: str) -> list[Run]:
        return [run for run in self.runs.values() if run.host == name]

    def _stop_all(self, name: str) -> None:
        for run in self._runs_on(name):
            if run.alive:
                run.die()

    def _forget_disk(self, name: str) -> None:
        for key in [key for key in self.disks.there if key[1] == name]:
            del self.disks.there[key]

    def _go_on_reporting(self, name: str) -> None:
        for run in self._runs_on(name):
            self.wrote(run.attempt)

    def strays(self, fleet: Fleet, name: str) -> list[Run]:
        """Workers on the machine that the fleet knows nothing of."""
        return [run for run in self._runs_on(name) if run.alive and run.attempt not in fleet.attempts]

    def stray_disks(self, fleet: Fleet, name: str) -> list[str]:
        """Tasks whose directories on the machine the fleet knows nothing of."""
        there = sorted(task for task, host in self.disks.there if host == name)
        return [task for task in there if name not in fleet.worktrees[task].hosts]

    # --- workers ---

    def live_runs(self, task: str, host: str) -> list[Run]:
        return [r for r in self.runs.values() if r.alive and (r.task, r.host) == (task, host)]

    def launch(self, fleet: Fleet, task: Task, attempt: Attempt) -> Run:
        """Starts the attempt's worker, once, on its work, which is brought there. Raises Away, and Violation when its
        worktree or session has another that was not given up."""
        if attempt.id in self.runs:
            return self.runs[attempt.id]
        for other in self.runs.values():
            fenced = other.attempt in self.fenced and other.host != attempt.host
            shares = other.task == task.id or other.session == attempt.session_id
            if other.alive and shares and not fenced:
                raise Violation(
                    f"{attempt.id} is started while {other.attempt} works in its worktree or session"
                )
        self._check_base(fleet, task)
        work = self.bring(fleet, task)
        vanished = attempt.resumes and self.rng.random() < self.rates.transcript_vanishes
        told_late = vanished and self.rng.random() < 0.5
        resumed = attempt.resumes and (not vanished or told_late)
        run = Run(
            attempt=attempt.id,
            task=task.id,
            host=attempt.host,
            account=attempt.account,
            tier=attempt.model.removeprefix("model-"),
            session=attempt.session_id if resumed or not attempt.resumes else self.fresh(fleet, attempt),
            resumed=resumed,
            work=work if not attempt.judges else Work(task.id, self.rng.randint(1, 3), 0),
            judges=attempt.judges,
            pool=self.pools[fleet.accounts[attempt.account].pool],
            credential=self.credentials[attempt.account],
            agenda=self.agenda,
            rng=self.rng,
            rates=lambda: self.rates,
            wrote=lambda r: self.wrote(r.attempt),
            silence=lambda: self.silence_of(attempt.account),
            unfit=self._made_of(attempt) if resumed else None,
        )
        self.runs[attempt.id] = run
        opening = Message(opening_id(attempt.id), tuple(word.id for word in attempt.opening))
        run.begin(opening, vanished=told_late)
        return run

    @staticmethod
    def fresh(fleet: Fleet, attempt: Attempt) -> str:
        return fresh_session_id(fleet.home_id, attempt.id)

    def _check_base(self, fleet: Fleet, task: Task) -> None:
        """As its branch begins. What was left on a branch then may be merged after all, later."""
        if task.id in self.repos.bases:
            return
        base = self.repos.base(task.id, lane_of(task))
        for dependency in (fleet.tasks[t] for t in task.after):
            merged = dependency.spec.land == "merge" and not dependency.on_branch
            merged = merged and lane_of(dependency) == lane_of(task)
            if merged and dependency.id not in base:
                raise Violation(f"{task.id} starts on a base without {dependency.id}, which it waits for")

    def bring(self, fleet: Fleet, task: Task) -> Work:
        worktree = fleet.worktrees[task.id]
        if worktree.moves_from is not None:
            self.machines.reach(worktree.moves_from)
            if self.live_runs(task.id, worktree.moves_from):
                raise Violation(f"the work of {task.id} is moved away under its worker")
            self.disks.carry(task.id, worktree.moves_from, worktree.preserved)
        moved = worktree.moves_from is not None
        return self.disks.make(task.id, worktree.host, worktree.preserved, moved=moved)

    def check_landed(self, task: str) -> None:
        """Raises Violation when something has landed that was done by a worker that had been given up."""
        for attempt, at_ms in self.disks.at_home(task).log:
            if at_ms > self.fenced.get(attempt, at_ms):
                raise Violation(f"{task} has landed with what {attempt} did after its host was given up")

    # --- healing ---

    def heal(self) -> None:
        """Faults end: credentials are good, targets are free, clocks are right, nothing breaks any more."""
        self.rates = self.rates.healed()
        self.agenda.skew_ms = 0
        self.repos.checked_out.clear()
        self.machines.heal()
        self.silent_until.clear()
        self.keyring_away_until_ms = 0
        self.unfit.clear()
        for credential in self.credentials.values():
            credential.good = True
