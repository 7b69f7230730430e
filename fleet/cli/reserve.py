"""`fleet reserve …`."""

from __future__ import annotations

import argparse
import os

from fleet.cli.show import as_json, clock, put, say, table
from fleet.home import find_home


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
