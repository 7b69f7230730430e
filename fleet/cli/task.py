"""`fleet task …` and `fleet why`."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable
from functools import cache
from typing import Any

from fleet.cli import diff, pause, review, task_list
from fleet.cli.chosen import chosen, may, task_words, tell_each, to_each
from fleet.cli.parser import Parser, add_command, color_word, group_of, json_word
from fleet.cli.show import as_json, clock, put, put_lines, say
from fleet.errors import Failed
from fleet.home import find_home
from fleet.spoken.choice import Choice, one_id
from fleet.spoken.task_fields import FIELDS, Field
from fleet.streams import colours, out
from fleet.views.light import state
from fleet.views.light.records import state_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from fleet.service.revising import Edited
    from fleet.service.talk import Ask


def words(parser: Parser) -> None:
    commands = group_of(parser)
    add_command(
        commands, "add", "add a task, or many from a file; prints the ids", "fleet.cli.task:add", _add_words
    )
    add_command(commands, "list", "list the tasks", "fleet.cli.task_list:listing", task_list.words, json_word)
    add_command(commands, "show", "show tasks and their attempts", "fleet.cli.task:show", _shown_words)
    add_command(commands, "edit", "revise what tasks were asked for", "fleet.cli.task:edit", _edit_words)
    add_command(
        commands, "cancel", "stop tasks; their work is kept", "fleet.cli.task:cancel", task_words, json_word
    )
    add_command(
        commands,
        "retry",
        "put failed or cancelled tasks back",
        "fleet.cli.task:retry",
        task_words,
        _retry_words,
    )
    add_command(commands, "logs", "what workers say", "fleet.cli.task:logs", _logs_words)
    add_command(commands, "say", "say something to sessions", "fleet.cli.task:say_to", _say_words)
    diff.add_commands(commands)
    pause.add_commands(commands)
    review.add_commands(commands)


def why_words(parser: Parser) -> None:
    _shown_words(parser)


def _shown_words(parser: Parser) -> None:
    task_words(parser, changes=False)
    json_word(parser)


def _task_word(parser: Parser) -> None:
    parser.add_argument("id", metavar="ID", type=one_id, help="a task, such as t7")


def _logs_words(parser: Parser) -> None:
    which = parser.add_mutually_exclusive_group(required=True)
    which.add_argument("id", nargs="?", metavar="ID", type=one_id, help="a task, such as t7")
    which.add_argument(
        "--all", action="store_true", help="of all workers that live now; with -f, of later ones, too"
    )
    parser.add_argument("-f", "--follow", action="store_true", help="go on until the task ends")
    color_word(parser)


def _retry_words(parser: Parser) -> None:
    parser.add_argument(
        "--fresh",
        action="store_true",
        help="go on with a new session, which is told what the old one knew; its branch stays",
    )
    json_word(parser)


def _say_words(parser: Parser) -> None:
    task_words(parser, further="MESSAGE")
    parser.add_argument(
        "--interrupt", action="store_true", help="break off what it is doing and hear this first"
    )
    parser.add_argument("--tier", metavar="TIER", help="let the session at work go on with another tier")
    json_word(parser)


def _add_words(parser: Parser) -> None:
    parser.add_argument(
        "prompt", nargs="?", metavar="PROMPT", help="what to do; - reads it from standard input"
    )
    parser.add_argument("--file", metavar="TASKS.toml", help="many tasks at once")
    for field in FIELDS:
        if field.help_ and field.word != "prompt":
            _field_words(parser, field, field.of)
    json_word(parser)


def _field_words(parser: Parser, field: Field, of: Callable[[str], object]) -> None:
    if field.flag:
        parser.add_argument(
            field.option, action=argparse.BooleanOptionalAction, default=None, help=field.help_
        )
    elif field.alone is not None:
        parser.add_argument(
            field.option, nargs="?", const=field.alone, metavar=field.metavar, help=field.help_
        )
        parser.add_argument(
            field.option.replace("--", "--no-", 1),
            action="store_false",
            default=None,
            dest=field.word,
            help="nobody does",
        )
    elif field.many:
        parser.add_argument(field.option, action="append", metavar=field.metavar, help=field.help_)
    else:
        parser.add_argument(
            field.option, type=of, choices=field.choices, metavar=field.metavar, help=field.help_
        )


def _edit_words(parser: Parser) -> None:
    task_words(parser, without=("label",))
    parser.epilog = (
        "“none” takes away what was asked for, such as --deadline none; lists are said anew, whole."
    )
    for field in FIELDS:
        if not field.stays:
            _field_words(parser, field, str)
    parser.add_argument("--resume", action="store_true", help="it is paused no longer")
    json_word(parser)


def add(args: argparse.Namespace) -> int:
    from datetime import datetime
    from pathlib import Path

    from fleet.service import tasks
    from fleet.service.settings import section

    if (args.prompt is None) == (args.file is None):
        raise Failed("give a prompt or --file, one of them")
    if args.file:
        requests = tasks.read_file(Path(args.file))
    else:
        usual = section(find_home(os.environ), "task", os.environ)
        said = {word: value for word, value in usual.items() if value is not None} | _fields(args)
        requests = [tasks.make_request({"repo": ".", **said}, "fleet task add")]
    added = tasks.add(find_home(os.environ), requests, datetime.now().astimezone())
    for warning in added.warnings:
        say(f"note: {warning}")
    if args.json:
        return as_json({"ids": list(added.ids), "there": list(added.there)})
    for task_id in added.ids:
        put(task_id)
    return 0


def _fields(args: argparse.Namespace) -> dict[str, Any]:
    """The fields of a task that were said, by their words."""
    said = {field.word: getattr(args, field.word, None) for field in FIELDS}
    if said["prompt"] == "-":
        said["prompt"] = sys.stdin.read()
    # `id` is the name of a task within a file; here it is that of the task that is edited.
    return {word: value for word, value in said.items() if value is not None and word != "id"}


def edit(args: argparse.Namespace) -> int:
    from datetime import datetime

    from fleet.service.revising import Edited, edit_each

    fields = {word: value for word, value in _fields(args).items() if word not in args.filters}
    said = {word: None if value in ("none", ["none"]) else value for word, value in fields.items()}
    if args.resume:
        said["paused"] = None
    if not said:
        raise Failed("say what is to be revised: fleet task edit --help")
    found = chosen(args)
    if not may(args, found, "revise"):
        return 0
    came = edit_each(find_home(os.environ), found.ids, said, datetime.now().astimezone())
    edited = {name: one for name, one in came.items() if isinstance(one, Edited)}
    for warning in dict.fromkeys(told for one in edited.values() for told in one.warnings):
        say(f"note: {warning}")
    paused = "resumed" if said.get("paused") is None else "paused"
    if not found.one:
        return tell_each(args, came, lambda name: _edited(edited[name], paused), found.ids)
    (one,) = came.values()
    if not isinstance(one, Edited):
        raise one
    if args.json:
        return as_json({"id": found.ids[0], "now": list(one.now), "next_attempt": list(one.next_attempt)})
    say(f"{found.ids[0]}: {_edited(one, paused)}")
    return 0


def _edited(edited: Edited, paused: str) -> str:
    parts = (("from now on", edited.now), ("with its next attempt", edited.next_attempt))
    told = [
        f"{when}: {', '.join(paused if word == 'paused' else word for word in words).replace('_', ' ')}"
        for when, words in parts
        if words
    ]
    return "; ".join(told) or "it was so already"


def show(args: argparse.Namespace) -> int:
    found, root = chosen(args), find_home(os.environ).root
    tasks = [state.task(root, task_id) for task_id in found.ids]
    if args.json:
        return as_json(tasks[0] if found.one else tasks)
    for task in tasks:
        _show(task)
    return 0


def _show(task: dict[str, Any]) -> None:
    put(f"{task['id']} {task['title']}: {state_of(task)}{' — ' + task['reason'] if task['reason'] else ''}")
    put(f"  repository {task['repo']}, target {task['target']}, branch {task['branch'] or '-'}")
    if task["landed_commit"]:
        put(f"  {state_of(task)} as {task['landed_commit']}")
    if task["paused"]:
        put(f"  paused by {task['paused']['by']}{_why(task['paused'])}")
    if task["source"]:
        put(f"  asked for by {task['source']}")
    if task["labels"]:
        put(f"  only on hosts with {', '.join(task['labels'])}")
    if task["verdict"]:
        _show_verdict(task["verdict"])
    if task["worktree"]:
        put(f"  {_worktree(task['worktree'])}")
    for attempt in task["attempts"]:
        put(f"  {_attempt(attempt)}")
    for line in task["history"]:
        put(f"    {clock(line['at'])}  {line['text']}")


def _show_verdict(verdict: dict[str, Any]) -> None:
    found = "passes it" if verdict["passed"] else "found something blocking"
    put(f"  review of {verdict['commit'][:12]} by {verdict['tier']} on {verdict['account']}: {found}")
    for one in verdict["findings"]:
        where = one["path"] if one["line"] is None else f"{one['path']}:{one['line']}"
        put(f"    {where}: {one['severity']}: {one['evidence']}")


def _why(paused: dict[str, Any]) -> str:
    until = f", until {clock(paused['until'])}" if paused["until"] else ""
    return f"{until}: {paused['why']}" if paused["why"] else until


def _worktree(worktree: dict[str, Any]) -> str:
    where = f"{worktree['path'] or '-'} on {worktree['host']}"
    moves = f", moves there from {worktree['moves_from']}" if worktree["moves_from"] else ""
    home = f", last brought home {clock(worktree['checkpoint_at'])}" if worktree["checkpoint_at"] else ""
    return f"worktree {where}: {worktree['state']}{moves}{home}"


def _attempt(attempt: dict[str, Any]) -> str:
    tokens = sum(attempt["tokens"].values())
    cost = "" if attempt["cost_usd"] is None else f", ${attempt['cost_usd']:.2f}"
    ended = f" ({attempt['reason']})" if attempt["reason"] else ""
    return (
        f"attempt {attempt['id']} on {attempt['account']}, {attempt['tier']}, host {attempt['host']}: "
        f"{attempt['state']}{ended}, "
        f"{clock(attempt['started_at'])} to {clock(attempt['ended_at'])}, {tokens} tokens{cost}"
    )


def cancel(args: argparse.Namespace) -> int:
    from fleet.service.talk import cancelling

    root = find_home(os.environ).root

    @cache
    def still_merged() -> frozenset[str]:
        return frozenset(task["id"] for task in state.tasks(root, Choice(states=("landing",))))

    def told(task_id: str) -> str:
        if task_id in still_merged():
            return f"its merge is being broken off: `fleet why {task_id}` tells when that is done"
        return "cancelled; what its worker had not committed is kept under refs/fleet/"

    return _ask_each(args, "cancel", cancelling, told)


def retry(args: argparse.Namespace) -> int:
    from fleet.service.talk import retrying

    told = "put back, with a new session" if args.fresh else "put back"
    return _ask_each(args, "put back", retrying(fresh=args.fresh), lambda _: told)


def say_to(args: argparse.Namespace) -> int:
    from fleet.service.talk import saying

    message = args.ids.pop()
    return _ask_each(
        args, "tell", saying(message, interrupt=args.interrupt, tier=args.tier), lambda _: "said"
    )


def _ask_each(args: argparse.Namespace, what: str, ask: Ask, told: Callable[[str], str]) -> int:
    """Asks the same of each task that is meant, and says what came of it."""
    from fleet.service.talk import each

    return to_each(args, what, lambda home, ids: each(home, ids, ask), lambda task_id, _: told(task_id))


def logs(args: argparse.Namespace) -> int:
    from functools import partial

    from fleet.service import talk

    home, colour = find_home(os.environ), colours(out())
    told = talk.logs_of_all if args.all else partial(talk.logs, task_id=args.id)
    silent = True
    for line in told(home, follow=args.follow, colour=colour):
        # Further lines stand below their first: what a worker says makes no heading or step of its own.
        put_lines(line.replace("\n", "\n  "), flush=args.follow)
        silent = False
    if silent:
        say("no worker lives: fleet status")
    return 0


def why(args: argparse.Namespace) -> int:
    from fleet.views.snapshot import snapshot
    from fleet.views.why import as_data, as_words
    from fleet.views.why import why as explain

    tasks, home = chosen(args), find_home(os.environ)
    fleet = snapshot(home)
    found = [explain(home, task_id, fleet) for task_id in tasks.ids]
    if args.json:
        shown = [as_data(one) for one in found]
        return as_json(shown[0] if tasks.one else shown)
    for one in found:
        put_lines(as_words(one))
    return 0
