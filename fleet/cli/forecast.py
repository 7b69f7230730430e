"""`fleet forecast`."""

from __future__ import annotations

import argparse
import os
import sqlite3

from fleet.cli.parser import Parser, json_word
from fleet.cli.show import as_json, clock, draw, put, say, table
from fleet.errors import Failed
from fleet.home import find_home
from fleet.installed import not_whole

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    Record = dict[str, Any]

ROWS_H = (1, 2, 3, 5, 8, 12, 24, 48, 72, 120, 168)
"""The hours from now that are shown of those that were asked for."""

AWAY = 0.5
"""With less chance that the person is still here, that is told."""

KNOWN = {"little": "little is known so far", "some": "some is known", "enough": "enough is known"}


def words(parser: Parser) -> None:
    parser.add_argument("--account", metavar="A", help="only of this one")
    parser.add_argument(
        "--hours",
        type=_whole_hours,
        default=24,
        metavar="H",
        help="how far (default 24, up to 168)",
    )
    parser.add_argument("--svg", metavar="FILE", help="draw it as a band chart")
    json_word(parser)


def _whole_hours(text: str) -> int:
    if not (text.isascii() and text.isdigit() and 1 <= int(text) <= ROWS_H[-1]):
        raise argparse.ArgumentTypeError(f"must be a whole number of hours from 1 to {ROWS_H[-1]}")
    return int(text)


def forecast(args: argparse.Namespace) -> int:
    try:
        from fleet.views.forecast import forecast_of
        from fleet.views.forecast_svg import svg
    except ImportError as missing:
        raise Failed(not_whole(str(missing.name), missing)) from missing
    from fleet.history.ledger import DATABASE, LedgerUnreadable

    home = find_home(os.environ)
    try:
        found = forecast_of(home, args.account, args.hours)
    except LedgerUnreadable as failed:
        raise Failed(str(failed)) from failed
    except sqlite3.Error as failed:
        from fleet.store.failures import why

        raise Failed(why(home.root / DATABASE, "use", failed)) from failed
    if args.svg:
        _draw(args.svg, [svg(account) for account in found["accounts"]])
    if args.json:
        return as_json(found)
    for account in found["accounts"]:
        _print(account)
    say(
        "kept for you: " + ("yes (fleet reserve auto off)" if found["auto"] else "no (fleet reserve auto on)")
    )
    return 0


def _draw(path: str, pictures: list[str]) -> None:
    if len(pictures) > 1:
        raise Failed("a picture is of one account: name it with --account")
    draw(path, pictures[0])
    say(f"drawn: {path}")


def _print(account: Record) -> None:
    put(f"{account['account']}: {account['in_words']}")
    put(f"{account['days']:.0f} days are known of; {KNOWN[account['known']]}.{_past(account['past'])}")
    if account["here"] < AWAY:
        away = f"{1 - account['here']:.0%}"
        put(f"By your pauses so far you have gone away, with {away}: your next use shows the contrary.")
    if not account["of_fleet"]:
        put(
            "No account of the fleet is called so: nothing is kept for this use. Whose it is, says "
            "fleet history scan --config-dir DIR --account A"
        )
    hours = account["until"]
    rows = [_row(hours[h - 1]) for h in ROWS_H if h <= len(hours)]
    table(("BY", "EXPECTED", "HALF", "4 IN 5", "9 IN 10", "19 IN 20", "ANY AT ALL"), rows)
    for bucket in account["buckets"]:
        of = bucket["quantiles"]
        put(
            f"{bucket['bucket']} until {clock(bucket['at'])}: {bucket['mean']:.0%} of it expected, "
            f"9 in 10 times no more than {of['0.9']:.0%}; {bucket['kept']:.0%} is kept now"
        )


def _row(hour: Record) -> tuple[str, ...]:
    from fleet.forecast.words import amount_in_words

    of = hour["quantiles"]
    amounts = (hour["mean"], of["0.5"], of["0.8"], of["0.9"], of["0.95"])
    return (clock(hour["at"]), *(amount_in_words(amount) for amount in amounts), f"{hour['any']:.0%}")


def _past(past: Record | None) -> str:
    if past is None:
        return ""
    within = ", ".join(f"{level:.0%}: {share:.0%}" for level, share in past["within"].items())
    return (
        f" Made again at {past['moments']} moments of the last weeks, five hours ahead, what came lay within its "
        f"quantiles this often: {within}."
    )
