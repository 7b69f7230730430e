"""Reading a store in memory, as faces read a database. Held to the same contract tests."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict
from typing import Any

from fleet.core.decisions import Note
from fleet.core.model import Account, Task, Worktree
from fleet.ports import HistoryLine, Record
from fleet.spoken.choice import ALL, Choice
from fleet.virtual.memory_store import Memory

PERFORMED = frozenset({"running", "checking", "landing", "held"})
"""States in which something is done for a task."""

HOST_LINES = 12


class MemoryReader:
    """`Reader` of what a store in memory has committed. Nothing else runs meanwhile."""

    def __init__(self, memory: Memory) -> None:
        self._memory = memory
        self._fleet = memory.fleet

    def __enter__(self) -> MemoryReader:
        return self

    def __exit__(self, *_: object) -> None:
        return None

    def revision(self) -> int:
        return self._memory.revision

    def policy(self) -> Record | None:
        return _body(self._fleet.policy)

    def paused_projects(self) -> list[Record]:
        return [_body(one) for _, one in sorted(self._fleet.projects.items()) if one.paused is not None]

    def task_states(self) -> dict[str, int]:
        return dict(Counter(task.shown_state for task in self._fleet.tasks.values()))

    def task_ids(self) -> list[str]:
        return list(self._fleet.tasks)

    def tasks(
        self,
        choice: Choice | None = None,
        order: str = "added",
        *,
        reverse: bool = False,
        limit: int | None = None,
    ) -> Iterator[Record]:
        found = [task for task in self._fleet.tasks.values() if self._is_of(task, choice or ALL)]
        if reverse:
            found.reverse()
        if order != "added":
            with_value = [task for task in found if _order(task, order) is not None]
            found = [
                *sorted(with_value, key=lambda task: _order(task, order), reverse=reverse),
                *(task for task in found if _order(task, order) is None),
            ]
        yield from map(_body, found[:limit])

    def tasks_count(self, choice: Choice) -> int:
        return sum(self._is_of(task, choice) for task in self._fleet.tasks.values())

    def _is_of(self, task: Task, choice: Choice) -> bool:
        states = {task.state, task.shown_state}
        workers = self.attempts_of(task.id)
        return (
            (not choice.states or not states.isdisjoint(choice.states))
            and choice.project in (None, task.spec.project_name)
            and (choice.account is None or bool(workers and workers[-1]["account"] == choice.account))
            and (choice.label is None or choice.label in task.spec.labels)
            and (choice.added_before_ms is None or task.created_ms < choice.added_before_ms)
            and (choice.text is None or _has(task, choice.text.casefold()))
        )

    def open_tasks(self) -> list[Record]:
        return self._tasks(lambda task: task.state not in ("landed", "cancelled"))

    def tasks_in_trouble(self) -> list[Record]:
        removed = {w.task for w in self._fleet.worktrees.values() if w.state == "removing"}
        return self._tasks(
            lambda task: (
                task.trouble is not None
                and (task.state in PERFORMED or task.id in removed or task.consent is not None)
            )
        )

    def _tasks(self, which: Callable[[Task], bool]) -> list[Record]:
        return [_body(task) for task in self._fleet.tasks.values() if which(task)]

    def task(self, name: str) -> Record | None:
        return _body_of(self._fleet.tasks.get(name))

    def accounts(self) -> list[Record]:
        return [_body(one) for _, one in sorted(self._fleet.accounts.items()) if _is_there(one)]

    def account(self, name: str) -> Record | None:
        found = self._fleet.accounts.get(name)
        return _body(found) if found is not None and _is_there(found) else None

    def unbilled(self) -> list[str]:
        return sorted(one.name for one in self._fleet.accounts.values() if one.kind == "local")

    def buckets(self) -> list[Record]:
        return [_body(one) for _, one in sorted(self._fleet.buckets.items(), key=lambda b: (b[1].pool, b[0]))]

    def workers(self) -> list[Record]:
        return [_body(one) for one in self._memory.attempts.values() if one.state != "ended"]

    def attempts_of(self, task: str) -> list[Record]:
        return [_body(one) for one in self._memory.attempts.values() if one.task == task]

    def runs(self, known: Iterable[str]) -> list[tuple[Any, ...]]:
        left_out = set(known)
        return [
            (a.session_id, a.task, a.id, self._project(a.task), a.account, a.tier, a.started_ms, a.ended_ms)
            for a in self._memory.attempts.values()
            if a.id not in left_out
        ]

    def _project(self, task: str) -> str:
        return self._fleet.tasks[task].spec.project_name

    def hosts(self) -> list[Record]:
        return [_body(one) for _, one in sorted(self._fleet.hosts.items())]

    def host(self, name: str) -> Record | None:
        return _body_of(self._fleet.hosts.get(name))

    def worktree(self, task: str) -> Record | None:
        return _body_of(self._fleet.worktrees.get(task))

    def worktrees(self) -> list[tuple[Record, str]]:
        return self._worktrees(lambda _: True)

    def worktrees_on(self, host: str) -> list[tuple[Record, str]]:
        return self._worktrees(lambda w: w.moves_from == host or (w.state != "removed" and w.host == host))

    def _worktrees(self, which: Callable[[Worktree], bool]) -> list[tuple[Record, str]]:
        found = [one for one in self._fleet.worktrees.values() if which(one)]
        return [(_body(one), self._fleet.tasks[one.task].state) for one in found]

    def last_event(self) -> int:
        return max((seq for seq, _, _ in self._memory.notes), default=0)

    def event_before(self, at_ms: int) -> int:
        return max((seq for seq, at, _ in self._memory.notes if at < at_ms), default=0)

    def events(self, after: int, most: int, task: str | None = None) -> list[HistoryLine]:
        found = [told for told in self._memory.notes if told[0] > after and task in (None, told[2].task)]
        return [_line(*told) for told in found[:most]]

    def history(self, task: str) -> list[HistoryLine]:
        return [_line(*told) for told in self._memory.notes if told[2].task == task]

    def host_history(self, host: str) -> list[HistoryLine]:
        own = [told for told in self._memory.notes if told[2].host == host and told[2].task is None]
        return [_line(*told) for told in own[-HOST_LINES:]]


def _has(task: Task, text: str) -> bool:
    return text in task.spec.title.casefold() or text in task.spec.prompt.casefold()


def _order(task: Task, order: str) -> Any:
    return {
        "priority": task.spec.priority,
        "state": task.state,
        "title": task.spec.title.casefold(),
        "project": task.spec.project_name,
        "deadline": task.spec.deadline_ms,
    }[order]


def _is_there(account: Account) -> bool:
    return account.state != "removed"


def _line(seq: int, at_ms: int, note: Note) -> HistoryLine:
    about = (note.task, note.attempt, note.account, note.host)
    return seq, at_ms, note.level, note.type, *about, note.text, json.loads(json.dumps(note.data))


def _body_of(value: Any) -> Record | None:
    return None if value is None else _body(value)


def _body(value: Any) -> Record:
    """As it comes back from JSON."""
    found: Record = json.loads(json.dumps(asdict(value)))
    return found
