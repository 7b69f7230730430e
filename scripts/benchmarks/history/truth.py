"""What a generated history truly holds, summed while it is written."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

KINDS = ("input", "output", "cache_write_5m", "cache_write_1h", "cache_read")
"""The order of the five numbers of tokens everywhere here."""

Tokens = tuple[int, int, int, int, int]
Sums = dict[str, list[int]]
"""For each key: the number of answers, then the five kinds."""


@dataclass
class Truth:
    """Sums by UTC day, by model and by project; what a scan should find besides."""

    by_day: Sums = field(default_factory=dict)
    by_model: Sums = field(default_factory=dict)
    by_project: Sums = field(default_factory=dict)
    files: int = 0
    lines: int = 0
    bytes: int = 0
    broken: int = 0
    readings: int = 0

    def add(self, day: str, model: str, project: str, tokens: Tokens) -> None:
        for sums, key in ((self.by_day, day), (self.by_model, model), (self.by_project, project)):
            row = sums.setdefault(key, [0] * 6)
            row[0] += 1
            for place, count in enumerate(tokens, 1):
                row[place] += count

    @property
    def answers(self) -> int:
        return sum(row[0] for row in self.by_day.values())

    def total(self) -> dict[str, int]:
        """Tokens of each kind."""
        columns = zip(*self.by_day.values(), strict=True)
        return dict(zip(("answers", *KINDS), map(sum, columns), strict=True))

    def write(self, path: Path) -> None:
        path.write_text(json.dumps(vars(self)))

    @classmethod
    def read(cls, path: Path) -> Truth:
        return cls(**json.loads(path.read_text()))


def wrong(found: Mapping[str, list[int]], true: Sums) -> dict[str, int]:
    """By how many tokens each kind is off, summed over the keys without regard to the sign; answers likewise."""
    off = [0] * 6
    for row, other in _pairs(found, true):
        off = [total + abs(a - b) for total, a, b in zip(off, row, other, strict=True)]
    return dict(zip(("answers", *KINDS), off, strict=True))


def _pairs(found: Mapping[str, list[int]], true: Sums) -> Iterator[tuple[list[int], list[int]]]:
    for key in found.keys() | true.keys():
        yield found.get(key, [0] * 6), true.get(key, [0] * 6)
