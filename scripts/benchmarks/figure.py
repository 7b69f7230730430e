"""What a benchmark gives: figures, each a measured value beside its target."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True, slots=True)
class Figure:
    """One line of the table. Reached when `value` is at most `target`, with `more_is_better` when it is at least that;
    None is told without a verdict.

    `detail` has what the value came from: medians, extremes, counts. Seconds end in `_s`, milliseconds in `_ms`.
    """

    name: str
    value: float
    target: float | None
    unit: str = "×"
    detail: Mapping[str, object] = field(default_factory=dict)
    more_is_better: bool = False

    @property
    def verdict(self) -> str:
        if self.target is None:
            return ""
        reached = self.value >= self.target if self.more_is_better else self.value <= self.target
        return "reached" if reached else "NOT REACHED"


@dataclass(frozen=True, slots=True)
class Options:
    """`long`: also what takes ten minutes. `quick`: few samples, to see that a benchmark runs; no verdict to trust."""

    long: bool = False
    quick: bool = False


class Measure(Protocol):
    def __call__(self, options: Options) -> list[Figure]: ...


def spread(name: str, samples_s: Sequence[float]) -> dict[str, object]:
    """Median and extremes of times in seconds, as milliseconds."""
    return {
        f"{name}_ms": round(statistics.median(samples_s) * 1000, 1),
        f"{name}_min_ms": round(min(samples_s) * 1000, 1),
        f"{name}_max_ms": round(max(samples_s) * 1000, 1),
    }
