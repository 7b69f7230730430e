"""`fleet pause` and `fleet resume`: of tasks, projects, accounts, or all work."""

from __future__ import annotations

import argparse
import os

from fleet.cli.chosen import chosen, may, task_words, tell_each
from fleet.cli.parser import Commands, Parser, add_command, json_word
from fleet.cli.show import as_json, say
from fleet.errors import NotDone
from fleet.home import find_home
from fleet.views.light import state

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from fleet.core.events import Paused

    Came = dict[str, str | NotDone]


def add_commands(commands: Commands) -> None:
    """Of tasks."""
    add_command(
        commands,
        "pause",
        "start no worker for it; one at work ends with its turn",
        "fleet.cli.pause:pause_tasks",
        task_words,
        how_words,
        json_word,
    )
    add_command(commands, "resume", "let it go on", "fleet.cli.pause:resume_tasks", task_words, json_word)


def how_words(parser: Parser) -> None:
    parser.add_argument("--now", action="store_true", help="stop its workers; what they have done is kept")
    parser.add_argument("--until", metavar="WHEN", help="go on by itself then: 2h, 18:30, 2026-11-30T18:30")
    parser.add_argument("--reason", default="", metavar="TEXT", help="why, for whoever asks")


def pause_words(parser: Parser) -> None:
    _which_words(parser)
    how_words(parser)
    json_word(parser)


def resume_words(parser: Parser) -> None:
    _which_words(parser)
    json_word(parser)


def _which_words(parser: Parser) -> None:
    which = parser.add_mutually_exclusive_group(required=True)
    which.add_argument("--project", metavar="P", help="a name, or the path of a repository")
    which.add_argument("--account", metavar="A")
    which.add_argument("--all", action="store_true", help="all work: opens the circuit breaker, or closes it")
    parser.epilog = "Of tasks: fleet task pause, fleet task resume."


def pause(args: argparse.Namespace) -> int:
    what, names = _which(args)
    return _put(args, what, _pause(args, what, names))


def resume(args: argparse.Namespace) -> int:
    what, names = _which(args)
    return _put(args, what, _resume(args, what, names))


def pause_tasks(args: argparse.Namespace) -> int:
    return _of_tasks(args, "pause", _pause)


def resume_tasks(args: argparse.Namespace) -> int:
    return _of_tasks(args, "resume", _resume)


def _of_tasks(args: argparse.Namespace, what: str, do: Callable[..., Came]) -> int:
    found = chosen(args)
    if not may(args, found, what):
        return 0
    came = do(args, "task", list(found.ids))
    if found.one:
        return _put(args, "task", came)
    return tell_each(args, came, lambda name: f"{came[name]}{_how_on('task', name, came[name])}", found.ids)


def pause_account(args: argparse.Namespace) -> int:
    return _put(args, "account", _pause(args, "account", [args.name]))


def resume_account(args: argparse.Namespace) -> int:
    return _put(args, "account", _resume(args, "account", [args.name]))


def _which(args: argparse.Namespace) -> tuple[Paused, list[str]]:
    if args.all:
        return "all", []
    return ("account", [args.account]) if args.account else ("project", [args.project])


def _pause(args: argparse.Namespace, what: Paused, names: list[str]) -> Came:
    from datetime import datetime

    from fleet.service import pauses

    now = datetime.now().astimezone()
    home = find_home(os.environ)
    return pauses.pause(home, what, names, now, why=args.reason, until=args.until, at_once=args.now)


def _resume(_: argparse.Namespace, what: Paused, names: list[str]) -> Came:
    from fleet.service import pauses

    return pauses.resume(find_home(os.environ), what, names)


def _put(args: argparse.Namespace, what: Paused, came: Came) -> int:
    """Of what is named one by one. Raises NotDone where it was refused."""
    for refused in came.values():
        if isinstance(refused, NotDone):
            raise refused
    told = {name: str(words) for name, words in came.items()}
    if args.json and what == "account":
        return as_json(state.account(find_home(os.environ).root, next(iter(told))))
    if args.json:
        return as_json({"what": what, "told": {name or "all": words for name, words in told.items()}})
    for name, words in told.items():
        say(f"{name or 'all work'}: {words}{_how_on(what, name, words)}")
    return 0


def _how_on(what: Paused, name: str, came: str | NotDone) -> str:
    return "" if str(came).startswith(("resumed", "was")) else f"; to go on: {_resuming(what, name)}"


def _resuming(what: Paused, name: str) -> str:
    from shlex import quote

    if what == "task":
        return f"fleet task resume {name}"
    return "fleet resume --all" if what == "all" else f"fleet resume --{what} {quote(name)}"
