"""What work persons and programs are expected to bring, learned from what they have brought.

Tasks are counted by class: project, kind, tiers, and value for their size to within a factor of √2, which decides
whether they are worth capacity. The rate of a class is what arrived of it after the very first arrival of any class,
over the time since then, both fading with a half-life of a week:

    rate = count / (span + TRUST × 2^(−age/TRUST)),    span = ∫ 2^(−t/HALF_LIFE) dt over the time observed (age)

The first arrival of all opens the observation and is not counted in it (an interval that is chosen to begin with an
event must not count that event), so a backlog added at once is nothing that is forecast to come again; and `TRUST` lets
a burst of a few minutes look like no more than a day's. A class that stops arriving fades, because its count does
and its span does not.

What planning makes of it: docs/dispatch.md, "4. What capacity costs: the planning problem".
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from math import exp, log, log2

from fleet.core.draft import Draft
from fleet.core.model import Fleet, TaskSpec
from fleet.core.model.learned import Demand

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS

HALF_LIFE_MS = 7 * DAY_MS
"""After a week an arrival counts half."""

TRUST_MS = DAY_MS
"""Time without arrivals that is added to what was observed; it halves in as long, so that it is soon forgotten."""

CLASSES_MAX = 128
"""Beyond this the class that has been silent longest is forgotten."""

_LIFE_MS = HALF_LIFE_MS / log(2.0)


def arrived(draft: Draft, specs: Sequence[TaskSpec]) -> None:
    """Counts tasks that have just been added by one request."""
    opened_ms = min((one.since_ms for one in draft.demand.values()), default=None)
    of_class: dict[str, list[TaskSpec]] = {}
    for spec in specs:
        of_class.setdefault(_key(spec), []).append(spec)
    for key, alike in of_class.items():
        before = draft.demand.get(key)
        found = (
            _opened(key, alike, draft.now_ms, opened_ms) if before is None else _counted(before, alike, draft)
        )
        draft.put("demand", key, found)
    stalest = sorted(draft.demand.values(), key=lambda one: (one.last_ms, one.key))
    for one in stalest[: max(len(stalest) - CLASSES_MAX, 0)]:
        draft.drop("demand", one.key)


def forecast(fleet: Fleet) -> list[tuple[Demand, float]]:
    """The classes and how many tasks of each are expected an hour from now on, by key."""
    return [(one, _rate(one, fleet.now_ms) * HOUR_MS) for _, one in sorted(fleet.demand.items())]


def _rate(one: Demand, now_ms: int) -> float:
    """Tasks a millisecond."""
    age = max(now_ms - one.since_ms, 0)
    span = _LIFE_MS * (1.0 - exp(-age / _LIFE_MS))
    trust = TRUST_MS * exp(-log(2.0) * min(age / TRUST_MS, 100.0))
    return one.count * _fading(one, now_ms) / (span + trust)


def _fading(one: Demand, now_ms: int) -> float:
    """What a count of its last arrival is worth now."""
    return exp(-max(now_ms - one.last_ms, 0) / _LIFE_MS)


def _rounded(value: float) -> float:
    """To the next power of √2; what is worth nothing stays so."""
    return 2.0 ** (round(2.0 * log2(value)) / 2.0) if value > 0.0 else 0.0


def _key(spec: TaskSpec) -> str:
    return "\x1f".join(
        (spec.project_name, spec.kind, ",".join(spec.tiers), f"{_rounded(spec.worth / spec.size):.6g}")
    )


def _opened(key: str, alike: Sequence[TaskSpec], now_ms: int, opened_ms: int | None) -> Demand:
    """A class that was not seen before. `opened_ms` is when the observation was opened, None when this opens it."""
    first = alike[0]
    return Demand(
        key=key,
        project=first.project_name,
        kind=first.kind,
        tiers=first.tiers,
        value=_rounded(first.worth / first.size),
        size=sum(spec.size for spec in alike) / len(alike),
        count=0.0 if opened_ms is None else float(len(alike)),
        since_ms=now_ms if opened_ms is None else opened_ms,
        last_ms=now_ms,
    )


def _counted(before: Demand, alike: Sequence[TaskSpec], draft: Draft) -> Demand:
    """The mean of the sizes goes with the count, in which those of the first arrival have the weight of one task."""
    old = before.count * _fading(before, draft.now_ms)
    size = (before.size * (old + 1.0) + sum(spec.size for spec in alike)) / (old + 1.0 + len(alike))
    return replace(before, count=old + len(alike), size=size, last_ms=max(draft.now_ms, before.last_ms))
