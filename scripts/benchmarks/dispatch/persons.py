"""Whether persons find capacity when they sit down, and what keeping it for them costs."""

from __future__ import annotations

from benchmarks.dispatch.runs import Outcome, Outcomes
from benchmarks.figure import Figure

AVAILABLE_MIN_PERCENT = 99.0


def figures(outcomes: Outcomes) -> list[Figure]:
    """Over all scenarios with persons, whose requests are served at once or not at all."""
    kept = [one for one in outcomes.of() if one.score.requests]
    free = [one for one in outcomes.of(variant="unreserved") if one.score.requests]
    each = {one.name: _served(one) for one in kept}
    worst = min(kept, key=lambda one: one.score.availability or 0.0)
    return [
        Figure(
            "persons' requests served at once",
            round(_percent(kept), 2),
            AVAILABLE_MIN_PERCENT,
            "%",
            {
                "scenarios": len(kept),
                "worst": f"{worst.name}, {_served(worst)}",
                "without reservations": f"{_percent(free):.2f} %",
                **each,
            },
            more_is_better=True,
        ),
        Figure(
            "value that reservations cost",
            round(
                100.0 * (1.0 - sum(one.score.value for one in kept) / sum(one.score.value for one in free)), 2
            ),
            None,
            "%",
            {with_.name: _cost(with_, without) for with_, without in zip(kept, free, strict=True)},
        ),
    ]


def _percent(found: list[Outcome]) -> float:
    return 100.0 * sum(one.score.requests_served for one in found) / sum(one.score.requests for one in found)


def _served(one: Outcome) -> str:
    return f"{one.score.requests_served} of {one.score.requests}"


def _cost(kept: Outcome, free: Outcome) -> str:
    return f"{1.0 - kept.score.value / free.score.value:.2%}; without, {_served(free)} served"
