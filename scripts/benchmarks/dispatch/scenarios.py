"""The scenarios that the engine's decisions are measured on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from benchmarks.figure import Options
from fleet.simulate.cases import Case, draw
from fleet.simulate.generate import Family, Shape, generate, shape

DRAWN: dict[Family, int] = {"known": 20, "arriving": 20, "chances": 8}
"""So many of each family, seeds from 0."""

FEW_TASKS = (
    Shape(load=0.5, accounts=1, tiers=3, tasks=50, chained=0.2, due=0.2, persons=False),
    Shape(load=1.0, accounts=1, tiers=4, tasks=100, chained=0.2, due=0.2, persons=False),
    Shape(load=1.0, accounts=2, tiers=4, tasks=200, chained=0.2, due=0.2, persons=False),
)
"""The seeds after those drawn: no drawn shape has fewer than 250 tasks, and large ones are harder to fit. One takes
about a tenth of a window."""

USUALLY: dict[Family, tuple[int, ...]] = {
    "known": (4, 10, 11, 20, 21, 22),
    "arriving": (1, 16, 20, 21, 22),
    "chances": (3, 6),
}
"""The seeds that are looked at without `--long`: those with the fewest tasks and accounts of each family, some with
persons, so that it ends within five minutes. They are the same scenarios, so a score is comparable with its own."""

DEMANDED: tuple[Family, ...] = ("known", "arriving")
"""Families with a demanded share. With `chances` the bound knows which tier will succeed, and no policy can."""

CLOSELY = ("known-0", "known-11", "known-14", "arriving-1", "arriving-10", "arriving-12")
"""Looked at more closely: some of those that missed most when they were first measured."""

QUICK = Shape(load=1.0, accounts=2, tiers=3, tasks=60, chained=0.2, due=0.2, persons=True)


@dataclass(frozen=True, slots=True)
class Setting:
    """`few`: its tasks are few and large."""

    family: Family
    seed: int
    shape: Shape
    few: bool = False

    @property
    def name(self) -> str:
        return f"{self.family}-{self.seed}"

    @property
    def about(self) -> str:
        s = self.shape
        return f"load {s.load:g}, accounts {s.accounts}, tiers {s.tiers}, tasks {s.tasks}"

    def case(self) -> Case:
        return draw(generate(self.family, self.seed, self.shape), self.seed)


def settings(options: Options) -> list[Setting]:
    if options.quick:
        shapes = (QUICK, replace(QUICK, persons=False))
        return [Setting(family, seed, shapes[seed]) for family in DRAWN for seed in range(2)]
    drawn = [Setting(family, seed, shape(family, seed)) for family in DRAWN for seed in range(DRAWN[family])]
    few = [
        Setting(family, DRAWN[family] + n, FEW_TASKS[n], few=True)
        for family in DEMANDED
        for n in range(len(FEW_TASKS))
    ]
    everything = drawn + few
    if options.long:
        return everything
    return [one for one in everything if one.seed in USUALLY[one.family]]


def closely(settings: Sequence[Setting]) -> list[Setting]:
    """Of a quick run the first that is known."""
    return [setting for setting in settings if setting.name in CLOSELY] or list(settings[:1])
