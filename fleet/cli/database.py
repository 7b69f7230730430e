"""`fleet database …`: the file of all state."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from fleet.cli.parser import Parser, add_command, group_of, json_word
from fleet.cli.show import as_json, say
from fleet.home import find_home

AFTER = "`fleet up` compares it with what lies on the disk and in the repositories"


def words(parser: Parser) -> None:
    commands = group_of(parser)
    add_command(commands, "check", "read all that is in it", "fleet.cli.database:check", json_word)
    add_command(
        commands,
        "backup",
        "copy it, also while fleet runs",
        "fleet.cli.database:backup",
        _file_word,
        json_word,
    )
    add_command(
        commands,
        "restore",
        "put a backup in its place; the one before is kept",
        "fleet.cli.database:restore",
        _file_word,
        json_word,
    )
    add_command(
        commands,
        "anew",
        "begin without what it knew, where it is missing, empty or damaged",
        "fleet.cli.database:anew",
        json_word,
    )


def _file_word(parser: Parser) -> None:
    parser.add_argument("file", metavar="FILE", type=_file)


def _file(word: str) -> Path:
    if "\0" in word:
        raise argparse.ArgumentTypeError("no file's name has a NUL")
    return Path(word)


def check(args: argparse.Namespace) -> int:
    from fleet.service.database import check as ask

    found = ask(find_home(os.environ))
    if args.json:
        return as_json(found)
    say(f"sound: {_counted(found)}")
    return 0


def backup(args: argparse.Namespace) -> int:
    from fleet.service.database import backup as ask

    found = ask(find_home(os.environ), args.file)
    if args.json:
        return as_json({"file": str(args.file), **found})
    say(f"{args.file} has {_counted(found)}")
    return 0


def restore(args: argparse.Namespace) -> int:
    from fleet.service.database import restore as ask

    found, aside = ask(find_home(os.environ), args.file)
    if args.json:
        return as_json({"before": None if aside is None else str(aside), **found})
    say(f"restored: {_counted(found)}{_kept(aside)}. {AFTER}")
    return 0


def anew(args: argparse.Namespace) -> int:
    from fleet.service.database import begin_anew

    aside = begin_anew(find_home(os.environ))
    if args.json:
        return as_json({"before": None if aside is None else str(aside)})
    say(
        f"begun anew, without accounts and tasks{_kept(aside)}. Nothing else was removed: worktrees, branches and runs "
        "are where they were, and no id of theirs is given out again"
    )
    return 0


def _kept(aside: Path | None) -> str:
    return "" if aside is None else f"; the one before is kept as {aside}"


def _counted(found: dict[str, int]) -> str:
    return ", ".join(f"{count} {what}" for what, count in found.items())
