"""`python -m tests.faults --seed N [--trace]`, or `--seeds FROM TO` for many."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from fleet import streams
from tests.faults import simulate


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m tests.faults", description="Run the fleet through a seed's faults."
    )
    parser.add_argument("--seed", type=int, help="the seed to run")
    parser.add_argument("--seeds", type=int, nargs=2, metavar=("FROM", "TO"), help="all of them, up to TO")
    parser.add_argument("--trace", action="store_true", help="print every event and effect")
    asked = parser.parse_args(argv)
    seeds = [asked.seed] if asked.seed is not None else range(*(asked.seeds or (0, 100)))
    show = (lambda line: _say(line)) if asked.trace else None
    for seed in seeds:
        outcome = simulate(seed, show=show)
        _say(repr(outcome))
    return 0


def _say(line: str) -> None:
    streams.out().write(f"{line}\n")


if __name__ == "__main__":
    streams.claim()
    sys.exit(main())
