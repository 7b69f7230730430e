"""The outside of one seed: pools and credentials, workers, repositories. It lives on while the coordinator is dead."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random

from fleet.core.model import Account, Attempt, Fleet, Task
from fleet.core.wording import fresh_session_id, opening_id
from fleet.sim.agenda import Agenda
from fleet.sim.client import Credential, Message, Run, Work
from fleet.sim.meters import DAY_MS, HOUR_MS, Pool, Window
from fleet.sim.rates import Rates, draw
from fleet.sim.repos import Lane, Repos
from fleet.sim.safety import Violation

TIERS = ("haiku", "sonnet", "opus")


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
    work: dict[str, Work] = field(default_factory=dict)
    runs: dict[str, Run] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.rates = draw(self.rng)
        self.repos = Repos(self.rng)
        for n in range(self.rng.randint(1, 5)):
            self._open_account(n)

    def _open_account(self, n: int) -> None:
        shared = n > 0 and self.rng.random() < 0.25
        pool = self.accounts[-1].pool if shared else f"pool{n}"
        if pool not in self.pools:
            self.pools[pool] = Pool(pool, self._windows())
        # The first account has every tier, so that every task has somewhere to end.
        tiers = TIERS if n == 0 else tuple(t for t in TIERS if self.rng.random() < 0.8)
        self.accounts.append(
            Account(
                name=f"acc{n}",
                kind="subscription" if self.rng.random() < 0.8 else "api-key",
                tiers=tuple((tier, f"model-{tier}") for tier in tiers),
                concurrency=self.rng.randint(1, 6),
                pool=pool,
                added_ms=self.agenda.wall_ms,
            )
        )
        self.credentials[f"acc{n}"] = Credential()

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

    def work_of(self, task: str) -> Work:
        """What the task will take: drawn when somebody first looks."""
        if task not in self.work:
            self.work[task] = Work(task, self.rng.randint(1, 10), self.rng.choice([0, 0, 0, 1, 2, 9]))
        return self.work[task]

    # --- workers ---

    def live_runs(self, task: str) -> list[Run]:
        return [r for r in self.runs.values() if r.task == task and r.alive]

    def launch(self, fleet: Fleet, task: Task, attempt: Attempt) -> Run:
        """Starts the attempt's worker, once. Raises Violation when its worktree or session has another."""
        if attempt.id in self.runs:
            return self.runs[attempt.id]
        for other in self.runs.values():
            if other.alive and (other.task == task.id or other.session == attempt.session_id):
                raise Violation(
                    f"{attempt.id} is started while {other.attempt} works in its worktree or session"
                )
        self._check_base(fleet, task)
        vanished = attempt.resumes and self.rng.random() < self.rates.transcript_vanishes
        told_late = vanished and self.rng.random() < 0.5
        resumed = attempt.resumes and (not vanished or told_late)
        run = Run(
            attempt=attempt.id,
            task=task.id,
            account=attempt.account,
            tier=attempt.model.removeprefix("model-"),
            session=attempt.session_id if resumed or not attempt.resumes else self.fresh(fleet, attempt),
            resumed=resumed,
            work=self.work_of(task.id),
            pool=self.pools[fleet.accounts[attempt.account].pool],
            credential=self.credentials[attempt.account],
            agenda=self.agenda,
            rng=self.rng,
            rates=lambda: self.rates,
            wrote=lambda r: self.wrote(r.attempt),
        )
        self.runs[attempt.id] = run
        opening = Message(opening_id(attempt.id), tuple(word.id for word in attempt.opening))
        run.begin(opening, vanished=told_late)
        return run

    @staticmethod
    def fresh(fleet: Fleet, attempt: Attempt) -> str:
        return fresh_session_id(fleet.home_id, attempt.id)

    def _check_base(self, fleet: Fleet, task: Task) -> None:
        worktree = self.repos.make(task.id, lane_of(task))
        if worktree.kept:
            if fleet.worktrees[task.id].preserved is None:
                raise Violation(
                    f"the uncommitted work of {task.id} is kept, but its next worker is not given it"
                )
            worktree.kept, self.work_of(task.id).dirty = False, True
        for dependency in (fleet.tasks[t] for t in task.after):
            merged = dependency.spec.land == "merge" and lane_of(dependency) == lane_of(task)
            if merged and dependency.id not in worktree.base:
                raise Violation(f"{task.id} starts on a base without {dependency.id}, which it waits for")

    # --- healing ---

    def heal(self) -> None:
        """Faults end: credentials are good, targets are free, clocks are right, nothing breaks any more."""
        self.rates = self.rates.healed()
        self.agenda.skew_ms = 0
        self.repos.checked_out.clear()
        for credential in self.credentials.values():
            credential.good = True
