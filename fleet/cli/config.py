"""`fleet config …`."""

from __future__ import annotations

import argparse
import os

from fleet.cli.parser import Parser, add_command, group_of, json_word
from fleet.cli.show import as_json, put, say, table
from fleet.home import find_home

TYPE_CHECKING = False
if TYPE_CHECKING:
    from fleet.spoken.settings import Value


def words(parser: Parser) -> None:
    parser.epilog = (
        "What holds: an option of the command, else FLEET_<SECTION>_<KEY> of the environment, else config.toml, else "
        "what is built in."
    )
    commands = group_of(parser)
    add_command(
        commands, "list", "all settings, and where each comes from", "fleet.cli.config:listing", json_word
    )
    add_command(commands, "get", "what holds for one", "fleet.cli.config:get", _key_word, json_word)
    add_command(
        commands, "set", "say it in config.toml", "fleet.cli.config:set_", _key_word, _value_word, json_word
    )
    add_command(
        commands, "unset", "say nothing of it any more", "fleet.cli.config:unset", _key_word, json_word
    )
    add_command(commands, "path", "where config.toml lies", "fleet.cli.config:path")


def _key_word(parser: Parser) -> None:
    parser.add_argument("key", metavar="KEY", help="such as up.workers: fleet config list")


def _value_word(parser: Parser) -> None:
    parser.add_argument(
        "value", nargs="+", metavar="VALUE", help="of a list all of it: 'make test' 'make lint'"
    )


def listing(args: argparse.Namespace) -> int:
    from fleet.service.settings import listed

    found = listed(find_home(os.environ), os.environ)
    if args.json:
        return as_json(found)
    rows = [(one["key"], _shown(one["value"]), one["origin"], one["about"]) for one in found]
    table(("KEY", "VALUE", "FROM", "ABOUT"), rows)
    return 0


def get(args: argparse.Namespace) -> int:
    from fleet.service.settings import found

    holds = found(find_home(os.environ), args.key, os.environ)
    if args.json:
        return as_json({"key": args.key, **holds._asdict()})
    put(_shown(holds.value))
    return 0


def set_(args: argparse.Namespace) -> int:
    from fleet.service.settings import put as say_it

    say_it(find_home(os.environ), args.key, args.value)
    return _after(args)


def unset(args: argparse.Namespace) -> int:
    from fleet.service.settings import drop

    drop(find_home(os.environ), args.key)
    return _after(args)


def _after(args: argparse.Namespace) -> int:
    if args.json:
        return get(args)
    from fleet.service.settings import found

    holds = found(find_home(os.environ), args.key, os.environ)
    say(f"{args.key} is {_shown(holds.value)} ({holds.origin})")
    return 0


def path(_: argparse.Namespace) -> int:
    put(str(find_home(os.environ).config))
    return 0


def _shown(value: Value | None) -> str:
    if value is None:
        return "-"
    if isinstance(value, list):
        return ", ".join(value)
    return str(value).lower() if isinstance(value, bool) else str(value)
