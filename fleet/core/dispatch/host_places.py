"""Which hosts have a place for one more worker, and which of them a task's worker is given.

A task goes on where its work is. It leaves that host when it may not go on there, or when there has been no place for
`Settings.move_patience_ms`: moving costs a fetch and a cold cache, and a place is often free in a moment.
The rules: docs/dispatch.md, "1. What is feasible".
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from fleet.core.capacity.running import Running
from fleet.core.model import Account, Fleet, Host, Task, Unfit
from fleet.spoken import spans

Reach = tuple[bool, bool]
"""Whether an account works only on this machine, and whether on a host with a loopback address, too."""

ANYWHERE: Reach = (False, True)


@dataclass(frozen=True, slots=True)
class Stay:
    """A task waits for a place where its work is."""

    host: Host
    why: str
    until_ms: int


class Places:
    """Counts of living workers by host, kept current as placements are taken. Lives for one round of dispatch."""

    def __init__(self, fleet: Fleet, running: Running) -> None:
        self._fleet = fleet
        self._workers = running.by_host.copy()
        # Hosts that are one machine by two names have its memory once.
        self._machines = {host.name: host.machine or host.name for host in fleet.hosts.values()}
        # Workers that have answered already hold their memory; it is missing from the free memory seen.
        self._starting: Counter[str | None] = Counter()
        for name, workers in running.starting.items():
            self._starting[self._machines.get(name)] += workers
        self._refusals: dict[str, str | None] = {}
        self._open: dict[tuple[tuple[str, ...], Reach], tuple[Host, ...]] = {}
        self._reach: dict[str, Reach] = {}
        self._only_here = all(host.is_here for host in fleet.hosts.values())
        self._unfit = {(h.name, unfit.repo): unfit for h in fleet.hosts.values() for unfit in h.unfit}
        self._kept = {
            (task.trouble.host, task.spec.repo): task.id
            for task in (fleet.tasks.values() if self._unfit else ())
            if task.trouble is not None and task.trouble.host
        }
        """Work that a host does not give home, by host and repository."""
        self._tried = {
            (a.host, fleet.tasks[a.task].spec.repo)
            for a in (fleet.attempts.values() if self._unfit else ())
            if not a.began
        }

    # --- hosts ---

    def refusal(self, host: Host) -> str | None:
        """Why `host` takes no further worker now, None when it does."""
        if host.name not in self._refusals:
            self._refusals[host.name] = _shut(host, self._fleet.now_ms) or self._crowded(host)
        return self._refusals[host.name]

    def _crowded(self, host: Host) -> str | None:
        workers, settings = self._workers[host.name], self._fleet.settings
        if workers >= host.workers_max:
            return f"all {host.workers_max} places for workers are taken"
        busy = host.load is not None and host.cores and host.load >= settings.load_per_core_max * host.cores
        # This machine always has a place for one: what its person does there would freeze the whole fleet.
        if busy and host.load is not None and (workers or not host.is_here):
            return f"its load is {host.load:.0f} on {host.cores} cores"
        if host.memory_free_bytes is None:
            return None if workers == 0 else "its free memory is unknown, so one worker at a time"
        need = settings.worker_memory_bytes
        free = host.memory_free_bytes - self._starting[self._machines[host.name]] * need
        if free < need:
            return f"{max(free, 0) // 1_000_000} MB of memory free, a worker needs {need // 1_000_000} MB"
        return None

    def none_free(self) -> bool:
        """Whether no host takes one more worker, whatever it is to do."""
        return all(self.refusal(host) is not None for host in self._fleet.hosts.values())

    def take(self, host: str, repo: str) -> None:
        self._workers[host] += 1
        self._starting[self._machines[host]] += 1
        self._tried.add((host, repo))
        for name, machine in self._machines.items():
            if machine == self._machines[host]:
                self._refusals.pop(name, None)
        self._open.clear()

    # --- repositories ---

    def unfit_for(self, host: str, repo: str) -> Unfit | None:
        """What the host's git has against the repository, also where it may be tried now."""
        return self._unfit.get((host, repo))

    def refusal_of(self, host: str, repo: str) -> str | None:
        """Why nothing of the repository is started there now, however free the host is: its git refuses it. After each
        pause one worker tries it."""
        unfit = self._unfit.get((host, repo))
        if unfit is None:
            return None
        until_ms = unfit.shut_until(self._fleet.now_ms, self._fleet.settings.backoff_max_ms)
        kept = self._kept.get((host, repo))
        if kept is not None:
            again = f"the work of {kept}, which lies there, is tried again"
        elif until_ms is not None:
            again = f"it is tried again in {spans.in_words(until_ms - self._fleet.now_ms)}"
        elif (host, repo) in self._tried:
            again = "it is being tried again"
        else:
            return None
        return f"its git refuses the repository; {again}: {unfit.why}"

    @property
    def some_are_unfit(self) -> bool:
        """Whether some host's git refuses some repository."""
        return bool(self._unfit)

    def is_choosy(self, task: Task) -> bool:
        """Whether it matters to some host which repository the task is of."""
        return bool(self._unfit) and any((name, task.spec.repo) in self._unfit for name in self._fleet.hosts)

    def _takes(self, host: Host, task: Task) -> bool:
        return not self._unfit or self.refusal_of(host.name, task.spec.repo) is None

    # --- tasks and accounts ---

    def refusal_for(self, host: Host, task: Task, account: Account) -> str | None:
        """Why `host` cannot take the task with that account, however free it is: only a person can change that."""
        lacking = [label for label in task.spec.labels if label not in host.labels]
        if lacking:
            return f"it has not the label {' and '.join(lacking)}"
        if _is_within(host, self._reach_of(account)):
            return None
        if account.login:
            return f"the login of {account.name} lies on this machine"
        return f"the server of {account.name} is reached from this machine only"

    def _reach_of(self, account: Account) -> Reach:
        if self._only_here:
            return ANYWHERE
        if account.name not in self._reach:
            near = account.base_url is not None and _is_loopback(account.base_url)
            self._reach[account.name] = (account.login or near, not account.login)
        return self._reach[account.name]

    def open_to(self, labels: tuple[str, ...], account: Account) -> tuple[Host, ...]:
        """The hosts with a place for a task with these labels, worked on with that account."""
        key = (labels, self._reach_of(account))
        if key not in self._open:
            self._open[key] = tuple(
                host
                for host in self._fleet.hosts.values()
                if self.refusal(host) is None and set(labels) <= set(host.labels) and _is_within(host, key[1])
            )
        return self._open[key]

    def having_host_for(self, labels: tuple[str, ...], accounts: Sequence[Account]) -> list[Account]:
        """Those of the accounts that have a host of `open_to`. What holds for one holds for all of the same reach."""
        if self._only_here:
            return list(accounts) if accounts and self.open_to(labels, accounts[0]) else []
        return [account for account in accounts if self.open_to(labels, account)]

    def host_for(self, task: Task, account: Account) -> Host | None:
        """Where the task's next worker is placed: where its work is, else on a host with the fewest labels that it has
        no use for, there where its repository's mirror is, and there on the least busy one; on one that has refused its
        repository last. None when no host takes it, or it waits for a place where it is."""
        able = [host for host in self.open_to(task.spec.labels, account) if self._takes(host, task)]
        worktree = self._fleet.worktrees.get(task.id)
        hosts = () if worktree is None else worktree.hosts
        if not able or any(self.refusal_of(name, task.spec.repo) for name in hosts):
            return None  # work that lies on an unfit host can be brought nowhere
        if worktree is not None and worktree.state != "removed":
            there = next((host for host in able if host.name == worktree.host), None)
            if there is not None:
                return there
            if self.stays(task, account) is not None:
                return None
        if len(able) == 1:
            return able[0]
        return min(able, key=lambda host: self._order(task, host))

    def _order(self, task: Task, host: Host) -> tuple[bool, int, bool, float, str]:
        repo, spare = task.spec.repo, len(set(host.labels) - set(task.spec.labels))
        return (host.name, repo) in self._unfit, spare, repo not in host.warm, self._busy(host), host.name

    def _busy(self, host: Host) -> float:
        return self._workers[host.name] / max(host.cores or host.workers_max, 1)

    def stays(self, task: Task, account: Account) -> Stay | None:
        """What the task waits for when the host that has its worktree is merely full, and has not been for long."""
        worktree = self._fleet.worktrees.get(task.id)
        if worktree is None or worktree.state == "removed":
            return None
        host = self._fleet.hosts.get(worktree.host)
        if host is None or _shut(host, self._fleet.now_ms) is not None:
            return None
        why, patience_ms = self._crowded(host), self._fleet.settings.move_patience_ms
        waited_ms = patience_ms if worktree.left_ms is None else self._fleet.now_ms - worktree.left_ms
        if why is None or not 0 <= waited_ms < patience_ms or self.refusal_for(host, task, account):
            return None
        return Stay(host, why, self._fleet.now_ms + patience_ms - waited_ms)


def _shut(host: Host, now_ms: int) -> str | None:
    """Why the host takes nothing, however free it is."""
    if host.state == "distrusted":
        return host.problem
    if host.state == "suspected" and not host.problem:
        return "it is being connected to"
    if host.state != "ready":
        silent_ms = now_ms - (host.silent_since_ms or now_ms)
        silent = f"it has not answered for {spans.lasted(silent_ms)}"
        return f"{silent}, and was given up" if host.state == "lost" else silent
    if host.draining:
        return "it is being drained"
    return host.problem or None


def _is_within(host: Host, reach: Reach) -> bool:
    only_here, loopback_too = reach
    return not only_here or host.is_here or (loopback_too and _is_loopback(host.address))


def _is_loopback(address: str) -> bool:
    """Whether an address (a URL) is of the machine that asks."""
    try:
        name = urlsplit(address).hostname or ""
    except ValueError:
        return False
    return name in ("localhost", "::1") or name.startswith("127.")
