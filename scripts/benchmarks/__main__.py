"""`scripts/bench [NAME…]`: runs benchmarks and prints their figures."""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict
from importlib import import_module
from pathlib import Path

from benchmarks.figure import Figure, Measure, Options
from fleet import streams

NAMES = (
    "demo",
    "failover",
    "status",
    "adding",
    "commands",
    "following",
    "worktree",
    "dispatch",
    "history",
    "hosts",
    "sandbox",
    "keeping",
    "faces",
)
"""Each is a module here with a `measure`."""
PARTS = ("dispatch.timed", "dispatch.scored", "hosts.start", "hosts.follow", "hosts.cut", "hosts.eight")
"""Of one of them, also to be measured alone."""


def main() -> int:
    """0 when every figure with a target reached it, 1 when one did not."""
    args = _arguments()
    options = Options(long=args.long, quick=args.quick)
    figures: dict[str, list[Figure]] = {}
    if not args.json:
        _say(f"{head()}\n")
    for name in args.names or NAMES:
        began = time.monotonic()
        streams.err().write(f"bench: {name} …\n")
        figures[name] = measure_of(name)(options)
        streams.err().write(f"bench: {name} took {time.monotonic() - began:.0f} s\n")
        if not args.json:
            _say(f"{as_table(figures[name])}\n")
    if args.json:
        _say(as_json(figures))
    missed = [f for found in figures.values() for f in found if f.verdict == "NOT REACHED"]
    return 1 if missed else 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="scripts/bench", description="Measures Fleet's figures as ratios.")
    about = f"of {', '.join((*NAMES, *PARTS))} (default: all but those with a dot)"
    parser.add_argument("names", nargs="*", metavar="NAME", help=about)
    parser.add_argument("--json", action="store_true", help="one JSON document with every detail")
    parser.add_argument(
        "--long",
        action="store_true",
        help="follow spools for ten minutes, not one; score dispatch on all 54 scenarios, not on 13",
    )
    parser.add_argument("--quick", action="store_true", help="few samples: only to see that it runs")
    args = parser.parse_args()
    known = (*NAMES, *PARTS)
    unknown = [name for name in args.names if name not in known]
    if unknown:
        parser.error(f"no benchmark {', '.join(unknown)}; there are {', '.join(known)}")
    return args


def measure_of(name: str) -> Measure:
    measure: Measure = import_module(f"benchmarks.{name}").measure
    return measure


def machine() -> dict[str, object]:
    """What the figures were measured on."""
    cpu = [line for line in _lines("/proc/cpuinfo") if line.startswith("model name")]
    memory = [line for line in _lines("/proc/meminfo") if line.startswith("MemTotal")]
    return {
        "cores": os.cpu_count(),
        "cpu": cpu[0].partition(":")[2].strip() if cpu else platform.processor(),
        "memory_gb": round(int(memory[0].split()[1]) / 1e6, 1) if memory else None,
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "load": [round(load, 1) for load in os.getloadavg()],
        "date": time.strftime("%Y-%m-%d %H:%M"),
    }


def _lines(path: str) -> Sequence[str]:
    file = Path(path)
    return file.read_text().splitlines() if file.exists() else ()


def as_json(figures: dict[str, list[Figure]]) -> str:
    shown = {name: [{**asdict(f), "verdict": f.verdict} for f in found] for name, found in figures.items()}
    return json.dumps({"machine": machine(), "figures": shown}, indent=2, ensure_ascii=False) + "\n"


def head() -> str:
    about = " · ".join(f"{key} {value}" for key, value in machine().items())
    return f"{about}\n\n{'FIGURE':<48} {'VALUE':>10} {'TARGET':>11}  VERDICT"


def as_table(figures: list[Figure]) -> str:
    """Name, value, target, verdict; below each figure what it came from."""
    lines = []
    for one in figures:
        relation = "≥" if one.more_is_better else "≤"
        target = "" if one.target is None else f"{relation} {one.target:g} {one.unit}"
        value = f"{one.value:g} {one.unit}"
        lines.append(f"{one.name:<48} {value:>10} {target:>11}  {one.verdict}".rstrip())
        lines += [f"    {key}: {value}" for key, value in one.detail.items()]
    return "\n".join(lines)


def _say(text: str) -> None:
    streams.out().write(text)
    streams.out().flush()


if __name__ == "__main__":
    streams.claim()
    sys.exit(main())
