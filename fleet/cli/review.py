"""What a person does about verified work: `fleet task approve`, `send-back`, `reject` and `land`."""

from __future__ import annotations

import argparse
import os
import sys

from fleet.cli.parser import Commands, Parser, add_command, json_word
from fleet.cli.show import as_json, say
from fleet.home import find_home
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
    _ids_word(parser)
    how = parser.add_mutually_exclusive_group(required=True)
    how.add_argument("--merge", action="store_true", help="into the target that it began from")
    parser.add_argument("--target", metavar="BRANCH", help="into this one")


def land(args: argparse.Namespace) -> int:
    from fleet.service import reviews

    home = find_home(os.environ)
    for task_id in args.ids:
        if held := reviews.land(home, task_id, args.target):
            say(f"note: {held}")
    return _told(args, lambda task: f"is merged into {task['target']}, once it is verified there")


def _ids_word(parser: Parser) -> None:
    parser.add_argument("ids", nargs="+", metavar="ID", help="a task, such as t7")


def _approve_words(parser: Parser) -> None:
    _ids_word(parser)
    parser.add_argument(
        "--commit",
        metavar="C",
        help="the commit that you have looked at (default: the one that was verified)",
    )


def _send_back_words(parser: Parser) -> None:
    parser.add_argument("id", metavar="ID", help="a task, such as t7")
    parser.add_argument("text", nargs="?", default="", metavar="TEXT", help="what is to be done")
    parser.add_argument(
        "--comments",
        metavar="FILE",
        help="comments on lines, each “path:line: text”; - reads them from standard input",
    )


def _reject_words(parser: Parser) -> None:
    _ids_word(parser)
    parser.add_argument("--reason", default="", metavar="TEXT", help="why, for its history")


def approve(args: argparse.Namespace) -> int:
    from fleet.cli.run import Failed
    from fleet.service import reviews

    if args.commit is not None and len(args.ids) > 1:
        raise Failed("--commit is of one task: approve the others by themselves")
    home = find_home(os.environ)
    again = {task_id for task_id in args.ids if reviews.approve(home, task_id, args.commit)}
    return _told(args, lambda task: _approved(task, task["id"] in again))


def _approved(task: dict[str, Any], again: bool) -> str:
    if again:
        return "approved; its branch has moved, so it is verified again before it lands"
    return (
        f"approved, lands on {task['target']}"
        if task["land"] == "merge"
        else f"approved, left on {task['branch']}"
    )


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
    reviews.send_back(find_home(os.environ), args.id, args.text, comments)
    args.ids = [args.id]
    return _told(args, lambda task: "sent back: its session goes on with that")


def reject(args: argparse.Namespace) -> int:
    from fleet.service import reviews

    home = find_home(os.environ)
    for task_id in args.ids:
        reviews.reject(home, task_id, args.reason)
    return _told(args, lambda task: "rejected; what its worker had not committed is kept under refs/fleet/")


def _told(args: argparse.Namespace, told: Callable[[dict[str, Any]], str]) -> int:
    root = find_home(os.environ).root
    found = [state.task(root, task_id) for task_id in args.ids]
    if args.json:
        return as_json(found[0] if len(found) == 1 else found)
    for task in found:
        say(f"{task['id']}: {told(task)}")
    return 0
