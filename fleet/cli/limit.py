"""`fleet limit …`: limits and floors."""

from __future__ import annotations

import argparse
import os
from typing import Any

from fleet.cli.parser import Parser, add_command, group_of, id_word, json_word
from fleet.cli.show import as_json, clock, put, say, table
from fleet.errors import Failed
from fleet.home import find_home

TYPE_CHECKING = False
if TYPE_CHECKING:
    from fleet.core.model.policy import Scope, Unit

_UNITS: tuple[Unit, ...] = ("tokens", "usd", "share")
_SCOPES: tuple[Scope, ...] = ("account", "project", "task")


def words(parser: Parser) -> None:
    commands = group_of(parser)
    add_command(
        commands,
        "add",
        "lay down a limit or a floor; prints the id",
        "fleet.cli.limit:add",
        _add_words,
        json_word,
    )
    add_command(
        commands, "list", "list limits with what is used, and floors", "fleet.cli.limit:listing", json_word
    )
    add_command(
        commands, "remove", "take a limit or a floor back", "fleet.cli.limit:remove", id_word, json_word
    )


def _add_words(parser: Parser) -> None:
    whom = parser.add_mutually_exclusive_group()
    whom.add_argument("--fleet", action="store_true", help="for all work")
    whom.add_argument("--account", metavar="A")
    whom.add_argument("--project", metavar="P", help="a name, or the path of a repository")
    whom.add_argument("--task", metavar="ID")
    parser.add_argument("--per", choices=("minute", "hour", "day", "week", "month", "total"))
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--tokens", metavar="N", help="such as 500k, 2M")
    what.add_argument("--usd", metavar="X", help="dollars of accounts that bill by the token")
    what.add_argument("--share", metavar="SHARE", help="of a bucket, such as 30%%")
    what.add_argument("--floor", metavar="SHARE", help="of each bucket: never used by automation")
    parser.add_argument(
        "--bucket", metavar="B", help="of a share (default five_hour) or a floor (default all)"
    )


def add(args: argparse.Namespace) -> int:
    from fleet.views.laid_down import limits

    home = find_home(os.environ)
    name = _floor(args) if args.floor is not None else _limit(args)
    if args.json:
        found = limits(home)
        return as_json(next(one for one in (*found["limits"], *found["floors"]) if one["id"] == name))
    put(name)
    return 0


def _floor(args: argparse.Namespace) -> str:
    from fleet.service.limits import lay_floor

    if args.per or args.project or args.task:
        raise Failed("a floor is of a bucket: name --account and --bucket at most")
    return lay_floor(find_home(os.environ), share=args.floor, account=args.account, bucket=args.bucket)


def _limit(args: argparse.Namespace) -> str:
    from datetime import datetime

    from fleet.service.limits import lay_limit

    unit = next(unit for unit in _UNITS if getattr(args, unit) is not None)
    scope = next((scope for scope in _SCOPES if getattr(args, scope)), None)
    if scope is None and not args.fleet:
        raise Failed("say for whom: --fleet, --account A, --project P or --task T")
    if args.per is None:
        raise Failed("say for how long: --per minute, hour, day, week, month or total")
    if args.bucket and unit != "share":
        raise Failed("--bucket is of a share (--share 30%) or a floor (--floor 10%)")
    return lay_limit(
        find_home(os.environ),
        scope=scope or "fleet",
        name=getattr(args, scope) if scope else "",
        per=args.per,
        unit=unit,
        amount=getattr(args, unit),
        bucket=(args.bucket or "five_hour") if unit == "share" else None,
        now=datetime.now().astimezone(),
    )


def listing(args: argparse.Namespace) -> int:
    from fleet.views.laid_down import limits

    found = limits(find_home(os.environ))
    if args.json:
        return as_json(found)
    if not found["limits"] and not found["floors"]:
        say("no limits: fleet limit add --fleet --per day --tokens 2M")
        return 0
    rows = [
        (
            one["id"],
            f"{one['scope']} {one['name'] or ''}".strip(),
            f"{_amount(one, one['amount'])} {'in all' if one['per'] == 'total' else 'a ' + one['per']}",
            _amount(one, one["used"]),
            clock(one["next_period_at"]),
        )
        for one in found["limits"]
    ]
    rows += [
        (
            one["id"],
            one["account"] or "fleet",
            f"the last {one['share']:.0%} of {one['bucket'] or 'each bucket'}",
            "-",
            "-",
        )
        for one in found["floors"]
    ]
    table(("ID", "FOR", "LIMIT", "USED", "AGAIN"), rows)
    return 0


def _amount(one: dict[str, Any], amount: float) -> str:
    if one["unit"] == "usd":
        return f"${amount:.2f}"
    return f"{amount:,.0f} tokens" if one["unit"] == "tokens" else f"{amount:.1%} of {one['bucket']}"


def remove(args: argparse.Namespace) -> int:
    from fleet.service.limits import take_back

    take_back(find_home(os.environ), args.id)
    if args.json:
        return as_json({"id": args.id, "state": "removed"})
    say(f"{args.id} no longer holds")
    return 0
