"""`fleet needs`: what needs you, and what to type."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from fleet.cli.show import as_json, clock, put, say
from fleet.homepath import home_path
from fleet.views.live import Live, Record, snapshot
from fleet.views.needs import asks_somebody
from fleet.views.needs import needs as open_needs


def words(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--wait", action="store_true", help="wait for a new one, and show it alone")
    parser.add_argument("--exit-code", action="store_true", help="end with 1 when something needs you")


def needs(args: argparse.Namespace) -> int:
    home = Path(home_path(os.environ))
    if args.wait:
        import anyio

        found = anyio.run(_awaited, home)
    else:
        found = open_needs(snapshot(home).sections)
    if args.json:
        as_json(found)
    elif not found:
        say("nothing needs you")
    else:
        for need in found:
            _show(need)
    return 1 if args.exit_code and asks_somebody(found) else 0


async def _awaited(home: Path) -> list[Record]:
    """Those that somebody has to act on and that were not there at first."""
    async with Live(home) as live:
        await live.next()
        known = {need["key"] for need in open_needs(live.state.sections)}
        while True:
            await live.next()
            found = open_needs(live.state.sections)
            new = [need for need in found if need["key"] not in known]
            if asks_somebody(new):
                return [need for need in new if asks_somebody([need])]
            known &= {need["key"] for need in found}


def _show(need: Record) -> None:
    since = f" since {clock(need['since'])}" if need["since"] else ""
    put(f"{need['kind']} {need['subject']}{since}: {need['text']}")
    for command in need["commands"]:
        put(f"  {command}")
