"""`fleet tier …`."""

from __future__ import annotations

import argparse
import os

from fleet.cli.show import as_json, table
from fleet.home import find_home


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
        )
        for one in found
    ]
    table(("PLACE", "TIER", "WEIGHT", "ACCOUNTS"), rows)
    return 0


def set_(args: argparse.Namespace) -> int:
    from fleet.service.tiers import set_tier

    home = find_home(os.environ)
    set_tier(home, args.name, weight=args.weight, after=args.after, first=args.first)
    return listing(args)


def remove(args: argparse.Namespace) -> int:
    from fleet.service.tiers import remove_tier

    remove_tier(find_home(os.environ), args.name)
    return listing(args)
