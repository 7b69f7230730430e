"""`fleet plan`, and what `fleet up --dry-run` prints."""

from __future__ import annotations

import argparse
import os

from fleet.cli.parser import Parser, json_word, up_to
from fleet.cli.show import as_json, clock, put, say, span, table
from fleet.home import find_home
from workers.printable import one_line

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    Record = dict[str, Any]

HOURS_MAX = 168
TITLE_WIDTH = 40
ROWS_MAX = 60
"""More planned rows than this are no overview."""


UNPLANNED_MAX = 8

TOLD = 0.005
"""Less is shown as 0 %."""


def words(parser: Parser) -> None:
    parser.add_argument(
        "--hours",
        type=up_to(HOURS_MAX, "hours"),
        default=12.0,
        metavar="H",
        help=f"how far to show it (default 12, up to {HOURS_MAX})",
    )
    json_word(parser)


def plan(args: argparse.Namespace) -> int:
    from fleet.views.plan import plan as planned

    found = planned(find_home(os.environ), hours=args.hours)
    if args.json:
        return as_json(found)
    _print(found)
    return 0


def dry_run(args: argparse.Namespace) -> int:
    """`fleet up --dry-run`: the plan, and what would be started this moment. Nothing is."""
    from fleet.views.plan import plan as planned

    found = planned(find_home(os.environ), workers=args.workers)
    _print(found)
    put()
    _print_placements(found)
    return 0


def _print(found: Record) -> None:
    prices = found["prices"]
    made = f", prices of {clock(prices['made_at'])}" if prices else ", no prices"
    put(f"plan until {clock(found['until'])} ({found['strategy']}{made})")
    if found["coordinator"] is None:
        put("  no coordinator runs: this is what fleet up would go by")
    if found["breaker"]:
        put(f"  circuit breaker open, nothing starts: {found['breaker']} (fleet breaker close)")
    if found["notice"]:
        put(f"  {found['notice']}. So here is the order in which work would be taken, without times")
    _print_timeline(found)
    _print_buckets(found["buckets"])
    _print_laid_down(found)


def _print_timeline(found: Record) -> None:
    planned = [row for row in found["planned"] if row["task"]] + _expected(found["planned"])
    planned.sort(key=lambda row: row["begins_at"] or "")
    shown = [_planned(row, found["at"]) for row in planned[:ROWS_MAX]]
    rows = [_running(row) for row in found["running"]] + shown
    put()
    if rows:
        table(("WHEN", "TASK", "TITLE", "ACCOUNT", "TIER", "UNTIL THE RESET OF"), rows)
        if len(planned) > ROWS_MAX:
            put(f"and {len(planned) - ROWS_MAX} more in these hours (--json has all)")
    else:
        put("nothing runs and nothing is planned" + ("" if found["unplanned"] else ": fleet task add"))
    if found["later"]:
        put(f"and {found['later']} later than that{'' if found['notice'] else ' (--hours)'}")
    shown = list(found["hindered"].items())[:UNPLANNED_MAX]
    for task, why in shown:
        put(one_line(f"not in this week's plan: {task}: {why}"))
    if len(found["unplanned"]) > len(shown):
        put(f"and {len(found['unplanned']) - len(shown)} more that are not in it (fleet why ID)")


def _expected(planned: list[Record]) -> list[Record]:
    """One row for all that is expected to arrive and be done by the same account and tier in the same hours."""
    found: dict[tuple[str, ...], Record] = {}
    for row in planned:
        if row["task"] is None:
            key = (row["begins_at"], row["account"], row["tier"])
            before = found.get(key, {"tasks": 0.0})
            tasks = before["tasks"] + row["tasks"]
            found[key] = {**row, "title": "(work that is expected to arrive)", "tasks": tasks}
    return list(found.values())


def _running(row: Record) -> tuple[str, ...]:
    until = f"runs to about {clock(row['ends_at'])}" if row["ends_at"] else f"is {row['state']}"
    return until, row["task"], _title(row), row["account"], row["tier"], _until(row)


def _planned(row: Record, now: str) -> tuple[str, ...]:
    when = "in this order"
    if row["begins_at"]:
        when = span(row["begins_at"], row["ends_at"])
        if row["begins_at"] == now:
            when = f"now to {clock(row['ends_at'])}"
    if row["after"]:
        when = f"{when}, after {', '.join(row['after'])}"
    task = row["task"] or f"about {row['tasks']:.1f}"
    if row["account"] is None:
        return when, task, _title(row), "-", "-", row["why"]
    account = f"{row['account']} (billed)" if row["billed"] else row["account"]
    return when, task, _title(row), account, row["tier"], _until(row)


def _title(row: Record) -> str:
    title: str = " ".join(row["title"].split())
    return title if len(title) <= TITLE_WIDTH else f"{title[: TITLE_WIDTH - 1]}…"


def _until(row: Record) -> str:
    reset = row["resets"]
    if reset is None:
        return "-"
    return f"{reset['bucket']} {'at' if reset['certain'] else 'about'} {clock(reset['at'])}"


def _print_buckets(buckets: list[Record]) -> None:
    if not buckets:
        return
    put()
    head = ("ACCOUNT", "BUCKET", "USED", "HEADROOM", "KEPT", "PRICE", "RESETS", "EXPIRES UNUSED")
    table(head, [_bucket(one) for one in buckets])
    put("price: what the whole bucket is worth to other work, in fresh tasks of priority 0")


def _bucket(one: Record) -> tuple[str, ...]:
    price = one["price"]
    told = "-" if price is None else f"{price:.3g}" if price else "free"
    return (
        ", ".join(one["accounts"]),
        one["bucket"],
        f"{_share(one['utilization'])}{' ' + one['closed'] if one['closed'] else ''}",
        _share(one["headroom"]),
        _share(one["reserved"] + one["floor"]),
        told,
        clock(one["resets_at"]),
        _share(one["expires_unused"]),
    )


def _share(share: float | None) -> str:
    return "?" if share is None else f"{share:.0%}"


def _print_laid_down(found: Record) -> None:
    for one in found["accounts_without_work"]:
        put(f"{one['account']} gets no work: {one['why']}")
    for one in found["buckets"]:
        forecast = one["forecast"]
        if forecast and forecast["kept"] >= TOLD:
            put(
                f"{forecast['kept']:.0%} of {one['bucket']} of {', '.join(one['accounts'])} is kept for you by the "
                f"forecast: you are expected to use {forecast['expected']:.0%} of it still, and in "
                f"{forecast['sure']:.0%} of cases no more than is kept (fleet reserve auto off)"
            )
    for one in found["reservations"]:
        coming = one["next"]
        hours = f", from {span(coming['begins_at'], coming['ends_at'])}" if coming else ""
        put(
            f"{one['id']} keeps {one['amount']:.0%} of {one['bucket']} of {one['account']} ({one['said']}){hours}: "
            f"{one['kept']:.0%} now"
        )
    for one in found["limits"]:
        if one["used_up"]:
            again = f" until {clock(one['next_period_at'])}" if one["next_period_at"] else " for good"
            put(f"{one['id']}, {one['said']}, is used up{again}")


def _print_placements(found: Record) -> None:
    if not found["placements"]:
        say("nothing would be started this moment (fleet why ID says why)")
    for one in found["placements"]:
        put(f"would start {one['task']} {_title(one)} on {one['account']} with {one['tier']}")
        if one["arithmetic"]:
            put(f"  {one['arithmetic']}")
