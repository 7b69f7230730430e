"""`fleet reserve …`."""

from __future__ import annotations

import argparse
import os

from fleet.cli.parser import Parser, add_command, group_of, id_word, json_word
from fleet.cli.show import as_json, clock, put, say, table
from fleet.home import find_home


def words(parser: Parser) -> None:
    commands = group_of(parser)
    add_command(
        commands,
        "add",
        "keep capacity for you; prints the id",
        "fleet.cli.reserve:add",
        _add_words,
        json_word,
    )
    add_command(
        commands,
        "list",
        "list what is reserved, and what is kept now",
        "fleet.cli.reserve:listing",
        json_word,
    )
    add_command(commands, "remove", "give it back", "fleet.cli.reserve:remove", id_word, json_word)
    add_command(
        commands,
        "auto",
        "whether what you are expected to use is kept for you",
        "fleet.cli.reserve:auto",
        _auto_words,
        json_word,
    )


def _auto_words(parser: Parser) -> None:
    parser.add_argument("on", nargs="?", choices=("on", "off"), help="default: show which")


def _add_words(parser: Parser) -> None:
    parser.add_argument("--account", required=True, metavar="A")
    parser.add_argument("--tier", metavar="TIER", help="what you will use it with (default: any)")
    parser.add_argument(
        "--at",
        required=True,
        metavar="HOURS",
        help="'Thu 19:00-22:00', 'Mon-Fri 9:00-12:00', 'daily 18:00-20:00', '2026-11-30 19:00-22:00'",
    )
    parser.add_argument("--amount", required=True, metavar="SHARE", help="of the bucket, such as 40%%")
    how = parser.add_mutually_exclusive_group()
    how.add_argument("--weekly", action="store_true", help="every week (the default for days of the week)")
    how.add_argument("--once", action="store_true", help="only the next time")
    parser.add_argument("--bucket", default="five_hour", metavar="B", help="default five_hour")


def add(args: argparse.Namespace) -> int:
    from datetime import datetime

    from fleet.service import reservations
    from fleet.views import laid_down

    home = find_home(os.environ)
    laid = reservations.reserve(
        home,
        account=args.account,
        tier=args.tier,
        at=args.at,
        amount=args.amount,
        bucket=args.bucket,
        once=args.once,
        weekly=args.weekly,
        now=datetime.now().astimezone(),
    )
    for note in laid.notes:
        say(f"note: {note}")
    if args.json:
        return as_json(next(one for one in laid_down.reservations(home) if one["id"] == laid.id))
    put(laid.id)
    return 0


def listing(args: argparse.Namespace) -> int:
    from fleet.views.laid_down import reservations

    found = reservations(find_home(os.environ))
    if args.json:
        return as_json(found)
    if not found:
        say('nothing is reserved: fleet reserve add --account A --at "Thu 19:00-22:00" --amount 40%')
        return 0
    rows = [
        (
            one["id"],
            one["account"],
            one["tier"] or "any",
            f"{one['amount']:.0%} of {one['bucket']}",
            one["said"],
            clock(one["next"]["begins_at"]) if one["next"] else "past",
            f"{one['kept']:.0%}",
        )
        for one in found
    ]
    table(("ID", "ACCOUNT", "TIER", "AMOUNT", "AT", "NEXT", "KEPT NOW"), rows)
    return 0


def remove(args: argparse.Namespace) -> int:
    from fleet.service.reservations import unreserve

    unreserve(find_home(os.environ), args.id)
    if args.json:
        return as_json({"id": args.id, "state": "removed"})
    say(f"{args.id} is no longer reserved")
    return 0


def auto(args: argparse.Namespace) -> int:
    from fleet.service.reservations import protects_by_forecast, set_protect_by_forecast

    home = find_home(os.environ)
    if args.on:
        set_protect_by_forecast(home, args.on == "on")
    on = protects_by_forecast(home)
    if args.json:
        return as_json({"auto": on})
    kept = (
        "what you are expected to use is kept for you (fleet forecast)"
        if on
        else "only reservations are kept"
    )
    put(f"{'on' if on else 'off'}: {kept}")
    return 0
