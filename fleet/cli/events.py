"""`fleet events`: what has happened, from the journal, and what happens, as it does."""

from __future__ import annotations

import argparse
import json
import os
from collections import deque
from collections.abc import Collection, Iterator
from datetime import datetime
from importlib.resources import files
from pathlib import Path

from fleet.cli.show import clock, put, put_lines, say
from fleet.core.notes import DATA
from fleet.errors import Failed
from fleet.homepath import home_path
from fleet.shell.feed import VERSION
from fleet.store.sqlite_reader import SqliteReader
from fleet.views.history.asked import NotUnderstood, moment
from fleet.views.live import Live, Record, events_after

LAST = 20
"""So many are shown when nothing says since when."""

MARKS = {"warning": "!", "error": "✗"}


def words(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("-f", "--follow", action="store_true", help="go on until you end it, or its reader goes")
    add(
        "--since", metavar="N|WHEN", help="all after number N (0: all there are), or since 2h ago, 2026-11-22"
    )
    add("--type", action="append", default=[], metavar="T", help="task.landed, or all of task; repeatable")
    add("--task", metavar="ID", help="only those of one task")
    add("--json", action="store_true", help="each as a JSON object on a line of its own")
    add("--schema", action="store_true", help="print the JSON Schema of these lines, and end")


def events(args: argparse.Namespace) -> int:
    if args.schema:
        schema = files("fleet.views") / "schema" / f"v{VERSION}" / "feed.json"
        put_lines(schema.read_text("utf-8").rstrip())
        return 0
    types = _types(args.type)
    home = Path(home_path(os.environ))
    seq = 0
    for event in _told(home, args, types):
        seq = event["seq"]
        _show(event, args.json)
    if args.follow:
        import anyio

        anyio.run(_follow, home, seq, args, types)
    return 0


def _told(home: Path, args: argparse.Namespace, types: Collection[str]) -> Iterator[Record]:
    """What the journal has of what is asked for."""
    with SqliteReader(home) as reader:
        if args.task is not None and reader.task(args.task) is None:
            raise Failed(f"there is no task {args.task}: see `fleet task list`")
        found = (
            event
            for event in events_after(reader, _since(reader, args.since), args.task)
            if _is_wanted(event, types, debug=args.json)
        )
        yield from found if args.since is not None else deque(found, maxlen=LAST)


async def _follow(home: Path, since: int, args: argparse.Namespace, types: Collection[str]) -> None:
    async with Live(home, since) as live:
        told = True
        while True:
            for event in await live.next():
                if args.task in (None, event["task"]) and _is_wanted(event, types, debug=args.json):
                    _show(event, args.json)
            if told and not live.told:
                why = f"the coordinator says: {live.why_not}" if live.why_not else "no coordinator runs"
                say(f"{why}; what is written to {home} is shown as it comes")
            told = live.told


def _since(reader: SqliteReader, said: str | None) -> int:
    if said is None:
        return 0
    if said.isdecimal():
        return int(said)
    try:
        return reader.event_before(moment(said, datetime.now().astimezone(), None, end=False))
    except NotUnderstood as failed:
        raise Failed(f"{failed}, or the number of an event") from failed


def _types(said: list[str]) -> frozenset[str]:
    """The types that are asked for; none: all. Raises Failed."""
    groups = sorted({name.partition(".")[0] for name in DATA})
    found: set[str] = set()
    for word in said:
        meant = [name for name in DATA if name == word or name.startswith(f"{word}.")]
        if not meant:
            raise Failed(
                f"there is no type of events {word!r}: the groups are {', '.join(groups)}, and fleet events --schema "
                "names all types"
            )
        found.update(meant)
    return frozenset(found)


def _is_wanted(event: Record, types: Collection[str], *, debug: bool) -> bool:
    """People see what the log shows, unless they ask for a type."""
    return event["type"] in types if types else debug or event["level"] != "debug"


def _show(event: Record, as_json: bool) -> None:
    if as_json:
        line = {"t": "event", "v": VERSION, **event}
        put_lines(json.dumps(line, ensure_ascii=False, separators=(",", ":")), flush=True)
        return
    who = event["attempt"] or event["task"] or event["host"] or ""
    mark = MARKS.get(event["level"], " ")
    put(f"{clock(event['at'])} {mark} {who:7} {event['account'] or '':10} {event['text']}", flush=True)
