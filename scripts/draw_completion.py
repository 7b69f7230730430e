"""Draws the completion of bash, zsh and fish, and the manual page, from the parser into fleet/cli/drawn/.

All three scripts have the same table: of each command its commands and options, what its words are, and what each
option takes. A kind that begins with @ is asked for at the moment of a TAB: `fleet _names KIND BEGINNING`.
"""

from __future__ import annotations

import argparse
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from fleet.cli.about import TOPICS, topics
from fleet.cli.parser import COMMANDS, Parser, build
from fleet.spoken.choice import STATES

DRAWN = Path(__file__).parents[1] / "fleet" / "cli" / "drawn"
SHELLS = Path(__file__).parent / "completion"

NOTHING, TEXT, FILES = "", "text", "files"
"""An option without a value; one whose value nobody can guess; the name of a file."""

BY_NAME = {
    "account": "@accounts",
    "add_account": "@accounts",
    "after": "@tasks",
    "id": "@tasks",
    "ids": "@tasks",
    "plan": "@tiers",
    "project": "@projects",
    "state": " ".join(STATES),
    "subagents": "@tiers",
    "task": "@tasks",
    "tier": "@tiers",
}
BY_GROUP = {
    ("account", "name"): "@accounts",
    ("host", "name"): "@hosts",
    ("limit", "id"): "@limits",
    ("project", "name"): "@projects",
    ("reserve", "id"): "@reservations",
    ("tier", "after"): "@tiers",
    ("tier", "name"): "@tiers",
}
FILE_WORDS = ("FILE", "DIR", "PATH", ".toml")


class Option(NamedTuple):
    names: tuple[str, ...]
    about: str
    takes: str


@dataclass(frozen=True)
class Command:
    path: str
    """Without `fleet`."""
    about: str
    commands: dict[str, str]
    options: tuple[Option, ...]
    words: str
    usage: str


def commands(parser: Parser | None = None, about: str = "") -> Iterator[Command]:
    """Each command of the parser, the groups among them."""
    parser = parser or build()
    groups = [a for a in parser._actions if isinstance(a, argparse._SubParsersAction)]
    abouts = {one.dest: one.help or "" for group in groups for one in group._choices_actions}
    path = parser.prog.removeprefix("fleet").strip()
    yield Command(
        path,
        about,
        abouts,
        tuple(_options(parser, path)),
        _words(parser, path),
        _usage(parser),
    )
    for group in groups:
        for name, command in group.choices.items():
            yield from commands(command, abouts[name])


def _usage(parser: Parser) -> str:
    """Broken into lines here: each Python's argparse does it in its own way."""
    words = parser.format_usage().removeprefix("usage: ").split()
    indent = " " * (len(parser.prog) + 1)
    return textwrap.fill(
        " ".join(words), 78, subsequent_indent=indent, break_on_hyphens=False, break_long_words=False
    )


def _options(parser: Parser, path: str) -> Iterator[Option]:
    for action in parser._actions:
        if action.option_strings and action.help != argparse.SUPPRESS:
            yield Option(tuple(action.option_strings), _help(action), _takes(action, path))


def _help(action: argparse.Action) -> str:
    return (action.help or "").replace("%%", "%")


def _words(parser: Parser, path: str) -> str:
    if path == "help":
        return " ".join([*COMMANDS, *topics()])
    plain = [
        a for a in parser._actions if not a.option_strings and not isinstance(a, argparse._SubParsersAction)
    ]
    return _takes(plain[0], path) if plain else NOTHING


def _takes(action: argparse.Action, path: str) -> str:
    group, _, command = path.partition(" ")
    if action.nargs == 0:
        return NOTHING
    if action.choices is not None:
        return " ".join(map(str, action.choices))
    if action.option_strings == [] and command == "add":
        return TEXT  # the name of what is new
    kind = BY_GROUP.get((group, action.dest)) or BY_NAME.get(action.dest)
    metavar = str(action.metavar or "")
    return kind or (FILES if any(word in metavar for word in FILE_WORDS) else TEXT)


# --- the three shells -----------------------------------------------------------------------------------


def quoted(text: str) -> str:
    """For a shell, in single quotes."""
    return "'" + text.replace("'", "'\\''") + "'"


def bash_table() -> Iterator[str]:
    for one in commands():
        options = " ".join(name for option in one.options for name in option.names)
        yield f"    {quoted(one.path)}) commands={quoted(' '.join(one.commands))}"
        yield f"        options={quoted(options)} words={quoted(one.words)} ;;"


def zsh_table() -> Iterator[str]:
    def described(rows: list[tuple[str, str]]) -> str:
        return " ".join(quoted(f"{name}:{about}") for name, about in rows)

    for one in commands():
        options = [(name, option.about) for option in one.options for name in option.names]
        yield f"    {quoted(one.path)}) subcommands=({described(list(one.commands.items()))})"
        yield f"        options=({described(options)}) taken={quoted(one.words)} ;;"


def fish_table() -> Iterator[str]:
    def described(rows: list[tuple[str, str]]) -> str:
        return " ".join(_fish(f"{name}\t{about}") for name, about in rows)

    for one in commands():
        options = [(name, option.about) for option in one.options for name in option.names]
        yield f"        case {_fish(one.path)}"
        yield f"            set -g __fleet_commands {described(list(one.commands.items()))}"
        yield f"            set -g __fleet_options {described(options)}"
        yield f"            set -g __fleet_words {_fish(one.words)}"


def _fish(text: str) -> str:
    """In single quotes, in which fish knows two escapes."""
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


def values() -> Iterator[tuple[str, str]]:
    """Path and option, as the scripts look them up, and what it takes."""
    for one in commands():
        for option in one.options:
            if option.takes != NOTHING:
                yield from ((f"{one.path} {name}".strip(), option.takes) for name in option.names)


def bash_values() -> Iterator[str]:
    yield from (f"    {quoted(name)}) kind={quoted(takes)} ;;" for name, takes in values())


def fish_values() -> Iterator[str]:
    for name, takes in values():
        yield f"        case {_fish(name)}"
        yield f"            echo {_fish(takes)}"


def drawn() -> dict[str, str]:
    """Each file by its name. The scripts themselves stand in scripts/completion/, with places for the tables."""
    tables = {
        "fleet.bash": (bash_table, bash_values),
        "_fleet": (zsh_table, bash_values),
        "fleet.fish": (fish_table, fish_values),
    }
    return {
        name: (SHELLS / name)
        .read_text("utf-8")
        .replace("@COMMANDS@\n", "\n".join(table()) + "\n")
        .replace("@VALUES@\n", "\n".join(of()) + "\n")
        for name, (table, of) in tables.items()
    } | {"fleet.1": manual()}


# --- the manual page ------------------------------------------------------------------------------------


def manual() -> str:
    _, *others = commands()
    topic = {name: (Path(TOPICS) / f"{name}.txt").read_text("utf-8") for name in topics()}
    lines = [
        '.TH FLEET 1 "" "Fleet" "User commands"',
        ".SH NAME",
        r"fleet \- runs Claude Code workers in git worktrees on several accounts",
        ".SH SYNOPSIS",
        r".B fleet \fICOMMAND\fR \[u2026]",
        ".SH COMMANDS",
        *(line for one in others for line in _in_manual(one)),
        *(
            line
            for name, text in topic.items()
            for line in (f".SH {name.upper()}", ".nf", _roff(text.rstrip()), ".fi")
        ),
        ".SH SEE ALSO",
        r"fleet help, claude(1), git\-worktree(1)",
    ]
    return "\n".join(lines) + "\n"


def _in_manual(one: Command) -> Iterator[str]:
    yield f".SS fleet {_roff(one.path)}"
    yield _roff(f"{one.about[:1].upper()}{one.about[1:]}.")
    yield from (".PP", ".nf", _roff(one.usage.rstrip()), ".fi")
    for option in one.options:
        if "--help" not in option.names:
            yield ".TP"
            yield rf"\fB{_roff(', '.join(option.names))}\fR"
            yield _roff(option.about or "…")


def _roff(text: str) -> str:
    """No line of it is a request, and a dash is a dash."""
    dashed = text.replace("\\", "\\e").replace("-", "\\-")
    escaped = "".join(letter if letter.isascii() else f"\\[u{ord(letter):04X}]" for letter in dashed)
    return "\n".join(f"\\&{line}" if line[:1] in (".", "'") else line for line in escaped.splitlines())


if __name__ == "__main__":
    DRAWN.mkdir(exist_ok=True)
    for name, text in drawn().items():
        (DRAWN / name).write_text(text, "utf-8")
