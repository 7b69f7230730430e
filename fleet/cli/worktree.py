"""`fleet worktree …`."""

from __future__ import annotations

import argparse
import os
from typing import Any

from fleet.cli.parser import Parser, add_command, group_of, json_word
from fleet.cli.show import as_json, say, table
from fleet.home import find_home
from fleet.views.light import state


def words(parser: Parser) -> None:
    commands = group_of(parser)
    add_command(commands, "list", "list the worktrees", "fleet.cli.worktree:listing", json_word)
    add_command(
        commands,
        "prune",
        "remove those of ended tasks, as `fleet clean --worktrees --older-than 0` does",
        "fleet.cli.worktree:prune",
        json_word,
    )


def listing(args: argparse.Namespace) -> int:
    found = state.worktrees(find_home(os.environ).root)
    if args.json:
        return as_json(found)
    if not found:
        say("no worktrees: one is made for each task that begins")
        return 0
    rows = [_row(worktree) for worktree in found]
    table(("TASK", "TASK STATE", "STATE", "HOST", "PATH", "PRESERVED"), rows)
    return 0


def _row(worktree: dict[str, Any]) -> tuple[str, ...]:
    moves = f" (from {worktree['moves_from']})" if worktree["moves_from"] else ""
    keys = ("task", "task_state", "state")
    kept = worktree["preserved"] or worktree["checkpoint"] or ""
    return *(worktree[key] for key in keys), f"{worktree['host']}{moves}", worktree["path"] or "-", kept


def prune(args: argparse.Namespace) -> int:
    from fleet.service.cleaning import clean
    from fleet.shell.cleaning import Rule

    home = find_home(os.environ)
    tasks = clean(home, Rule(frozenset({"worktrees"}), older_than_ms=0), os.environ).worktrees
    if args.json:
        return as_json({"tasks": tasks})
    running = state.status(home.root)["coordinator"] is not None
    done = "being removed" if running else "removed by the next `fleet up`"
    say(
        f"{len(tasks)} worktrees {done}; what was in no commit is kept under refs/fleet/"
        if tasks
        else "nothing to prune"
    )
    return 0
