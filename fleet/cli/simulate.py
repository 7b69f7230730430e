"""`fleet simulate`: a week of a scenario in seconds, under our policy or a peer's."""

from __future__ import annotations

import argparse
from dataclasses import asdict
from pathlib import Path

from fleet.cli.run import Failed
from fleet.cli.show import as_json

TYPE_CHECKING = False
if TYPE_CHECKING:
    from fleet.simulate.score import Score


def simulate(args: argparse.Namespace) -> int:
    from fleet.service.simulating import Simulated, UnknownPolicy, simulated
    from fleet.simulate.scenario import InvalidScenario

    try:
        found: Simulated = simulated(Path(args.scenario), args.policy, args.seed, picture=bool(args.picture))
    except (InvalidScenario, UnknownPolicy) as wrong:
        raise Failed(str(wrong)) from wrong
    if args.picture:
        Path(args.picture).write_text(found.picture, encoding="utf-8")
    if args.json:
        as_json({**asdict(found.score), "notice": found.notice})
        return 0
    for line in _lines(found.score):
        print(line)
    if found.notice:
        print(f"! {found.notice}")
    return 0


def _lines(score: Score) -> list[str]:
    bound = "not known" if score.bound_share is None else f"{score.bound_share:.1%}"
    served = f"{score.requests_served} of {score.requests}"
    rows = [
        ("policy", score.policy),
        ("value completed", f"{score.value:.1f} ({score.value_share:.1%} of all tasks' value)"),
        ("share of the clairvoyant bound", bound),
        ("capacity expired unused", f"{score.expired_share:.1%} while feasible work waited"),
        ("persons' requests served", "none" if score.availability is None else served),
        ("deadlines met", f"{score.deadlines_met} of {score.deadlines}"),
        ("tasks finished", f"{score.tasks_finished} of {score.tasks}, {score.tasks_failed} failed"),
        ("attempts", f"{score.attempts}, {score.moves} of them after a move"),
    ]
    wide = max(len(name) for name, _ in rows)
    lines = [f"{name.ljust(wide)}  {told}" for name, told in rows]
    width = max(len(f"{b.account} {b.bucket}") for b in score.buckets)
    lines += ["", f"{'bucket'.ljust(width)}  windows   used  expired  refusals"]
    for b in score.buckets:
        name = f"{b.account} {b.bucket}".ljust(width)
        lines.append(f"{name}  {b.windows:7}  {b.used:5.2f}  {b.expired:7.2f}  {b.refusals:8}")
    return lines
