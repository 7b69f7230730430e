"""`fleet clean`."""

from __future__ import annotations

import argparse
import os
from typing import Any

from fleet.cli.parser import Parser, json_word
from fleet.cli.show import as_json, put, say
from fleet.errors import Failed
from fleet.home import find_home

TYPE_CHECKING = False
if TYPE_CHECKING:
    from fleet.shell.cleaning import Found

SHOWN = 3
"""Of what is kept for one reason."""


def words(parser: Parser) -> None:
    parser.add_argument(
        "--worktrees", action="store_true", help="those of ended tasks; loose work is preserved first"
    )
    parser.add_argument(
        "--branches", action="store_true", help="those of ended tasks that their target has all of"
    )
    parser.add_argument("--runs", action="store_true", help="what workers said, and logs of verifications")
    parser.add_argument("--journal", action="store_true", help="ended tasks themselves, with their history")
    parser.add_argument(
        "--older-than",
        metavar="SPAN",
        help="of tasks that ended so long ago (default: [clean] of config.toml, or 30d)",
    )
    parser.add_argument(
        "--dry-run", action="store_true", help="show what would go and what stays; remove nothing"
    )
    json_word(parser)


def clean(args: argparse.Namespace) -> int:
    """Without a part named, all of them that the home's rule has."""
    from fleet.service.cleaning import clean as ask
    from fleet.service.cleaning import rule
    from fleet.shell.cleaning import PARTS

    home = find_home(os.environ)
    by = rule(home, frozenset(part for part in PARTS if getattr(args, part)), _older_than(args.older_than))
    found = ask(home, by, os.environ, dry_run=args.dry_run)
    if args.json:
        return as_json({"dry_run": args.dry_run, **_as_data(found)})
    would = "would be " if args.dry_run else ""
    put(f"worktrees: {len(found.worktrees)} {would}removed, once what is in no commit has been preserved")
    put(f"branches: {len(found.branch_names)} {would}removed")
    put(f"runs and logs: {len(found.runs)} {would}removed")
    put(f"tasks: {len(found.tasks)} {would}forgotten")
    for why, what in found.kept.items():
        more = f" and {len(what) - SHOWN} more" if len(what) > SHOWN else ""
        say(f"kept, as {why}: {', '.join(what[:SHOWN])}{more}")
    return 0


def _older_than(said: str | None) -> int | None:
    from fleet.spoken.spans import UnknownSpan, span_ms

    try:
        return None if said is None else 0 if said == "0" else span_ms(said)
    except UnknownSpan as failed:
        raise Failed(f"{said!r} {failed}") from failed


def _as_data(found: Found) -> dict[str, Any]:
    return {
        "worktrees": found.worktrees,
        "branches": found.branch_names,
        "runs": [str(path) for path in found.runs],
        "tasks": found.tasks,
        "kept": [{"why": why, "what": what} for why, what in found.kept.items()],
    }
