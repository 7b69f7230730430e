"""`fleet strategy` and `fleet breaker`."""

from __future__ import annotations

import argparse
import os

from fleet.cli.parser import Parser, add_command, json_word, positive
from fleet.cli.show import as_json, put, say
from fleet.home import find_home


def strategy_words(parser: Parser) -> None:
    parser.add_argument("name", nargs="?", metavar="NAME", help="after-hours or full-time; none: show them")
    json_word(parser)


def breaker_words(parser: Parser) -> None:
    json_word(parser)
    commands = parser.add_subparsers(metavar="COMMAND", title="commands")
    add_command(commands, "show", "whether it is open, and why", "fleet.cli.policy:breaker", json_word)
    add_command(
        commands,
        "open",
        "let nothing start any more",
        "fleet.cli.policy:breaker_open",
        _open_words,
        json_word,
    )
    add_command(commands, "close", "let work start again", "fleet.cli.policy:breaker_close", json_word)
    add_command(
        commands, "set", "when it opens by itself", "fleet.cli.policy:breaker_set", _set_words, json_word
    )


def _open_words(parser: Parser) -> None:
    parser.add_argument("--why", required=True, metavar="TEXT")


def _set_words(parser: Parser) -> None:
    parser.add_argument(
        "--faults", required=True, type=positive, metavar="N", help="workers in a row without an answer"
    )


def strategy(args: argparse.Namespace) -> int:
    from fleet.service.policy import set_strategy, strategies

    home = find_home(os.environ)
    if args.name:
        set_strategy(home, args.name)
    found = strategies(home)
    if args.json:
        return as_json(found)
    for one in found:
        put(f"{'*' if one['chosen'] else ' '} {one['name']}: {one['about']}")
    return 0


def breaker(args: argparse.Namespace) -> int:
    from fleet.service.policy import breaker as shown

    found = shown(find_home(os.environ))
    if args.json:
        return as_json(found)
    if found["open"]:
        put(f"open, nothing starts: {found['why']} (fleet breaker close)")
    else:
        put(f"closed: work starts; {found['faults']} of {found['faults_max']} faults in a row that open it")
    return 0


def breaker_open(args: argparse.Namespace) -> int:
    from fleet.service.policy import open_breaker

    open_breaker(find_home(os.environ), args.why)
    say("nothing starts any more; what runs goes on (fleet down --stop-workers ends that, too)")
    return breaker(args)


def breaker_close(args: argparse.Namespace) -> int:
    from fleet.service.policy import close_breaker

    close_breaker(find_home(os.environ))
    return breaker(args)


def breaker_set(args: argparse.Namespace) -> int:
    from fleet.service.policy import set_faults

    set_faults(find_home(os.environ), args.faults)
    return breaker(args)
