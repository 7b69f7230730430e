"""`fleet simulate`: a week of a scenario in seconds, under our policy or a peer's."""

from __future__ import annotations

import argparse
import os
from dataclasses import asdict
from pathlib import Path

from fleet.cli.parser import Parser, json_word, up_to
from fleet.cli.show import as_json, draw, put, say, table
from fleet.errors import Failed
from fleet.home import find_home

TYPE_CHECKING = False
if TYPE_CHECKING:
    from fleet.service.own_week.basis import Basis
    from fleet.service.own_week.run import Own, Simulated
    from fleet.simulate.score import Score

Rows = list[tuple[str, str]]

WEEKS = 1.0
"""How far one's own week looks, unless told otherwise."""

WEEKS_MAX = 8


def words(parser: Parser) -> None:
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--scenario", metavar="FILE", help="TOML or JSON, see docs/simulate.md")
    what.add_argument("--own", action="store_true", help="your own accounts, tasks and what has been learned")
    parser.add_argument(
        "--policy",
        default="fleet",
        metavar="NAME",
        help="fleet, or a peer's to compare with (default: fleet)",
    )
    parser.add_argument("--seed", type=int, default=1, metavar="N", help="draws what is random (default 1)")
    parser.add_argument("--picture", metavar="FILE.svg", help="draw each account's week")
    own = parser.add_argument_group("with --own")
    own.add_argument(
        "--weeks",
        type=up_to(WEEKS_MAX, "weeks"),
        metavar="N",
        help=f"how far to look (default 1, up to {WEEKS_MAX})",
    )
    own.add_argument(
        "--add-account",
        action="append",
        default=[],
        metavar="LIKE",
        help="with one more account such as this, compared with how it is",
    )
    own.add_argument("--strategy", metavar="NAME", help="after-hours or full-time (default: yours)")
    own.add_argument(
        "--write", metavar="FILE.json", help="only write the scenario down, to be edited and run"
    )
    json_word(parser)


def simulate(args: argparse.Namespace) -> int:
    from fleet.service.own_week.run import UnknownPolicy
    from fleet.simulate.scenario import InvalidScenario

    try:
        if args.own:
            return _write(args) if args.write else _own(args)
        return _scenario(args)
    except (InvalidScenario, UnknownPolicy) as wrong:
        raise Failed(str(wrong)) from wrong


def _scenario(args: argparse.Namespace) -> int:
    from fleet.service.own_week.run import simulated

    if args.weeks or args.add_account or args.strategy or args.write:
        raise Failed(
            "--weeks, --add-account, --strategy and --write go with --own: a file says all of it itself"
        )
    found = simulated(Path(args.scenario), args.policy, args.seed, picture=bool(args.picture))
    _draw(args, found)
    if args.json:
        return as_json(_document(found))
    for line in _lines(found):
        put(line)
    return 0


# --- one's own week -------------------------------------------------------------------------------------


def _write(args: argparse.Namespace) -> int:
    from fleet.service.own_week.run import write_own

    basis = write_own(
        find_home(os.environ),
        Path(args.write),
        weeks=args.weeks or WEEKS,
        strategy=args.strategy,
        like=args.add_account,
    )
    if args.json:
        return as_json({"written": args.write, "basis": asdict(basis)})
    for line in _basis_lines(basis):
        put(line)
    say(f"written; edit it, then: fleet simulate --scenario {args.write}")
    return 0


def _own(args: argparse.Namespace) -> int:
    from fleet.service.own_week.run import simulated_own

    found = simulated_own(
        find_home(os.environ),
        args.policy,
        args.seed,
        weeks=args.weeks or WEEKS,
        strategy=args.strategy,
        like=args.add_account,
        picture=bool(args.picture),
    )
    shown = found.with_more or found.as_it_is
    _draw(args, shown)
    if args.json:
        without = None if found.with_more is None else _document(found.as_it_is)
        return as_json({**_document(shown), "basis": asdict(found.basis), "without": without})
    for line in _basis_lines(found.basis):
        put(line)
    put()
    if found.with_more is None:
        for line in _lines(shown):
            put(line)
    else:
        _compare(found, found.with_more)
    return 0


def _basis_lines(basis: Basis) -> list[str]:
    """What is known and what is not, before any figure that rests on it."""
    told = (("learned", basis.learned), ("guessed", basis.guessed), ("not in it", basis.left_out))
    lines: list[str] = []
    for word, sentences in told:
        lines += [f"{word}:", *(f"  {sentence}" for sentence in sentences)] if sentences else []
    return lines


def _compare(found: Own, more: Simulated) -> None:
    before, after = found.as_it_is.score, more.score
    names = " and ".join(found.added)
    cells = zip(_rows(before), _rows(after), strict=True)
    table(("", "as it is", f"with {names}"), [(name, told, other) for (name, told), (_, other) in cells])
    put()
    for line in _bucket_lines(after):
        put(line)
    put()
    gain, finished = after.value - before.value, after.tasks_finished - before.tasks_finished
    put(f"with {names}: value {gain:+.1f}{_share(gain, before.value)}, tasks finished {finished:+d}")
    if more.notice:
        put(f"! {more.notice}")


def _share(gain: float, of: float) -> str:
    return f" ({gain / of:+.1%})" if of > 0.0 else ""


# --- any week -------------------------------------------------------------------------------------------


def _draw(args: argparse.Namespace, found: Simulated) -> None:
    if args.picture:
        draw(args.picture, found.picture)


def _document(found: Simulated) -> dict[str, object]:
    return {**asdict(found.score), "notice": found.notice}


def _lines(found: Simulated) -> list[str]:
    rows = _rows(found.score)
    wide = max(len(name) for name, _ in rows)
    lines = [f"{name.ljust(wide)}  {told}" for name, told in rows]
    lines += ["", *_bucket_lines(found.score)]
    return [*lines, f"! {found.notice}"] if found.notice else lines


def _rows(score: Score) -> Rows:
    bound = "not known" if score.bound_share is None else f"{score.bound_share:.1%}"
    served = f"{score.requests_served} of {score.requests}"
    return [
        ("policy", score.policy),
        ("value completed", f"{score.value:.1f} ({score.value_share:.1%} of all tasks' value)"),
        ("share of the clairvoyant bound", bound),
        ("capacity expired unused", f"{score.expired_share:.1%} while feasible work waited"),
        ("persons' requests served", "none" if score.availability is None else served),
        ("deadlines met", f"{score.deadlines_met} of {score.deadlines}"),
        ("tasks finished", f"{score.tasks_finished} of {score.tasks}, {score.tasks_failed} failed"),
        ("attempts", f"{score.attempts}, {score.moves} of them after a move"),
    ]


def _bucket_lines(score: Score) -> list[str]:
    width = max(len(f"{b.account} {b.bucket}") for b in score.buckets)
    lines = [f"{'bucket'.ljust(width)}  windows   used  expired  refusals"]
    for b in score.buckets:
        name = f"{b.account} {b.bucket}".ljust(width)
        lines.append(f"{name}  {b.windows:7}  {b.used:5.2f}  {b.expired:7.2f}  {b.refusals:8}")
    return lines
