"""Short words for the double's scripts in these tests."""

from __future__ import annotations

import json
from collections.abc import Mapping

from fleet.double import Account, Reaction, Request, Step, Task, ToolCall, Window

HOUR_S = 3600.0

MERGE = ("--target", "main", "--land", "merge", "--allow-tool", "Bash")
"""How most tasks of these tests are to land."""


def says(text: str, delay_s: float = 0.0) -> Step:
    """An answer without tools: it ends the turn."""
    return Step(text=text, delay_s=delay_s)


def writes(path: str, content: str, delay_s: float = 0.0) -> Step:
    call = ToolCall("Write", {"file_path": f"{{cwd}}/{path}", "content": content})
    return Step(text=f"I write {path}.", tools=(call,), delay_s=delay_s)


def runs(command: str, delay_s: float = 0.0) -> Step:
    return Step(text="I run a command.", tools=(ToolCall("Bash", {"command": command}),), delay_s=delay_s)


def job(name: str, *steps: Step, **reactions: tuple[Step, ...]) -> Task:
    """A task chosen by `[[double:NAME]]`; a reaction's name stands for its words, `_` being a space."""
    found = tuple(Reaction(on.replace("_", " "), reaction) for on, reaction in reactions.items())
    return Task(name, steps, reactions=found)


def reviewer(name: str, of: str, *steps: Step, where: str | None = None) -> Task:
    """Who reviews the work of the task `of`, where `where` stands in what they are shown."""
    return Task(name, steps, match=where, reviews=of)


def judges(*findings: Mapping[str, object]) -> Step:
    """An answer of a reviewer: a pass, but for these findings."""
    verdict = "findings" if findings else "pass"
    return says(json.dumps({"verdict": verdict, "findings": list(findings)}))


def subscription(name: str, *windows: Window, token: str | None = None) -> Account:
    """An account that the household knows by `tok-NAME`, with a five-hour window and a week."""
    standard = (Window("five_hour"), Window("seven_day", length_s=7 * 24 * HOUR_S))
    named = {window.name for window in windows}
    kept = tuple(window for window in standard if window.name not in named)
    return Account(name, token or f"tok-{name}", windows=(*windows, *kept))


def prompt(name: str) -> str:
    return f"Do {name}. [[double:{name}]]"


def played(requests: list[Request], task: str) -> list[tuple[str | None, int | None]]:
    """What was answered of a task, in order: the part of its script and the step."""
    heard = ("answered", "delay")
    return [(r.part, r.step) for r in requests if r.task == task and r.outcome in heard]


def accounts_of(requests: list[Request], task: str) -> list[str | None]:
    """The accounts that a task's requests came from, in order, each stay once."""
    found = [r.account for r in requests if r.task == task and r.part is not None]
    return [name for n, name in enumerate(found) if n == 0 or found[n - 1] != name]
