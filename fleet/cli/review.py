"""What a person does about verified work: `fleet task approve`, `send-back`, `reject` and `land`."""

from __future__ import annotations

import argparse
import os
import sys

from fleet.cli.chosen import task_words, to_each
from fleet.cli.parser import Commands, Parser, add_command, json_word
from fleet.cli.show import as_json, say
from fleet.errors import Failed
from fleet.home import find_home
from fleet.spoken.choice import one_id
from fleet.views.light import state

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from fleet.home import Home
    from fleet.service.reviews import Approved


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

    def do(home: Home, ids: Sequence[str]) -> Mapping[str, object]:
        came = reviews.land_each(home, ids, args.target)
        held = (one.held for one in came.values() if isinstance(one, reviews.Merged))
        for told in dict.fromkeys(filter(None, held)):
            say(f"note: {told}")
        return came

    return to_each(
        args, "merge", do, lambda _, merged: f"is merged into {merged.into}, once it is verified there"
    )


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
    return to_each(
        args,
        "approve",
        lambda home, ids: reviews.approve_each(home, ids, args.commit),
        lambda _, one: _approved(one),
    )


def _approved(one: Approved) -> str:
    if one.again:
        return "approved; its branch has moved, so it is verified again before it lands"
    return f"approved, {f'left on {one.branch}' if one.into is None else f'lands on {one.into}'}"


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
    from fleet.service.reviews import rejecting
    from fleet.service.talk import each

    ask = rejecting(args.reason)
    told = "rejected; what its worker had not committed is kept under refs/fleet/"
    return to_each(args, "reject", lambda home, ids: each(home, ids, ask), lambda _id, _came: told)
