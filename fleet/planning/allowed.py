"""Which accounts work may go to."""

from __future__ import annotations

from fleet.core.capacity import headroom
from fleet.core.dispatch import tiers
from fleet.core.model import Account, Fleet, Task


class Allowed:
    """Looks each account and project up once. Names of accounts are sorted."""

    def __init__(self, fleet: Fleet) -> None:
        self._fleet = fleet
        self.ready = tuple(
            sorted(a.name for a in fleet.accounts.values() if a.is_open and a.spends != "never")
        )
        self._back_later = [a for a in fleet.accounts.values() if a.in_use and not a.is_open]
        self._of_project: dict[str, tuple[str, ...]] = {}
        self._freely: dict[tuple[tuple[str, ...], tuple[str, ...]], tuple[str, ...]] = {}
        self._gives = {
            name: frozenset(
                tier
                for tier, _ in fleet.accounts[name].tiers
                if headroom.block_of(fleet, fleet.accounts[name], tier) is None
            )
            for name in self.ready
        }

    def of_project(self, project: str) -> tuple[str, ...]:
        if project not in self._of_project:
            laid_down = self._fleet.projects.get(project)
            if laid_down is None or not laid_down.accounts:
                self._of_project[project] = self.ready
            else:
                self._of_project[project] = tuple(n for n in self.ready if n in laid_down.accounts)
        return self._of_project[project]

    def accounts(self, task: Task) -> tuple[str, ...]:
        """Those of its project; only the one that its session is warm on while that one gives anything to its tiers.
        What has no deadline ahead is left to those that take work freely."""
        open_to_it = self.of_project(task.spec.project_name)
        warm = task.session_account if task.session_id is not None else None
        if warm in open_to_it and self._gives[warm]:
            return (warm,)
        if (task.spec.deadline_ms or 0) > self._fleet.now_ms:
            return open_to_it
        return self.freely(open_to_it, tiers.allowed(self._fleet, task))

    def freely(self, names: tuple[str, ...], wanted: tuple[str, ...]) -> tuple[str, ...]:
        """Without those that take only what is needed, where another has a tier that is wanted: also one that is paused
        or waits for its keyring."""
        if (names, wanted) not in self._freely:
            self._freely[names, wanted] = self._left_to(names, wanted)
        return self._freely[names, wanted]

    def _left_to(self, names: tuple[str, ...], wanted: tuple[str, ...]) -> tuple[str, ...]:
        accounts = [*(self._fleet.accounts[name] for name in names), *self._back_later]
        free = [account for account in accounts if account.spends == "free"]
        if all(account.model_of(tier) is None for account in free for tier in wanted):
            return names
        return tuple(account.name for account in free if account.name in names)

    def tiers(self, project: str) -> frozenset[str]:
        """Those that some account of the project's has."""
        accounts: list[Account] = [self._fleet.accounts[name] for name in self.of_project(project)]
        return frozenset(tier for account in accounts for tier, _ in account.tiers)
