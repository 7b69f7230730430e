"""What a person does about verified work: `fleet task approve`, `send-back`, `reject` and `land`."""

from __future__ import annotations

import argparse
import os
import sys

from fleet.cli.chosen import chosen, may, task_words, tell_each
from fleet.cli.parser import Commands, Parser, add_command, json_word
from fleet.cli.show import as_json, say
from fleet.errors import Failed, NotDone
from fleet.home import find_home
from fleet.spoken.choice import one_id
from fleet.views.light import state

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any


def add_commands(commands: Commands) -> None:
    add_command(
        commands, "approve", "let reviewed work land", "fleet.cli.review:approve", _approve_words, json_word
    )
    add_command(
        commands,
        "send-back",
        "give reviewed work back to its session, with what is to be done",
        "fleet.cli.review:send_back",
        _send_back_words,
        json_word,
    )
    add_command(
        commands,
        "reject",
        "end it without landing it; its work is kept",
        "fleet.cli.review:reject",
        _reject_words,
        json_word,
    )
    add_command(
        commands,
        "land",
        "merge a branch after all that was left as it was asked for",
        "fleet.cli.review:land",
        _land_words,
        json_word,
    )


def _land_words(parser: Parser) -> None:
    task_words(parser)
    how = parser.add_mutually_exclusive_group(required=True)
    how.add_argument("--merge", action="store_true", help="into the target that it began from")
    parser.add_argument("--target", metavar="BRANCH", help="into this one")


def land(args: argparse.Namespace) -> int:
    from fleet.service import reviews

    home = find_home(os.environ)

    def do(task_id: str) -> str:
        if held := reviews.land(home, task_id, args.target):
            say(f"note: {held}")
        target = state.task(home.root, task_id)["target"]
        return f"is merged into {target}, once it is verified there"

    return _to_each(args, "merge", do)


def _approve_words(parser: Parser) -> None:
    task_words(parser)
    parser.add_argument(
        "--commit",
        metavar="C",
        help="the commit that you have looked at (default: the one that was verified)",
    )


def _send_back_words(parser: Parser) -> None:
    parser.add_argument("id", metavar="ID", type=one_id, help="a task, such as t7")
    parser.add_argument("text", nargs="?", default="", metavar="TEXT", help="what is to be done")
    parser.add_argument(
        "--comments",
        metavar="FILE",
        help="comments on lines, each “path:line: text”; - reads them from standard input",
    )


def _reject_words(parser: Parser) -> None:
    task_words(parser)
    parser.add_argument("--reason", default="", metavar="TEXT", help="why, for its history")


def approve(args: argparse.Namespace) -> int:
    from fleet.service import reviews

    if args.commit is not None and len(args.ids) != 1:
        raise Failed("--commit is of one task: approve the others by themselves")
    home = find_home(os.environ)

    def do(task_id: str) -> str:
        again = reviews.approve(home, task_id, args.commit)
        return _approved(state.task(home.root, task_id), again)

    return _to_each(args, "approve", do)


def _approved(task: dict[str, Any], again: bool) -> str:
    if again:
        return "approved; its branch has moved, so it is verified again before it lands"
    where = f"lands on {task['target']}" if task["land"] == "merge" else f"left on {task['branch']}"
    return f"approved, {where}"


def send_back(args: argparse.Namespace) -> int:
    from pathlib import Path

    from fleet.service import reviews

    comments = ""
    if args.comments:
        comments = (
            sys.stdin.read().rstrip("\n")
            if args.comments == "-"
            else reviews.read_comments(Path(args.comments))
        )
    home = find_home(os.environ)
    reviews.send_back(home, args.id, args.text, comments)
    if args.json:
        return as_json(state.task(home.root, args.id))
    say(f"{args.id}: sent back: its session goes on with that")
    return 0


def reject(args: argparse.Namespace) -> int:
    from fleet.service import reviews

    home = find_home(os.environ)

    def do(task_id: str) -> str:
        reviews.reject(home, task_id, args.reason)
        return "rejected; what its worker had not committed is kept under refs/fleet/"

    return _to_each(args, "reject", do)


def _to_each(args: argparse.Namespace, what: str, do: Callable[[str], str]) -> int:
    """Does it to each task that is meant, one after the other, as the repository of each is looked at; `do` gives what
    to tell, or raises NotDone."""
    found, home = chosen(args), find_home(os.environ)
    if not may(args, found, what):
        return 0
    came: dict[str, str | NotDone] = {}
    for task_id in found.ids:
        try:
            came[task_id] = do(task_id)
        except NotDone as refused:
            if found.one:
                raise
            came[task_id] = refused
    if not found.one:
        return tell_each(args, came, lambda task_id: str(came[task_id]), found.ids)
    (task_id,) = found.ids
    if args.json:
        return as_json(state.task(home.root, task_id))
    say(f"{task_id}: {came[task_id]}")
    return 0
