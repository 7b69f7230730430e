"""`fleet up` and `fleet down`."""

from __future__ import annotations

import argparse
import os
import shutil
import sys

from fleet.cli.run import Failed
from fleet.cli.show import put_lines, say
from fleet.home import find_home
from fleet.run.up import UpOptions
from fleet.run.up import up as run_up
from fleet.service.requests import stop
from fleet.shell.hosts.monitor import HostLimits
from fleet.shell.starting import Limits
from fleet.spoken.spans import UnknownSpan, span_ms
from fleet.views.outcome import ended_well, summary
from workers.private import keep_private


def up(args: argparse.Namespace) -> int:
    """With --until-idle 0 when every task ended well, 1 when some did not; otherwise 0 once it was stopped. With
    --dry-run nothing is started."""
    if args.dry_run:
        return _dry_run(args)
    limits = Limits(
        start_s=_seconds(args.start_timeout),
        stall_s=_seconds(args.stall_timeout),
        deadline_s=_seconds(args.attempt_timeout),
    )
    host_limits = HostLimits(
        lost_after_s=_seconds(args.host_lost_after), checkpoint_s=_seconds(args.checkpoint_every)
    )
    options = UpOptions(args.workers, args.until_idle, args.log_format, args.log_level, limits, host_limits)
    keep_private()
    if args.demo:
        return _demo(args.demo, options)
    outcome = run_up(find_home(os.environ), options, os.environ)
    if not args.until_idle:
        return 0
    put_lines(summary(outcome))
    return 0 if ended_well(outcome) else 1


def _seconds(text: str) -> float:
    """Raises Failed."""
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
    workers = stop(find_home(os.environ), stop_workers=args.stop_workers)
    living = "1 worker goes on" if workers == 1 else f"{workers} workers go on"
    say(f"stopped; {living}, the next `fleet up` adopts them" if workers else "stopped")
    return 0
