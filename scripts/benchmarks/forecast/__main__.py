"""`python -m benchmarks.forecast`: the forecast's part of `scripts/bench history`, with other data and a picture."""

from __future__ import annotations

import argparse
import os
import sys

from benchmarks.__main__ import as_table, head
from benchmarks.figure import Options
from benchmarks.forecast import measure


def main() -> int:
    """0 when every figure with a target reached it, 1 when one did not."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.forecast")
    parser.add_argument("--data", help="another activity.csv.gz: developer, utc_offset_h, hour_utc, commits")
    parser.add_argument("--picture", help="an SVG to draw the policies into")
    parser.add_argument("--quick", action="store_true", help="two developers, few origins")
    args = parser.parse_args()
    if args.data:
        os.environ["FLEET_BENCH_ACTIVITY"] = args.data
    if args.picture:
        os.environ["FLEET_BENCH_PICTURE"] = args.picture
    figures = measure(Options(quick=args.quick))
    sys.stdout.write(f"{head()}\n{as_table(figures)}\n")
    return 1 if any(one.verdict == "NOT REACHED" for one in figures) else 0


if __name__ == "__main__":
    sys.exit(main())
