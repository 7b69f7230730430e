"""What came of the tasks while one coordinator ran: for its summary and its exit code."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from fleet.core.idle import stuck
from fleet.core.model import Fleet, Task
from fleet.core.model.lifecycles import TASK_ENDS
from fleet.spoken.choice import state_word
from workers.printable import one_line


@dataclass(frozen=True, slots=True)
class Outcome:
    """The fleet as a coordinator found it and as it left it."""

    found: Fleet
    left: Fleet

    @property
    def tasks(self) -> list[Task]:
        """Those that were open when it began, or were added or put back since."""
        return [task for task in self.left.tasks.values() if not self._had_ended(task)]

    @property
    def failed_before(self) -> list[Task]:
        """Those that failed under an earlier coordinator, and of which nobody has said since what is to become of them:
        also of one that was killed before it could tell."""
        return [t for t in self.left.tasks.values() if t.state == "failed" and self._had_ended(t)]

    def _had_ended(self, task: Task) -> bool:
        before = self.found.tasks.get(task.id)
        return before is not None and before.state in TASK_ENDS and before.ended_ms == task.ended_ms


def ended_well(outcome: Outcome) -> bool:
    """Whether every task has landed, or was cancelled by a person, those of earlier coordinators included."""
    return not outcome.failed_before and all(task.state in ("landed", "cancelled") for task in outcome.tasks)


def summary(outcome: Outcome) -> str:
    """What came of the tasks, and what a person has to do about those that did not end well."""
    tasks = outcome.tasks
    counts = Counter(
        state_word(task.state, task.spec.land, paused=task.spec.paused is not None) for task in tasks
    )
    head = ", ".join(f"{count} {state}" for state, count in sorted(counts.items())) or "no tasks"
    lines = [f"{len(tasks)} tasks: {head}"]
    lines += [f"  {t.id} failed: {t.reason}" for t in tasks if t.state == "failed"]
    lines += [
        f"  {t.id} failed in an earlier run: {t.reason} — try it again: fleet task retry {t.id}; or let it be: "
        f"fleet task cancel {t.id}"
        for t in outcome.failed_before
    ]
    lines += [
        f"  {e.task} {e.state}: {e.summary}{f' — {e.advice}' if e.advice else ''}"
        for e in stuck(outcome.left)
    ]
    open_ones = sum(1 for t in tasks if t.state not in TASK_ENDS)
    if open_ones and not lines[1:]:
        lines.append(f"  {open_ones} are still open: fleet up goes on with them")
    return "\n".join(one_line(line) for line in lines)
