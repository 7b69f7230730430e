"""How much room accounts, projects and hosts have for one more worker, while placements are being made."""

from __future__ import annotations

from collections import Counter

from fleet.core import headroom
from fleet.core.model import Account, Fleet, Host, Task


class Room:
    """Counts of living workers, kept current as placements are taken. Lives for one round of dispatch."""

    def __init__(self, fleet: Fleet) -> None:
        self._fleet = fleet
        self._by_account = Counter(a.account for a in fleet.attempts.values())
        self._by_project = Counter(fleet.tasks[a.task].spec.project_name for a in fleet.attempts.values())
        self._by_host = Counter(a.host for a in fleet.attempts.values())
        # Workers that have answered already hold their memory; it is missing from the free memory seen.
        self._starting = Counter(a.host for a in fleet.attempts.values() if not a.answers)
        self._blocks: dict[tuple[str, str], headroom.Blocked | None] = {}
        self._limits = {a.name: self._limit(a) for a in fleet.accounts.values()}

    def _limit(self, account: Account) -> int:
        allowed = account.allowance if headroom.is_proven(self._fleet, account) else 1
        return min(account.concurrency, allowed)

    def block_of(self, account: Account, tier: str) -> headroom.Blocked | None:
        """As `headroom.block_of`, looked at once a round."""
        key = (account.name, tier)
        if key not in self._blocks:
            self._blocks[key] = headroom.block_of(self._fleet, account, tier)
        return self._blocks[key]

    def workers_on(self, account: Account) -> int:
        return self._by_account[account.name]

    def limit_of(self, account: Account) -> int:
        return self._limits[account.name]

    def account_is_full(self, account: Account) -> bool:
        return self.workers_on(account) >= self.limit_of(account)

    def project_refusal(self, task: Task) -> str | None:
        """Why the task's project takes no further worker now, None when it does."""
        project = self._fleet.projects.get(task.spec.project_name)
        if project is None or project.workers is None or self._by_project[project.name] < project.workers:
            return None
        return f"project {project.name} has {self._by_project[project.name]} of {project.workers} workers"

    def host_refusal(self, host: Host) -> str | None:
        """Why `host` takes no further worker now, None when it does."""
        workers = self._by_host[host.name]
        if host.problem:
            return host.problem
        if workers >= host.workers_max:
            return f"all {host.workers_max} places for workers are taken"
        if host.memory_free_bytes is None:
            return None if workers == 0 else "its free memory is unknown, so one worker at a time"
        need = self._fleet.settings.worker_memory_bytes
        free = host.memory_free_bytes - self._starting[host.name] * need
        if free < need:
            return f"{max(free, 0) // 1_000_000} MB of memory free, a worker needs {need // 1_000_000} MB"
        return None

    def host_for_one_more(self) -> Host | None:
        """The host with the fewest workers that takes one more."""
        open_hosts = [h for h in self._fleet.hosts.values() if self.host_refusal(h) is None]
        return min(open_hosts, key=lambda h: (self._by_host[h.name], h.name), default=None)

    def take(self, task: Task, account: str, host: str) -> None:
        self._by_account[account] += 1
        self._by_project[task.spec.project_name] += 1
        self._by_host[host] += 1
        self._starting[host] += 1
