"""Short words for what tests of the whole program put on the double's stage, and for what they look at afterwards."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sqlite3
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from fleet.double import Account, Double, Reaction, Script, Step, Task, ToolCall
from tests.real.household import Household

ACCOUNTS = (Account("work", "tok-work"), Account("side", "tok-side"))


def bash(command: str, **more: object) -> ToolCall:
    return ToolCall("Bash", {"command": command, **more})


def write(path: str, content: str = "text\n") -> ToolCall:
    """Writes a file of the worktree."""
    return ToolCall("Write", {"file_path": f"{{cwd}}/{path}", "content": content})


def step(text: str, *tools: ToolCall, delay_s: float = 0.0) -> Step:
    return Step(text=text, tools=tools, delay_s=delay_s)


def writes(name: str, *files: str, delay_s: float = 0.0, reactions: tuple[Reaction, ...] = ()) -> Task:
    """A task that writes its files one answer after another, and ends."""
    steps = [step(f"I write {file}.", write(file, f"{file} of {name}\n"), delay_s=delay_s) for file in files]
    return Task(name, (*steps, step(f"{name} is done.", delay_s=delay_s)), reactions=reactions)


JOBS = ("one", "two")


def jobs() -> list[Task]:
    return [writes(name, f"{name}.txt") for name in JOBS]


def prompt(name: str) -> str:
    return f"Do it. [[double:{name}]]"


@contextmanager
def living(root: Path, *tasks: Task, **more: Any) -> Iterator[Household]:
    """A household with the double that plays `tasks`. At its end no process of it may be left, whatever failed."""
    with Double(Script(ACCOUNTS, tasks, **more)) as double:
        house = Household(root, double)
        try:
            yield house
        finally:
            if (house.home / "fleet.db").exists():
                for pid in house.leftovers():
                    with contextlib.suppress(ProcessLookupError):
                        os.kill(pid, signal.SIGKILL)


def records(house: Household, attempt: str) -> list[dict[str, Any]]:
    """The supervisor's own records of an attempt."""
    spool = house.home / "runs" / attempt / "spool"
    lines = spool.read_bytes().splitlines() if spool.exists() else []
    return [json.loads(line.split(b" ", 2)[2]) for line in lines if line.startswith(b"s ")]


def started(house: Household, attempt: str) -> dict[str, Any]:
    """The record of the client's start: its `pid` and `supervisor_pid`."""
    house.wait_for(lambda: records(house, attempt), f"{attempt} never started")
    return records(house, attempt)[0]


def answered(house: Household, task: str | None = None) -> list[tuple[str | None, str | None, int | None]]:
    """The steps that the double has answered, in order: task, part, step."""
    return [
        (r.task, r.part, r.step)
        for r in house.double.requests
        if r.outcome == "answered" and r.task is not None and task in (None, r.task)
    ]


def query(house: Household, words: str) -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(house.home / "fleet.db")) as database:
        return database.execute(words).fetchall()


def journal(house: Household, task: str | None = None) -> list[str]:
    rows = query(house, "SELECT task, attempt, text FROM journal ORDER BY seq")
    return [text for of, _, text in rows if task in (None, of)]


def said(house: Household) -> str:
    """The log of the coordinator in the background."""
    return (house.root / "up.log").read_text()


def assert_landed(house: Household, *tasks: str) -> None:
    assert [house.task(task)["state"] for task in tasks] == ["landed"] * len(tasks), said(house)
    assert house.leftovers() == []


def assert_nothing_lost_or_doubled(house: Household, *tasks: str) -> None:
    """Every task landed once, no step was played twice, every spool was read to its end once, nothing is left over."""
    shown = [house.task(task) for task in tasks]
    assert [task["state"] for task in shown] == ["landed"] * len(tasks), house.fleet("task", "list")
    played = Counter(answered(house))
    assert max(played.values()) == 1, f"steps were played twice: {played}"
    for task in shown:
        work = house.git("log", "--format=%H", "--no-merges", f"--grep=Fleet-Task: {task['id']}$", "main")
        assert len(work.split()) <= 1, f"the work of {task['id']} stands on main twice"
    for attempt, body in query(house, "SELECT id, body FROM attempts"):
        size = (house.home / "runs" / attempt / "spool").stat().st_size
        assert json.loads(body)["offset"] == size, f"{attempt}'s spool has {size} bytes"
    once = Counter(
        (task, attempt, text)
        for task, attempt, text in query(house, "SELECT task, attempt, text FROM journal")
        if text.startswith(("worker runs", "worker ended", "landed", "verified", "added"))
    )
    assert max(once.values()) == 1, f"lines of the history are doubled: {once}"
    assert house.leftovers() == []
    left = [line for line in house.git("worktree", "list").splitlines()[1:] if "/landing-" not in line]
    assert left == []
