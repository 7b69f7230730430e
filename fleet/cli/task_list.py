"""`fleet task list`: on a terminal a page of the newest, elsewhere all in the order in which they were added."""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable, Iterable
from itertools import chain

from fleet.cli.chosen import choice_of, filter_words
from fleet.cli.parser import Parser, positive
from fleet.cli.show import clock, paused, put_documents, say, table, waits
from fleet.cli.usage import did_you_mean
from fleet.home import find_home
from fleet.spoken.choice import ALL, ORDERS
from fleet.streams import out
from fleet.views.light import state
from fleet.views.light.records import state_of
from fleet.views.needs import consents

TYPE_CHECKING = False
if TYPE_CHECKING:
    from fleet.views.light.records import Record

PAGE = 50
"""So many on a terminal, unless told otherwise."""


def _state(task: Record) -> str:
    shown = state_of(task)
    shown += ", paused" if task["paused"] and shown != "paused" else ""
    return f"{shown}, needs consent" if task["needs_consent"] else shown


COLUMNS: dict[str, Callable[[Record], str]] = {
    "id": lambda task: task["id"],
    "state": _state,
    "priority": lambda task: str(task["priority"]),
    "branch": lambda task: task["branch"] or "",
    "title": lambda task: task["title"],
    "repo": lambda task: task["repo"],
    "added": lambda task: clock(task["created_at"]),
    "deadline": lambda task: clock(task["deadline"]),
    "after": lambda task: ",".join(task["after"]),
    "reason": lambda task: task["reason"] or task["trouble"],
    "commit": lambda task: task["landed_commit"] or "",
}
USUAL = ("id", "state", "priority", "branch", "title")


def words(parser: Parser) -> None:
    filter_words(parser)
    how_many = parser.add_mutually_exclusive_group()
    how_many.add_argument(
        "--limit",
        type=positive,
        metavar="N",
        help=f"at most so many (default: {PAGE} on a terminal, else all)",
    )
    how_many.add_argument("--all", action="store_true", help="all of them, on a terminal, too")
    parser.add_argument(
        "--sort", choices=ORDERS, help="default: the newest first on a terminal, else as they were added"
    )
    parser.add_argument("--reverse", action="store_true", help="the other way around")
    parser.add_argument(
        "--columns",
        type=_columns,
        default=USUAL,
        metavar="C,C",
        help=f"of {', '.join(COLUMNS)} (default: {','.join(USUAL)})",
    )


def _columns(text: str) -> tuple[str, ...]:
    """Raises what argparse tells as a wrong word."""
    found = tuple(word.strip().lower() for word in text.split(","))
    for word in found:
        if word not in COLUMNS:
            near = did_you_mean(word, COLUMNS) or f": there are {', '.join(COLUMNS)}"
            raise argparse.ArgumentTypeError(f"no column is called {word!r}{near}")
    return found


def listing(args: argparse.Namespace) -> int:
    """One task after the other, so that ten thousand need no more room than fifty."""
    paged = out().isatty() and not args.json
    limit = None if args.all else args.limit or (PAGE if paged else None)
    reverse = args.reverse != (paged and args.sort is None)
    choice = choice_of(args)
    home = find_home(os.environ).root
    found = state.tasks(home, choice, args.sort or "added", reverse=reverse, limit=limit)
    if args.json:
        return put_documents(found)
    first = next(found, None)
    if first is None:
        say('no tasks: fleet task add "PROMPT" --repo PATH' if choice == ALL else _none(args))
        return 0
    shown = _put(chain([first], found), args.columns)
    for project in state.paused_projects(home):
        say(paused(project))
    if limit is not None and (more := state.tasks_count(home, choice) - shown) > 0:
        say(f"… {more:,} more: --all")
    return 0


def _none(args: argparse.Namespace) -> str:
    only_state = args.state and choice_of(args) == ALL._replace(states=args.state)
    return f"no task is {' or '.join(args.state)}" if only_state else "no task matches"


def _put(found: Iterable[Record], columns: tuple[str, ...]) -> int:
    """How many they were."""
    needing: list[Record] = []

    def row(task: Record) -> tuple[str, ...]:
        if task["needs_consent"]:
            needing.append(task)
        return tuple(COLUMNS[column](task) for column in columns)

    rows = [row(task) for task in found]
    table(tuple(column.upper() for column in columns), rows)
    for need in consents(needing):
        say(waits(need))
    return len(rows)
