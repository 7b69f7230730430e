"""Which tasks a command is about, as `fleet help filters` says, and doing one thing to each of them."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from fleet.cli.failures import failure
from fleet.cli.parser import Parser
from fleet.cli.show import agrees, as_json, put, say
from fleet.cli.usage import WholeWords, did_you_mean
from fleet.errors import Failed, NotDone, NothingMatches, NotKnown, Partly
from fleet.home import Home, find_home
from fleet.spoken.choice import ALL, RANGE, STATES, Choice, UnknownIds, ids_of
from fleet.store.sqlite_reader import SqliteReader
from fleet.views.light import state

FILTERS = ("state", "project", "account", "label", "older_than", "where")
LISTED = 20
"""Of the tasks that a person is asked about; the others are counted."""


def states(text: str) -> tuple[str, ...]:
    """Raises what argparse tells as a wrong word."""
    found = tuple("-".join(word.split()) for word in text.split(",") if word.strip())
    for word in found or ("",):
        if word not in STATES:
            near = did_you_mean(word, STATES) or f": there are {', '.join(STATES)}"
            raise argparse.ArgumentTypeError(f"no task is ever {word!r}{near}")
    return found


def filter_words(parser: Parser, *, without: Sequence[str] = ()) -> None:
    """`without` are filters whose words mean something else to this command."""
    parser.set_defaults(filters=tuple(name for name in FILTERS if name not in without))
    of = parser.add_argument_group("filters (fleet help filters)")
    told: dict[str, dict[str, Any]] = {
        "state": {"type": states, "metavar": "S[,S]", "help": "in one of these states"},
        "project": {"metavar": "P", "help": "of this project: a name, or the path of a repository"},
        "account": {"metavar": "A", "help": "whose last worker ran on this account"},
        "label": {"metavar": "L", "help": "that run only on hosts with this label"},
        "older_than": {"metavar": "SPAN", "help": "added so long ago, such as 2h or 3d"},
        "where": {"metavar": "TEXT", "help": "with this in the title or the prompt"},
    }
    for name in FILTERS:
        if name not in without:
            of.add_argument(f"--{name.replace('_', '-')}", **told[name])


def task_words(
    parser: Parser, *, further: str = "", without: Sequence[str] = (), changes: bool = True
) -> None:
    """Tasks, by ids or filters. `further` is one more word that comes last, whatever is before it. A command that
    `changes` them can be tried, and can do it without asking."""
    last = f"; last comes {further}" if further else ""
    parser.add_argument(
        "ids",
        nargs="*",
        metavar=f"ID {further}".strip(),
        help=f"tasks: t1 t2, 1, t3..t9, - (from standard input){last}",
    )
    filter_words(parser, without=without)
    if changes:
        parser.add_argument("--yes", action="store_true", help="do it to all that match, without being asked")
        parser.add_argument("--dry-run", action="store_true", help="list them, and do nothing")
    if isinstance(parser, WholeWords):
        parser.gathers = "ids"
        parser.missing = lambda args: _missing(args, further)


def _missing(args: argparse.Namespace, further: str) -> str:
    """What is not said and has to be; empty where nothing is."""
    needed = (not _filtered(args)) + bool(further)
    if len(args.ids) >= needed:
        return ""
    named = _filtered(args) or args.ids
    return f"say {' and '.join([*([] if named else ['which task: ID, or a filter']), *([further] if further else [])])}"


def _filtered(args: argparse.Namespace) -> bool:
    return any(getattr(args, name) for name in args.filters)


class Chosen(NamedTuple):
    ids: tuple[str, ...]
    one: bool
    """One task was named, by its id."""
    titles: Mapping[str, str] = {}
    """Of those that a filter found."""


def choice_of(args: argparse.Namespace) -> Choice:
    """What the filters say. Raises Failed."""
    said = {name: getattr(args, name) if name in args.filters else None for name in FILTERS}
    return ALL._replace(
        states=said["state"] or (),
        project=_project(said["project"]),
        account=said["account"],
        label=said["label"],
        added_before_ms=_before_ms(said["older_than"]),
        text=said["where"] or None,
    )


def _project(said: str | None) -> str | None:
    if said is None:
        return None
    from fleet.service.projects import project_name

    return project_name(said)


def _before_ms(said: str | None) -> int | None:
    if said is None:
        return None
    import time

    from fleet.spoken.spans import UnknownSpan, span_ms

    try:
        return time.time_ns() // 1_000_000 - span_ms(said)
    except UnknownSpan as failed:
        raise Failed(f"{said!r} {failed}") from failed


def chosen(args: argparse.Namespace) -> Chosen:
    """Raises Failed, NothingMatches."""
    choice = choice_of(args)
    if args.ids and choice != ALL:
        raise Failed("name tasks, or say what they have in common, not both")
    with SqliteReader(find_home(os.environ).root) as reader:
        if not args.ids:
            titles = {task["id"]: task["spec"]["title"] for task in reader.tasks(choice)}
            if not titles:
                raise NothingMatches("no task matches: see `fleet task list`")
            return Chosen(tuple(titles), one=False, titles=titles)
        words = _from_standard_input(args.ids)
        try:
            found = ids_of(words, reader.task_ids() if any(RANGE in word for word in words) else ())
        except UnknownIds as failed:
            raise Failed(str(failed)) from failed
    if not found:
        named = ["standard input" if word == "-" else word for word in args.ids]
        raise NothingMatches(f"there is no task in {', '.join(named)}: see `fleet task list`")
    return Chosen(found, one=len(found) == 1 and RANGE not in words[0] and "-" not in args.ids)


def _from_standard_input(words: Sequence[str]) -> list[str]:
    said = [sys.stdin.read().split() if word == "-" else [word] for word in words]
    return [word for each in said for word in each]


def may(args: argparse.Namespace, found: Chosen, what: str) -> bool:
    """Whether to go on: a filter that found more than one task is asked about, and a dry run ends here. Raises Failed
    where nobody agrees."""
    if args.dry_run:
        if args.json:
            as_json({"dry_run": True, "ids": list(found.ids)})
            return False
        for name in found.ids:
            put(f"would {what} {_named(name, found)}")
        return False
    if len(found.titles) < 2 or args.yes:
        return True
    for name in found.ids[:LISTED]:
        say(f"  {_named(name, found)}")
    if len(found.ids) > LISTED:
        say(f"  and {len(found.ids) - LISTED} more (--dry-run lists all)")
    answer = agrees(f"{what[:1].upper()}{what[1:]} these {len(found.ids)} tasks?")
    if answer is None:
        raise Failed(
            f"{len(found.ids)} tasks match, and nothing was done: say it with --yes, or at a terminal"
        )
    if not answer:
        raise Failed("nothing was done")
    return True


def to_each(
    args: argparse.Namespace,
    what: str,
    do: Callable[[Home, Sequence[str]], Mapping[str, object]],
    told: Callable[[str, Any], str],
) -> int:
    """Does one thing to each task that is meant, all at once. `do` gives what came of each by its id, NotDone where it
    was refused; `told` says what else came of one. Raises Failed, and what a refusal is."""
    found, home = chosen(args), find_home(os.environ)
    if not may(args, found, what):
        return 0
    came = do(home, found.ids)
    if not found.one:
        return tell_each(args, came, lambda task_id: told(task_id, came[task_id]), found.ids)
    (task_id,) = found.ids
    if isinstance(refused := came[task_id], NotDone):
        raise refused
    if args.json:
        return as_json(state.task(home.root, task_id))
    say(f"{task_id}: {told(task_id, came[task_id])}")
    return 0


def _named(name: str, found: Chosen) -> str:
    return f"{name} {found.titles[name]}" if name in found.titles else name


def tell_each(
    args: argparse.Namespace, came: Mapping[str, object], told: Callable[[str], str], ids: Sequence[str]
) -> int:
    """What came of each of several. Raises Partly, and what a refusal is when there is nothing else."""
    refused = {name: one for name, one in came.items() if isinstance(one, NotDone)}
    well = [name for name in ids if name not in refused]
    if args.json and well:
        rows = [
            {"id": name, "code": why.code, "message": why.told}
            for name, one in refused.items()
            if (why := failure(one)) is not None
        ]
        as_json({"done": well, "refused": rows})
    elif not args.json:
        for name in well:
            say(f"{name}: {told(name)}")
        for one in refused.values():
            say(f"fleet: {one}")
    if not refused:
        return 0
    unknown = next((one for one in refused.values() if isinstance(one, NotKnown)), None)
    if unknown is not None:
        raise unknown
    names = ", ".join([*refused][:LISTED]) + (" …" if len(refused) > LISTED else "")
    if not well:
        raise Failed(f"none of {len(ids)} tasks: {next(iter(refused.values()))}")
    raise Partly(f"{len(well)} of {len(ids)} are done, not {names}", tuple(refused))
