"""The command line: which commands there are, and the words that several of them share.

The words of each command stand beside it. Only those of the command that was asked for are built, as building all of
them takes longer than most answers."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Container
from typing import NamedTuple, TypeAlias

from fleet.cli.usage import WholeWords, WordsOff, tell
from fleet.spoken.reviews import PERSON, is_one

Parser = argparse.ArgumentParser
Commands: TypeAlias = "argparse._SubParsersAction[Parser]"
Build = Callable[[Parser], None]
"""Gives a command words."""

GROUP = "fleet.cli.about:version_or_help"
"""What runs a group of commands that is named without one of them."""


JSON = "fleet.cli.parser:json_word"


class _Command(NamedTuple):
    about: str
    run: str
    """`module:function`, imported only when it runs."""
    words: str | None
    """What builds its words, the same way; None when it has none."""


COMMANDS = {
    "up": _Command("run the coordinator in the foreground", "fleet.cli.up:up", "fleet.cli.up:up_words"),
    "down": _Command(
        "stop the coordinator; workers go on unless told otherwise",
        "fleet.cli.up:down",
        "fleet.cli.up:down_words",
    ),
    "status": _Command("accounts, buckets, tasks, hosts, workers", "fleet.cli.status:status", JSON),
    "needs": _Command("what needs you, and what to type", "fleet.cli.needs:needs", "fleet.cli.needs:words"),
    "events": _Command(
        "what has happened, and what happens", "fleet.cli.events:events", "fleet.cli.events:words"
    ),
    "plan": _Command(
        "the next hours: what runs where and when", "fleet.cli.plan:plan", "fleet.cli.plan:words"
    ),
    "forecast": _Command(
        "what you are expected to use yourself", "fleet.cli.forecast:forecast", "fleet.cli.forecast:words"
    ),
    "why": _Command("why a task is where it is", "fleet.cli.task:why", "fleet.cli.task:why_words"),
    "simulate": _Command(
        "run a scenario's week in seconds", "fleet.cli.simulate:simulate", "fleet.cli.simulate:words"
    ),
    "doctor": _Command(
        "look for what is missing on this machine and on hosts", "fleet.cli.about:doctor", JSON
    ),
    "client": _Command("the Claude Code client", GROUP, "fleet.cli.client:words"),
    "account": _Command("who pays", GROUP, "fleet.cli.account:words"),
    "task": _Command("the work", GROUP, "fleet.cli.task:words"),
    "host": _Command("the machines that workers run on", GROUP, "fleet.cli.host:words"),
    "worktree": _Command("where the work lies", GROUP, "fleet.cli.worktree:words"),
    "clean": _Command(
        "remove what is old, and nothing that would be lost", "fleet.cli.clean:clean", "fleet.cli.clean:words"
    ),
    "database": _Command("the file of all state", GROUP, "fleet.cli.database:words"),
    "reserve": _Command("capacity that is kept for you", GROUP, "fleet.cli.reserve:words"),
    "limit": _Command("what may be spent, and what is never touched", GROUP, "fleet.cli.limit:words"),
    "project": _Command("weights, accounts, tiers and workers of projects", GROUP, "fleet.cli.project:words"),
    "tier": _Command("the ordering of the tiers", GROUP, "fleet.cli.tier:words"),
    "strategy": _Command("what counts most", "fleet.cli.policy:strategy", "fleet.cli.policy:strategy_words"),
    "pause": _Command(
        "start no worker of a project, of an account, or any",
        "fleet.cli.pause:pause",
        "fleet.cli.pause:pause_words",
    ),
    "resume": _Command("let what was paused go on", "fleet.cli.pause:resume", "fleet.cli.pause:resume_words"),
    "breaker": _Command(
        "whether work may start at all", "fleet.cli.policy:breaker", "fleet.cli.policy:breaker_words"
    ),
    "history": _Command(
        "what was used, when and by whom", "fleet.cli.history:report", "fleet.cli.history_words:words"
    ),
    "config": _Command("your settings, and where each comes from", GROUP, "fleet.cli.config:words"),
    "completion": _Command(
        "completion for bash, zsh and fish", "fleet.cli.completion:completion", "fleet.cli.completion:words"
    ),
    "help": _Command("explain a command or a topic", "fleet.cli.about:help_", "fleet.cli.about:help_words"),
    "statusline": _Command("one line for the client's status line", "fleet.cli.statusline:statusline", None),
}


PLURALS = {
    "accounts": "account",
    "tasks": "task",
    "hosts": "host",
    "worktrees": "worktree",
    "projects": "project",
    "tiers": "tier",
    "limits": "limit",
    "reservations": "reserve",
}
"""Groups by their plural, which alone lists them."""

ALIASES = {"ps": ("status",), "ls": ("task", "list")}


def meant(argv: list[str]) -> list[str]:
    """The same words with the names that commands have."""
    if not argv:
        return argv
    first, rest = argv[0], argv[1:]
    if first in ALIASES:
        return [*ALIASES[first], *rest]
    if first in PLURALS:
        named = rest[:1] and not rest[0].startswith("-")
        return meant([PLURALS[first], *rest]) if named else [PLURALS[first], "list", *rest]
    if rest[:1] == ["ls"] and first in PLURALS.values():
        return [first, "list", *rest[1:]]
    return argv


REVIEW = "--review"


def with_reviewers(words: list[str]) -> list[str]:
    """The same, where `--review` alone means a person: it takes the next word only if that says who reviews, so that a
    prompt or an id behind it stays what it is."""
    joined: list[str] = []
    for at, word in enumerate(words):
        if word == "--":
            return [*joined, *words[at:]]
        if joined and joined[-1] == REVIEW:
            joined[-1:] = [f"{REVIEW}={word}"] if is_one(word) else [f"{REVIEW}={PERSON}", word]
        else:
            joined.append(word)
    return joined


def parse(argv: list[str]) -> argparse.Namespace:
    """Exits with 2 and the command's usage when the words are off, or in one line of JSON where that was asked for."""
    words = with_reviewers(meant(argv))
    try:
        return build(words).parse_args(words)
    except WordsOff as off:
        tell(off, as_json="--json" in argv)


def build(asked: Container[str] = frozenset(COMMANDS)) -> Parser:
    """A command that is not `asked` for is known by its name only."""
    whole = WholeWords(
        prog="fleet",
        description="Runs Claude Code workers in git worktrees on several accounts, so that no limit stops the work.",
        epilog=(
            "FLEET_HOME names the directory of all state. Start with: fleet up --demo. Short: ps is status, ls is task "
            "list, accounts is account list, and so on. Further help: fleet help exit-codes, filters, states, files."
        ),
    )
    whole.further_names = (*ALIASES, *PLURALS)
    parser: Parser = whole
    parser.add_argument("-V", "--version", action="store_true", help="print the version")
    parser.set_defaults(run=GROUP)
    commands = parser.add_subparsers(metavar="COMMAND", title="commands")
    for name, command in COMMANDS.items():
        builds = [_builder(command.words)] if command.words and name in asked else []
        add_command(commands, name, command.about, command.run, *builds)
    return parser


def _builder(name: str) -> Build:
    module, _, function = name.partition(":")
    __import__(module)
    found: Build = getattr(sys.modules[module], function)
    return found


def add_command(commands: Commands, name: str, about: str, run: str, *builds: Build) -> Parser:
    """One more command, with the words that `builds` give it; `run` names its function, `module:function`."""
    parser = commands.add_parser(name, help=about, description=about[0].upper() + about[1:] + ".")
    parser.set_defaults(run=run)
    for build_part in builds:
        build_part(parser)
    return parser


def group_of(parser: Parser) -> Commands:
    """Makes the command a group of commands: named alone, it shows which."""
    parser.set_defaults(group=parser)
    return parser.add_subparsers(metavar="COMMAND", title="commands")


def json_word(parser: Parser) -> None:
    parser.add_argument("--json", action="store_true", help="one JSON document on standard output")


def color_word(parser: Parser) -> None:
    parser.add_argument(
        "--color",
        choices=("auto", "always", "never"),
        help="auto: on a terminal, unless NO_COLOR is set (default)",
    )


def name_word(parser: Parser) -> None:
    parser.add_argument("name", metavar="NAME")


def id_word(parser: Parser) -> None:
    parser.add_argument("id", metavar="ID", help="as the list shows it, such as r1, l2, f1")


def positive(text: str) -> int:
    """Raises what argparse tells as a wrong word."""
    if not text.isascii() or not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError("must be a whole number, at least 1")
    return int(text)


def up_to(most: float, unit: str) -> Callable[[str], float]:
    """Reads a number above 0. What it makes raises what argparse tells as a wrong word."""

    def number(text: str) -> float:
        try:
            found = float(text)
        except ValueError:
            found = 0.0
        if not 0 < found <= most:
            raise argparse.ArgumentTypeError(f"must be a number of {unit}, above 0 and up to {most:g}")
        return found

    return number
