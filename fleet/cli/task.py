"""`fleet task …` and `fleet why`."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable
from typing import Any

from fleet.cli import diff, pause, review
from fleet.cli.parser import Parser, add_command, group_of, json_word
from fleet.cli.run import Failed
from fleet.cli.show import as_json, clock, paused, put, put_lines, say, table, waits
from fleet.home import find_home
from fleet.spoken.task_fields import FIELDS, Field
from fleet.streams import out
from fleet.views.light import state


def words(parser: Parser) -> None:
    commands = group_of(parser)
    add_command(
        commands, "add", "add a task, or many from a file; prints the ids", "fleet.cli.task:add", _add_words
    )
    add_command(commands, "list", "list the tasks", "fleet.cli.task:listing", _list_words, json_word)
    add_command(
        commands, "show", "show one task and its attempts", "fleet.cli.task:show", _task_word, json_word
    )
    add_command(
        commands, "edit", "revise what it was asked for", "fleet.cli.task:edit", _task_word, _edit_words
    )
    add_command(
        commands, "cancel", "stop it; its work is kept", "fleet.cli.task:cancel", _task_word, json_word
    )
    add_command(
        commands,
        "retry",
        "put a failed or cancelled task back",
        "fleet.cli.task:retry",
        _task_word,
        _retry_words,
    )
    add_command(commands, "logs", "what its workers say", "fleet.cli.task:logs", _task_word, _logs_words)
    add_command(
        commands, "say", "say something to its session", "fleet.cli.task:say_to", _task_word, _say_words
    )
    diff.add_commands(commands)
    pause.add_commands(commands)
    review.add_commands(commands)


def why_words(parser: Parser) -> None:
    _task_word(parser)
    json_word(parser)


def _task_word(parser: Parser) -> None:
    parser.add_argument("id", metavar="ID", help="a task, such as t7")


def _list_words(parser: Parser) -> None:
    parser.add_argument("--state", help="only tasks in this state")


def _logs_words(parser: Parser) -> None:
    parser.add_argument("-f", "--follow", action="store_true", help="go on until the task ends")


def _retry_words(parser: Parser) -> None:
    parser.add_argument(
        "--fresh",
        action="store_true",
        help="go on with a new session, which is told what the old one knew; its branch stays",
    )
    json_word(parser)


def _say_words(parser: Parser) -> None:
    parser.add_argument("message", metavar="MESSAGE")
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
    elif field.many:
        parser.add_argument(field.option, action="append", metavar=field.metavar, help=field.help_)
    else:
        parser.add_argument(
            field.option, type=of, choices=field.choices, metavar=field.metavar, help=field.help_
        )


def _edit_words(parser: Parser) -> None:
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

    if (args.prompt is None) == (args.file is None):
        raise Failed("give a prompt or --file, one of them")
    if args.file:
        requests = tasks.read_file(Path(args.file))
    else:
        requests = [tasks.make_request({"repo": ".", **_fields(args)}, "fleet task add")]
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

    from fleet.service import tasks

    said = {word: None if value in ("none", ["none"]) else value for word, value in _fields(args).items()}
    if args.resume:
        said["paused"] = None
    if not said:
        raise Failed("say what is to be revised: fleet task edit --help")
    edited = tasks.edit(find_home(os.environ), args.id, said, datetime.now().astimezone())
    for warning in edited.warnings:
        say(f"note: {warning}")
    if args.json:
        return as_json({"id": args.id, "now": list(edited.now), "next_attempt": list(edited.next_attempt)})
    parts = (("from now on", edited.now), ("with its next attempt", edited.next_attempt))
    names = {"paused": "resumed" if said.get("paused") is None else "paused"}
    told = [
        f"{when}: {', '.join(names.get(word, word) for word in words).replace('_', ' ')}"
        for when, words in parts
        if words
    ]
    say(f"{args.id}: {'; '.join(told) or 'it was so already'}")
    return 0


def listing(args: argparse.Namespace) -> int:
    found = state.tasks(find_home(os.environ).root, args.state)
    if args.json:
        return as_json(found)
    if not found:
        say(f"no task is {args.state}" if args.state else 'no tasks: fleet task add "PROMPT" --repo PATH')
        return 0
    table(("ID", "STATE", "PRIORITY", "BRANCH", "TITLE"), [_row(task) for task in found])
    for need in state.needs(found):
        say(waits(need))
    for project in state.paused_projects(find_home(os.environ).root):
        say(paused(project))
    return 0


def _row(task: dict[str, Any]) -> tuple[str, ...]:
    state = f"{task['state']}, paused" if task["paused"] else task["state"]
    state += ", needs consent" if task["needs_consent"] else ""
    return task["id"], state, str(task["priority"]), task["branch"] or "", task["title"]


def show(args: argparse.Namespace) -> int:
    task = state.task(find_home(os.environ).root, args.id)
    if args.json:
        return as_json(task)
    put(f"{task['id']} {task['title']}: {task['state']}{' — ' + task['reason'] if task['reason'] else ''}")
    put(f"  repository {task['repo']}, target {task['target']}, branch {task['branch'] or '-'}")
    if task["landed_commit"]:
        put(f"  landed as {task['landed_commit']}")
    if task["paused"]:
        put(f"  paused by {task['paused']['by']}{_why(task['paused'])}")
    if task["source"]:
        put(f"  asked for by {task['source']}")
    if task["labels"]:
        put(f"  only on hosts with {', '.join(task['labels'])}")
    if task["worktree"]:
        put(f"  {_worktree(task['worktree'])}")
    for attempt in task["attempts"]:
        put(f"  {_attempt(attempt)}")
    for line in task["history"]:
        put(f"    {clock(line['at'])}  {line['text']}")
    return 0


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
    from fleet.service import talk

    home = find_home(os.environ)
    talk.cancel(home, args.id)
    if state.task(home.root, args.id)["state"] != "cancelled":
        return _changed(args, f"its merge is being broken off: `fleet why {args.id}` tells when that is done")
    return _changed(args, "cancelled; what its worker had not committed is kept under refs/fleet/")


def retry(args: argparse.Namespace) -> int:
    from fleet.service import talk

    talk.retry(find_home(os.environ), args.id, fresh=args.fresh)
    return _changed(args, "put back, with a new session" if args.fresh else "put back")


def say_to(args: argparse.Namespace) -> int:
    from fleet.service import talk

    talk.say(find_home(os.environ), args.id, args.message, interrupt=args.interrupt, tier=args.tier)
    return _changed(args, "said")


def _changed(args: argparse.Namespace, what: str) -> int:
    if args.json:
        return as_json(state.task(find_home(os.environ).root, args.id))
    say(f"{args.id}: {what}")
    return 0


def logs(args: argparse.Namespace) -> int:
    from fleet.service import talk

    colour = out().isatty()
    for line in talk.logs(find_home(os.environ), args.id, follow=args.follow, colour=colour):
        # Further lines stand below their first: what a worker says makes no heading or step of its own.
        put_lines(line.replace("\n", "\n  "), flush=args.follow)
    return 0


def why(args: argparse.Namespace) -> int:
    from fleet.views.why import as_data, as_words
    from fleet.views.why import why as explain

    found = explain(find_home(os.environ), args.id)
    if args.json:
        return as_json(as_data(found))
    put_lines(as_words(found))
    return 0
