"""`fleet up` and `fleet down`."""

from __future__ import annotations

import argparse
import os
import shutil
import sys

from fleet.cli.parser import Parser, color_word, positive
from fleet.cli.show import put_lines, say
from fleet.errors import Failed
from fleet.home import find_home

TYPE_CHECKING = False
if TYPE_CHECKING:
    from fleet.run.up import UpOptions


def up_words(parser: Parser) -> None:
    parser.add_argument(
        "--demo",
        nargs="?",
        const="limit",
        metavar="STORY",
        help="show the main job, or another story, with a scripted server; no account needed (--demo list: which)",
    )
    parser.add_argument(
        "--until-idle", action="store_true", help="end when nothing is left to do: 0 all well, 1 not"
    )
    parser.add_argument(
        "--dry-run", action="store_true", help="show the plan and what would be started now; start nothing"
    )
    parser.add_argument("--workers", type=positive, metavar="N", help="workers at once (default 8)")
    parser.add_argument(
        "--log-format",
        choices=("console", "json"),
        help="lines for people, also where they are piped (default), or JSON",
    )
    color_word(parser)
    parser.add_argument(
        "--log-level",
        choices=("debug", "info", "warning", "error"),
        help="debug: also each step, and the arithmetic of each placement (default info)",
    )
    parser.add_argument(
        "--sandbox",
        choices=("auto", "bwrap", "none"),
        help="in which workers, setup and verification run: auto, where there is one (default); bwrap, or not at all",
    )
    parser.add_argument(
        "--start-timeout",
        metavar="SPAN",
        help="a worker that has said nothing by then is stopped",
    )
    parser.add_argument("--stall-timeout", metavar="SPAN", help="a worker silent for so long is stopped")
    parser.add_argument("--attempt-timeout", metavar="SPAN", help="a worker is stopped after so long")
    parser.add_argument(
        "--host-lost-after",
        metavar="SPAN",
        help="the work of a host that has not answered for so long goes on elsewhere (default 10m)",
    )
    parser.add_argument(
        "--checkpoint-every",
        metavar="SPAN",
        help="how often a worker on another host has its work in progress brought home (default 1m)",
    )


def down_words(parser: Parser) -> None:
    parser.add_argument(
        "--stop-workers",
        action="store_true",
        help="interrupt the workers too; their tasks go on with the next up",
    )


def up(args: argparse.Namespace) -> int:
    """With --until-idle 0 when every task ended well, 1 when some did not; otherwise 0 once it was stopped. With
    --dry-run nothing is started."""
    _fill(args)
    if args.dry_run:
        return _dry_run(args)
    from fleet.run.up import up as run_up
    from fleet.views.outcome import ended_well, summary
    from workers.private import keep_private

    options = _options(args)
    keep_private()
    if args.demo:
        return _demo(args.demo, options)
    outcome = run_up(find_home(os.environ), options, os.environ)
    if not args.until_idle:
        return 0
    put_lines(summary(outcome))
    return 0 if ended_well(outcome) else 1


def _fill(args: argparse.Namespace) -> None:
    """What no option says is as the settings `up.*` have it. Raises NotDone."""
    from fleet.service.settings import section

    for name, value in section(find_home(os.environ), "up", os.environ).items():
        if getattr(args, name) is None:
            setattr(args, name, value)


def _options(args: argparse.Namespace) -> UpOptions:
    from fleet.run.up import UpOptions
    from fleet.shell.hosts.monitor import HostLimits
    from fleet.shell.starting import Limits

    limits = Limits(
        start_s=_seconds(args.start_timeout),
        stall_s=_seconds(args.stall_timeout),
        deadline_s=_seconds(args.attempt_timeout),
    )
    host_limits = HostLimits(
        lost_after_s=_seconds(args.host_lost_after), checkpoint_s=_seconds(args.checkpoint_every)
    )
    return UpOptions(
        args.workers,
        args.until_idle,
        args.log_format,
        args.log_level,
        limits,
        host_limits,
        sandbox=args.sandbox,
    )


def _seconds(text: str) -> float:
    """Raises Failed."""
    from fleet.spoken.spans import UnknownSpan, span_ms

    try:
        return span_ms(text) / 1000
    except UnknownSpan as failed:
        raise Failed(f"{text!r} {failed}") from failed


def _dry_run(args: argparse.Namespace) -> int:
    from fleet.cli.plan import dry_run

    if args.demo:
        raise Failed(
            "the demo starts nothing of yours, so it has nothing to show beforehand: leave out --dry-run"
        )
    return dry_run(args)


def _demo(name: str, options: UpOptions) -> int:
    from fleet.run import demo
    from fleet.run.demo_report import report
    from fleet.views.outcome import ended_well

    if name == "list":
        put_lines("\n".join(f"fleet up --demo {one.name:<9} {one.about}" for one in demo.stories().values()))
        return 0
    laid_out = demo.lay_out(name)
    about = laid_out.story.about
    put_lines(f"{about[:1].upper()}{about[1:]}.\nIt happens in {laid_out.place}\n", flush=True)
    outcome = demo.run(laid_out, options, os.environ)
    command = "fleet" if shutil.which("fleet") else sys.argv[0]
    put_lines(f"\n{report(laid_out, outcome, command)}")
    return 0 if ended_well(outcome) else 1


def down(args: argparse.Namespace) -> int:
    from fleet.service.requests import stop

    workers = stop(find_home(os.environ), stop_workers=args.stop_workers)
    living = "1 worker goes on" if workers == 1 else f"{workers} workers go on"
    say(f"stopped; {living}, the next `fleet up` adopts them" if workers else "stopped")
    return 0
