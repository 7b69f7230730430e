"""`fleet tier …`."""

from __future__ import annotations

import argparse
import os

from fleet.cli.parser import Parser, add_command, group_of, json_word, name_word
from fleet.cli.show import as_json, table
from fleet.home import find_home


def words(parser: Parser) -> None:
    commands = group_of(parser)
    add_command(
        commands, "list", "list the tiers, the least capable first", "fleet.cli.tier:listing", json_word
    )
    add_command(
        commands, "set", "add a tier, or change one", "fleet.cli.tier:set_", name_word, _set_words, json_word
    )
    add_command(
        commands, "remove", "let auto choose it no longer", "fleet.cli.tier:remove", name_word, json_word
    )


def _set_words(parser: Parser) -> None:
    parser.description = "Add a tier as the most capable, or change one where it stands."
    parser.add_argument(
        "--weight", type=float, metavar="W", help="what a unit of work costs with it, relative to the others"
    )
    where = parser.add_mutually_exclusive_group()
    where.add_argument("--after", metavar="OTHER", help="as the next more capable one than that")
    where.add_argument("--first", action="store_true", help="as the least capable one")


def listing(args: argparse.Namespace) -> int:
    from fleet.service.tiers import tiers

    found = tiers(find_home(os.environ))
    if args.json:
        return as_json(found)
    rows = [
        (
            str(one["place"] or "-"),
            one["name"],
            f"{one['weight']:g}",
            ",".join(one["accounts"]) or "none",
            _reviews(one["reviews"]),
        )
        for one in found
    ]
    table(("PLACE", "TIER", "WEIGHT", "ACCOUNTS", "REVIEWS"), rows)
    return 0


def _reviews(count: dict[str, int]) -> str:
    """How often it reviewed, and how often that was right."""
    told = []
    if count["passed"]:
        told.append(f"passed {count['passed']} ({count['missed']} wrongly)")
    if count["objected"]:
        told.append(
            f"objected to {count['objected']} ({count['confirmed']} confirmed, {count['overruled']} overruled)"
        )
    return ", ".join(told) or "-"


def set_(args: argparse.Namespace) -> int:
    from fleet.service.tiers import set_tier

    home = find_home(os.environ)
    set_tier(home, args.name, weight=args.weight, after=args.after, first=args.first)
    return listing(args)


def remove(args: argparse.Namespace) -> int:
    from fleet.service.tiers import remove_tier

    remove_tier(find_home(os.environ), args.name)
    return listing(args)
