"""What each task that the fleet ran has used and cost, by project and tier: the execution history."""

from __future__ import annotations

from dataclasses import dataclass

from fleet.history.reports.choice import QUARTER_MS, Choice
from fleet.history.reports.statements import ask
from fleet.history.reports.uses import Use, use_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    import sqlite3


@dataclass(frozen=True, slots=True)
class TaskUse:
    """One task with one tier in one project: its attempts, its first and last answer, and what it used."""

    task: str
    project: str
    tier: str
    attempts: int
    first_ms: int
    last_ms: int
    use: Use


def ended_attempts(connection: sqlite3.Connection) -> list[str]:
    """The attempts that the ledger knows to have ended: nothing of theirs will change any more."""
    return [text for (text,) in ask(connection, "ended_attempts", {})]


def task_uses(connection: sqlite3.Connection, choice: Choice) -> list[TaskUse]:
    """In the order of time: tasks with an answer in the chosen time, each as a whole."""
    parameters = choice.parameters(connection)
    times = {
        "since_ms": parameters["since"] * QUARTER_MS,
        "until_ms": parameters["until"] * QUARTER_MS,
    }
    return [
        TaskUse(task, project, tier, attempts, first_ms, last_ms, use_of((task, *sums)))
        for task, project, tier, attempts, first_ms, last_ms, *sums in ask(
            connection, "of_tasks", {**parameters, **times}
        )
    ]
