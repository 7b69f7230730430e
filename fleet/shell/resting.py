"""Once the last worker has left a repository, and what its worktrees share is as before, it is its person's again."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from fleet.core.model import Fleet
from fleet.shell.agreed import Agreed
from fleet.threads import in_thread
from workers.git import GitError
from workers.worktree.shared import PersonNeeded


@dataclass
class Resting:
    """`complain` is told of a repository and what its person must know: also of one in which there is no more work that
    could say it."""

    agreed: Agreed
    current: Callable[[], Fleet]
    complain: Callable[[str, str], None]
    _used: set[Path] | None = field(default=None, init=False)

    async def look(self) -> None:
        """On each beat: compares each repository that no worker is in any more, once. One that cannot be looked at now
        is looked at on the next beat."""
        used = _used(self.current())
        before = await in_thread(self.agreed.watched) if self._used is None else self._used
        self._used = used
        for repo in sorted(before - used):
            try:
                await in_thread(self.agreed.rest, repo, lambda repo=repo: repo in _used(self.current()))
            except PersonNeeded as changed:
                self.complain(str(repo), str(changed))
            except (GitError, OSError):
                self._used.add(repo)


def _used(fleet: Fleet) -> set[Path]:
    return {Path(fleet.tasks[attempt.task].spec.repo) for attempt in fleet.attempts.values()}
