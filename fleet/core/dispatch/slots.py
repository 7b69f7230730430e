"""How much room accounts, projects and hosts have for one more worker, while placements are being made.

Why a fresh account gets one worker at first: docs/dispatch.md, "Ramp".
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from fleet.core.capacity import headroom
from fleet.core.capacity.running import Running
from fleet.core.dispatch.host_places import Places, Stay
from fleet.core.model import Account, Fleet, Host, Task, Unfit


class Slots:
    """Counts of living workers, kept current as placements are taken: of one round of dispatch, or of one after the
    other (`follow`)."""

    def __init__(self, fleet: Fleet, running: Running | None = None) -> None:
        """`running` follows the fleet."""
        self.running = running or Running(fleet)
        self.pools = headroom.Pools(fleet)
        self._blocks: dict[str, dict[str, headroom.Blocked | None]] = {}
        self._limits: dict[str, int] = {}
        self._begin(fleet)

    def _begin(self, fleet: Fleet) -> None:
        self._fleet = fleet
        self._by_account = self.running.by_account.copy()
        self._by_project = self.running.by_project.copy()
        self._hosts = Places(fleet, self.running)

    def follow(self, fleet: Fleet, touched: Iterable[str]) -> None:
        """From here on this is the state of the fleet, which `running` and `pools` follow, too. Accounts and buckets
        have changed in the pools `touched` alone."""
        self._begin(fleet)
        for pool in touched:
            self._blocks.pop(pool, None)
            for name in self.running.pools.get(pool, ()):
                self._limits.pop(name, None)

    def _limit(self, account: Account) -> int:
        proven = headroom.is_proven(self._fleet, account, self.pools.drawn_on(account.pool, None))
        return min(account.concurrency, account.allowance if proven else 1)

    def block_of(self, account: Account, tier: str) -> headroom.Blocked | None:
        """As `headroom.block_of`, looked at once a round."""
        blocks = self._blocks.setdefault(account.pool, {})
        if tier not in blocks:
            blocks[tier] = headroom.longest_block(self._fleet, self.pools.drawn_on(account.pool, tier))
        return blocks[tier]

    def workers_on(self, account: Account) -> int:
        return self._by_account[account.name]

    def limit_of(self, account: Account) -> int:
        if account.name not in self._limits:
            self._limits[account.name] = self._limit(account)
        return self._limits[account.name]

    def account_is_full(self, account: Account) -> bool:
        return self.workers_on(account) >= self.limit_of(account)

    def project_refusal(self, task: Task) -> str | None:
        """Why the task's project takes no further worker now, None when it does."""
        project = self._fleet.projects.get(task.spec.project_name) if self._fleet.projects else None
        if project is not None and project.paused is not None:
            return f"project {project.name} is {project.paused.in_words}"
        if project is None or project.workers is None or self._by_project[project.name] < project.workers:
            return None
        return f"project {project.name} has {self._by_project[project.name]} of {project.workers} workers"

    def host_refusal(self, host: Host) -> str | None:
        """Why `host` takes no further worker now, None when it does."""
        return self._hosts.refusal(host)

    def host_refusal_for(self, host: Host, task: Task, account: Account) -> str | None:
        """Why `host` cannot take the task with that account, however free it is, None when it can."""
        return self._hosts.refusal_for(host, task, account)

    def repository_refusal(self, host: Host, task: Task) -> str | None:
        """Why `host` takes nothing of the task's repository now, None when it does."""
        return self._hosts.refusal_of(host.name, task.spec.repo)

    def unfit_for(self, host: Host, task: Task) -> Unfit | None:
        """What the host's git has against the task's repository, also where it may be tried now."""
        return self._hosts.unfit_for(host.name, task.spec.repo)

    @property
    def some_are_unfit(self) -> bool:
        """Whether some host's git refuses some repository."""
        return self._hosts.some_are_unfit

    def is_choosy(self, task: Task) -> bool:
        """Whether it matters to some host which repository the task is of."""
        return self._hosts.is_choosy(task)

    def hosts_are_full(self) -> bool:
        """Whether no host takes one more worker, whatever it is to do."""
        return self._hosts.none_free()

    def has_host_for(self, labels: tuple[str, ...], account: Account) -> bool:
        """Whether some host takes a task with these labels and no work of its own yet."""
        return bool(self._hosts.open_to(labels, account))

    def having_host_for(self, labels: tuple[str, ...], accounts: Sequence[Account]) -> list[Account]:
        """Those of the accounts that some host takes such a task with."""
        return self._hosts.having_host_for(labels, accounts)

    def host_for(self, task: Task, account: Account) -> Host | None:
        """The host that the task's next worker is given, None when there is none now."""
        return self._hosts.host_for(task, account)

    def stays(self, task: Task, account: Account) -> Stay | None:
        """What the task waits for where its work is, None when it may go on elsewhere."""
        return self._hosts.stays(task, account)

    def take(self, task: Task, account: str, host: str) -> None:
        self._by_account[account] += 1
        self._by_project[task.spec.project_name] += 1
        self._hosts.take(host, task.spec.repo)
