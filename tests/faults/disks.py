"""Where the work of tasks lies: in directories on machines, and what of it is at home."""

from __future__ import annotations

from collections.abc import Callable

from tests.faults.client import Work
from tests.faults.safety import Violation


class Disks:
    """`there` is what lies in the directory of a task on a host; `kept` what a ref at home holds."""

    def __init__(self, draw: Callable[[str], Work]) -> None:
        self._draw = draw
        self._home: dict[str, Work] = {}
        self._safe: dict[str, str | None] = {}
        self._removed: dict[tuple[str, str], str | None] = {}
        self.there: dict[tuple[str, str], Work] = {}
        self.kept: dict[str, Work] = {}
        self.carried = 0
        self.strays: set[str] = set()
        """Tasks of which something was on a host when that was lost."""

    def at_home(self, task: str) -> Work:
        """What the next worker goes on with where there is no directory: session and branch as last brought home."""
        if task not in self._home:
            self._home[task] = self._draw(task)
        return self._home[task]

    def make(self, task: str, host: str, preserved: str | None, *, moved: bool) -> Work:
        """The directory as it is there, or a new one from what is at home. What was in no commit is brought back from
        `preserved`, or was `moved` just now. Raises Violation when that is not the last that was told of."""
        key = (task, host)
        if key not in self.there:
            work = self.at_home(task).copy()
            if not moved:
                self._check_preserved(task, preserved)
                work.dirty = work.dirty and preserved is not None
            self.there[key] = work
        for removed in [k for k in self._removed if k[0] == task]:
            del self._removed[removed]
        return self.there[key]

    def _check_preserved(self, task: str, preserved: str | None) -> None:
        safe = self._safe.get(task)
        if preserved != safe:
            raise Violation(f"what {task} has in no commit is kept in {safe}, but it is given {preserved}")

    def told(self, task: str, ref: str | None) -> None:
        """The fleet has been told where that is kept which is in no commit: from now on it must not forget it."""
        self._safe[task] = ref

    def bring_home(self, task: str, host: str) -> str | None:
        """The ref that what is in no commit is kept in, None when there is nothing of that."""
        work = self.there[task, host]
        self._home[task] = work.copy()
        return self._keep(task, work)

    def _keep(self, task: str, work: Work) -> str | None:
        if not work.dirty:
            return None
        ref = f"refs/fleet/kept/{task}/{len(self.kept)}"
        self.kept[ref] = work.copy()
        return ref

    def commit(self, task: str, host: str) -> Work:
        """Commits all that lies there, and brings it home. Raises Violation when nothing lies there."""
        work = self.there.get((task, host))
        if work is None:
            raise Violation(f"the work of {task} is to be verified on {host}, where it is not")
        if work.dirty:
            work.dirty, work.commits = False, work.commits + 1
        self.bring_home(task, host)
        return work

    def remove(self, task: str, host: str) -> str | None:
        """Brings home what lies there, and removes it; once more, only tells what it had told."""
        key = (task, host)
        if key in self.there:
            self._removed[key] = self.take(task, host)
        return self._removed.get(key)

    def take(self, task: str, host: str) -> str | None:
        """Brings home what lies there, and removes it."""
        if (task, host) not in self.there:
            return None
        ref = self.bring_home(task, host)
        del self.there[task, host]
        return ref

    def carry(self, task: str, host: str, preserved: str | None) -> None:
        """Takes it home from there, on its way to another host. Raises Violation when `preserved` would be laid on work
        of which all is in commits."""
        is_there = (task, host) in self.there
        self.carried += is_there
        if self.take(task, host) is None and is_there and preserved is not None:
            raise Violation(f"what {task} has done on {host} is all committed, but {preserved} is laid on it")

    def keep_stray(self, task: str, host: str) -> str | None:
        """What is of no use any more: kept in a ref, but nobody goes on with it."""
        return self._keep(task, self.there.pop((task, host)))
