"""`fleet`, `fleet --version`, `fleet help`, `fleet doctor`."""

from __future__ import annotations

import argparse
import os

from fleet.cli.show import as_json, print_findings, put, put_lines
from fleet.streams import out

TYPE_CHECKING = False
if TYPE_CHECKING:
    from fleet.cli.parser import Parser

TOPICS = os.path.join(os.path.dirname(__file__), "topics")  # noqa: PTH118, PTH120 `fleet help` starts without pathlib


def help_words(parser: Parser) -> None:
    parser.epilog = f"Topics: {', '.join(topics())}."
    parser.add_argument(
        "--man", action="store_true", help="print the manual page: fleet help --man | man -l -"
    )
    parser.add_argument("words", nargs="*", metavar="COMMAND|TOPIC", help="such as: task add, or exit-codes")


def topics() -> list[str]:
    return sorted(name.removesuffix(".txt") for name in os.listdir(TOPICS))  # noqa: PTH208


def help_(args: argparse.Namespace) -> int:
    """Of a command, its own help; of a topic, its text."""
    from fleet.cli.parser import build, meant
    from fleet.cli.usage import WordsOff, did_you_mean, tell

    words = [*args.words]
    if args.man:
        from fleet.cli.completion import put_drawn

        return put_drawn("fleet.1")
    if len(words) == 1 and words[0] in topics():
        with open(os.path.join(TOPICS, f"{words[0]}.txt"), encoding="utf-8") as text:  # noqa: PTH118, PTH123
            put_lines(text.read().rstrip())
        return 0
    words = words if len(words) > 1 else meant(words)
    parser = build(words)
    for word in words:
        known = _commands(parser)
        if word not in known:
            others = topics() if parser.prog == "fleet" else []
            near = did_you_mean(word, (*known, *others)) or f": see {parser.prog} --help"
            tell(WordsOff(parser, f"there is no help for {parser.prog} {word}{near}"), as_json=False)
        parser = known[word]
    parser.print_help(out())
    return 0


def _commands(parser: Parser) -> dict[str, Parser]:
    groups = (action for action in parser._actions if isinstance(action, argparse._SubParsersAction))
    return {name: command for group in groups for name, command in group.choices.items()}


def version_or_help(args: argparse.Namespace) -> int:
    if getattr(args, "version", False):
        from importlib.metadata import version

        put(f"fleet {version('fleet-coordinator')}")
        return 0
    from fleet.cli.parser import build

    group = getattr(args, "group", None) or build(asked=())
    group.print_help(out())
    return 2


def doctor(args: argparse.Namespace) -> int:
    """1 when something is an error."""
    from dataclasses import asdict

    from fleet.home import find_home
    from fleet.run.doctor import examine

    findings = examine(find_home(os.environ), os.environ)
    if args.json:
        as_json([asdict(finding) for finding in findings])
    else:
        print_findings(findings)
    return int(any(finding.grade == "error" for finding in findings))
