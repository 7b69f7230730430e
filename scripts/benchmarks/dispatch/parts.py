"""What the share of the bound that is not reached consists of, on some scenarios.

- *Coarse*: so much the bound itself falls when it is worked out with periods of an hour, if it does: nobody could have
  had that. It may also rise, as other rows of periods then limit windows that begin on first use; both are bounds.
- *Unknown*: what the share gains when costs and rates of arrival are as the engine expects them (`expected`).
- *Indivisible*: what it gains besides when each task is cut into four (`divided`); with ever finer pieces it would be
  more, so this is the least of it.
- *Given away*: the rest, which the policy could have had, or pieces finer still, or knowing the hours of arrivals.

Each of the others can be negative: the runs differ in more than what they are meant to.
"""

from __future__ import annotations

from collections.abc import Iterator
from statistics import fmean

from benchmarks.dispatch.runs import Outcome, Outcomes
from benchmarks.dispatch.scenarios import DEMANDED
from benchmarks.figure import Figure

NAMES = ("coarse", "unknown", "indivisible", "given away")


def figures(outcomes: Outcomes) -> list[Figure]:
    """One for each family: what is missing in the mean of its scenarios looked at."""
    return [figure for family in DEMANDED for figure in _of_family(family, outcomes)]


def _of_family(family: str, outcomes: Outcomes) -> Iterator[Figure]:
    found = {}
    for expected, divided in zip(
        outcomes.of(variant="expected", family=family),
        outcomes.of(variant="divided", family=family),
        strict=True,
    ):
        drawn = next(one for one in outcomes.of(family=family) if one.name == expected.name)
        found[drawn.name] = _parts(drawn, expected, divided)
    if found:
        means = [fmean(parts[n] for parts in found.values()) for n in range(len(NAMES))]
        detail = {"mean": _told(means), **{name: _told(parts) for name, parts in found.items()}}
        yield Figure(
            f"missing, {family}: {len(found)} scenarios", round(sum(means), 4), None, "of bound", detail
        )


def _parts(drawn: Outcome, expected: Outcome, divided: Outcome) -> list[float]:
    bound, fine = drawn.score.bound, drawn.fine_bound
    assert bound is not None and fine is not None
    known = [max(1.0 - fine / bound, 0.0), expected.share - drawn.share, divided.share - expected.share]
    return [*known, 1.0 - drawn.share - sum(known)]


def _told(parts: list[float]) -> str:
    return ", ".join(f"{name} {part:.4f}" for name, part in zip(NAMES, parts, strict=True))
