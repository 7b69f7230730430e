"""What a demo's watcher has just seen, by what became of its tasks, and where to look further."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

from fleet.core.model import Task
from fleet.run.demo import Demo, stories
from fleet.views.light import state
from fleet.views.outcome import Outcome, summary
from workers.git import HEADS, Git


def report(demo: Demo, outcome: Outcome, command: str) -> str:
    """`command` is how Fleet was called."""
    told = {task: state.task(demo.home.root, task.id) for task in outcome.tasks}
    seen = "".join(
        f"  {task.id}  {story}\n" for task, record in told.items() for story in _story_of(task, record)
    )
    if demo.story.killed and all(task.attempts == 1 for task in outcome.tasks):
        seen += "  each was done by its first worker, which lived on while no coordinator did\n"
    landed = Git(demo.repo).said("log", "--first-parent", "--reverse", "--oneline", f"{HEADS}main", "--")
    commits = "".join(f"  {line}\n" for line in landed.splitlines())
    richest = max(outcome.tasks, key=lambda task: len(told[task]["history"])).id
    others = "\n".join(f"  {command} up --demo {name}" for name in stories() if name != demo.story.name)
    looks = [
        (f"export FLEET_HOME={shlex.quote(str(demo.home.root))}", ""),
        (f"{command} task show {richest}", "every step of it, with times"),
        (f"{command} task logs {richest}", "what its worker said"),
        (f"{command} why {richest}", "why it is where it is"),
        (f"{command} status", "the accounts, and what is left of their windows"),
        (f"git -C {shlex.quote(str(demo.repo))} log --graph main", ""),
    ]
    width = max(len(look) for look, what in looks if what)
    further = "\n".join(f"  {look:<{width if what else 0}}  {what}".rstrip() for look, what in looks)
    return f"""\
{summary(outcome)}
{seen}
What is on main of the sample repository now:
{commits}
Look further:
{further}
Other stories:
{others}
Clean up:
  rm -r {shlex.quote(str(demo.place))}"""


def _story_of(task: Task, record: dict[str, Any]) -> Iterator[str]:
    if task.after:
        yield f"began when {', '.join(task.after)} had landed"
    for before, after in pairwise(record["attempts"]):
        if before["reason"] == "limited" and before["session_id"] == after["session_id"]:
            yield (
                f"the window of {before['account']} was full in the middle of it: the same session went on on "
                f"{after['account']}"
            )
    for line in record["history"]:
        if line["level"] == "warning" and line["attempt"] is None:
            yield f"{line['text'].partition(':')[0]}: its own session mended that"
