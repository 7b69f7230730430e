"""The words of `fleet history …`."""

from __future__ import annotations

import argparse
from collections.abc import Callable

Parser = argparse.ArgumentParser
Build = Callable[[Parser], None]

REPORTS = (
    ("blocks", "five-hour blocks of each account"),
    ("heatmap", "by hour of the week"),
    ("tasks", "what each task that the fleet ran used"),
    ("burn", "how fast buckets are used, and where that leads"),
    ("unused", "what expired unused"),
)


def fill(parser: Parser, add: Callable[..., Parser], json: Build) -> None:
    """`add` adds a command to a group of them, `json` is what gives one its `--json`."""
    parser.description = (
        "What was used: answers, tokens, and cost by list price. Begin with: fleet history scan"
    )
    parser.add_argument(
        "--by",
        choices=("day", "week", "month", "project", "model", "account", "session"),
        default="day",
        help="a row for each (default day)",
    )
    _chosen(parser)
    _rows(parser)
    commands = parser.add_subparsers(metavar="COMMAND", title="commands")
    add(commands, "scan", "read the transcripts into the ledger", "fleet.cli.history:scan", _scan, json)
    for name, about in REPORTS:
        own = _OWN_WORDS.get(name, ())
        add(commands, name, about, f"fleet.cli.history:{name}", _chosen, *own, _rows)
    add(commands, "prices", "what models cost", "fleet.cli.history:prices", _prices, _rows)
    for command in commands.choices.values():
        _keep_what_stands_before(command, parser)


def _keep_what_stands_before(command: Parser, group: Parser) -> None:
    """Without this `fleet history --since 7d blocks` would forget the 7d: a command's defaults outrank what was said
    before its name."""
    said_before = {action.dest for action in group._actions}
    for action in command._actions:
        if action.dest in said_before:
            action.default = argparse.SUPPRESS


def _chosen(parser: Parser) -> None:
    """What of the ledger a report is of."""
    parser.add_argument("--since", metavar="WHEN", help="2026-11-22, 2026-11-22T10:00, or 7d ago")
    parser.add_argument("--until", metavar="WHEN", help="up to then; a day counts to its end")
    parser.add_argument("--account", metavar="A")
    parser.add_argument("--project", metavar="P", help="a path, with all below it, or a name")
    parser.add_argument("--model", metavar="M", help="a model, or a tier such as sonnet")
    whose = parser.add_mutually_exclusive_group()
    whose.add_argument("--own", action="store_true", help="only what persons used themselves")
    whose.add_argument("--fleet", action="store_true", help="only what the fleet ran")
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


def _heatmap(parser: Parser) -> None:
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


_OWN_WORDS: dict[str, tuple[Build, ...]] = {"heatmap": (_heatmap,), "unused": (_unused,)}
