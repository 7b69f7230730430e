"""The words of `fleet history …`."""

from __future__ import annotations

import argparse
from typing import Any

from fleet.cli.parser import Build, Parser, add_command, json_word

Words = dict[str, Any]


def words(parser: Parser) -> None:
    parser.description = (
        "What was used: answers, tokens, and cost by list price. Begin with: fleet history scan"
    )
    parser.add_argument(
        "--by",
        choices=("day", "week", "month", "project", "model", "account", "session"),
        default="day",
        help="a row for each (default day)",
    )
    _choosing(*CHOICES)(parser)
    _whose(parser)
    _zone(parser)
    _rows(parser)
    commands = parser.add_subparsers(metavar="COMMAND", title="commands")
    add_command(
        commands, "scan", "read the transcripts into the ledger", "fleet.cli.history:scan", _scan, json_word
    )
    for name, (about, chosen, own) in REPORTS.items():
        add_command(commands, name, about, f"fleet.cli.history:{name}", _choosing(*chosen), own, _zone, _rows)
    add_command(commands, "prices", "what models cost", "fleet.cli.history:prices", _prices, _rows)
    for command in commands.choices.values():
        _keep_what_stands_before(command, parser)


def _keep_what_stands_before(command: Parser, group: Parser) -> None:
    """Without this `fleet history --since 7d blocks` would forget the 7d: a command's defaults outrank what was said
    before its name."""
    said_before = {action.dest for action in group._actions}
    for action in command._actions:
        if action.dest in said_before:
            action.default = argparse.SUPPRESS


def _choosing(*names: str) -> Build:
    """What of the ledger a report may be of."""

    def build(parser: Parser) -> None:
        for name in names:
            parser.add_argument(f"--{name}", **CHOICES[name])

    return build


def _whose(parser: Parser) -> None:
    whose = parser.add_mutually_exclusive_group()
    for name, how in WHOSE.items():
        whose.add_argument(f"--{name}", **how)


def _zone(parser: Parser) -> None:
    parser.add_argument(
        "--tz", metavar="ZONE", help="whose days and hours, such as Europe/Berlin (default: here)"
    )


def _rows(parser: Parser) -> None:
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="one JSON document on standard output")
    form.add_argument("--csv", action="store_true", help="rows of comma-separated values")


def _scan(parser: Parser) -> None:
    parser.add_argument(
        "--config-dir",
        action="append",
        default=[],
        metavar="DIR",
        help="where the client keeps its things (default: of all accounts, and the client's own defaults)",
    )
    parser.add_argument(
        "--account", metavar="A", help="whose use these directories tell, from now on and of all before"
    )


def _heatmap(parser: Parser) -> None:
    _whose(parser)
    parser.add_argument(
        "--of", choices=("work", "tokens", "cost", "answers"), default="work", help="default: work units"
    )
    parser.add_argument("--svg", metavar="FILE", help="draw it")
    parser.add_argument("--html", metavar="FILE", help="draw it on a page")


def _unused(parser: Parser) -> None:
    parser.add_argument("--each", action="store_true", help="a row for each window")


def _prices(parser: Parser) -> None:
    parser.add_argument(
        "--update", metavar="FILE", help="count with these: TOML as docs/history.md says, or LiteLLM's JSON"
    )


def _nothing(_: Parser) -> None:
    """No words of its own."""


CHOICES: dict[str, Words] = {
    "since": {"metavar": "WHEN", "help": "2026-11-22, 2026-11-22T10:00, or 7d ago"},
    "until": {"metavar": "WHEN", "help": "up to then; a day counts to its end"},
    "account": {"metavar": "A"},
    "project": {"metavar": "P", "help": "a path, with all below it, or a name"},
    "model": {"metavar": "M", "help": "a model, or a tier such as sonnet"},
}

WHOSE: dict[str, Words] = {
    "own": {"action": "store_true", "help": "only what persons used themselves"},
    "fleet": {"action": "store_true", "help": "only what the fleet ran"},
}

TIMES = ("since", "until")

REPORTS: dict[str, tuple[str, tuple[str, ...], Build]] = {
    "blocks": ("five-hour blocks of each account", (*TIMES, "account"), _nothing),
    "heatmap": ("by hour of the week", tuple(CHOICES), _heatmap),
    "tasks": (
        "what each task that the fleet ran used",
        (*TIMES, "account", "project", "model"),
        _nothing,
    ),
    "burn": ("how fast buckets are used, and where that leads", ("account",), _nothing),
    "unused": ("what expired unused", (*TIMES, "account"), _unused),
    "kept": (
        "whether capacity was there for you, what landed meanwhile, whose the windows were (4 weeks)",
        (*TIMES, "account"),
        _nothing,
    ),
}
"""About each, what it can be narrowed to, and what else can be said to it."""


def unheeded(name: str) -> tuple[str, ...]:
    """What the group can be narrowed to, and this report cannot."""
    if name not in REPORTS or name == "heatmap":
        return ()
    return tuple(word for word in (*CHOICES, *WHOSE) if word not in REPORTS[name][1])
