"""Which task where and when: the planning problem's answer laid out by task; and, without an answer, the order in which
tasks would be taken."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import accumulate

from fleet.core.capacity import headroom
from fleet.core.dispatch import Quote
from fleet.core.dispatch.round import Round
from fleet.core.dispatch.slots import Slots
from fleet.core.dispatch.tiers import allowed
from fleet.core.model import Bucket, Fleet, Task
from fleet.planning import Planned

PART = 0.5
"""The programme divides tasks. One of which less than this is to be done in all its periods is not planned."""

WORTH_A_ROW = 0.05
"""Less than so many expected tasks in a period say nothing."""

LENGTH_MIN_MS = 3_600_000
"""Windows of up to an hour (a key's tokens a minute) reset again and again while a task runs: no row names them."""

LOOKED_AT = 50
"""How many tasks of a line are looked at when there are no prices; further ones would be taken later anyway."""


@dataclass(frozen=True, slots=True)
class Row:
    """One task of the plan, or (`task` is None) work of that kind that is expected to arrive: `tasks` of it."""

    task: str | None
    label: str
    account: str
    tier: str
    begins_ms: int
    ends_ms: int
    tasks: float
    value: float


@dataclass(frozen=True, slots=True)
class Reset:
    """The reset that ends a window. `certain`: it was read; otherwise windows are taken to follow each other."""

    bucket: str
    at_ms: int
    certain: bool


def laid_out(planned: Iterable[Planned]) -> list[Row]:
    """A row for each task that is planned, in the period that most of it falls into; in the order of time.

    Tasks that are alike are planned together, so those worth most get the first places.
    """
    of_class: dict[tuple[str, ...], list[Planned]] = {}
    expected: dict[tuple[int, str, str, str], Row] = {}
    for part in planned:
        if part.ids:
            of_class.setdefault(part.ids, []).append(part)
        else:
            key = (part.begins_ms, part.label, part.account, part.tier)
            expected[key] = _together(expected.get(key), _row(part, None, part.tasks))
    rows = [row for row in expected.values() if row.tasks >= WORTH_A_ROW]
    for ids, parts in of_class.items():
        rows.extend(_taken(ids, sorted(parts, key=lambda p: (p.begins_ms, p.account, p.tier))))
    return sorted(
        rows, key=lambda r: (r.begins_ms, r.task is None, -r.value, r.task or r.label, r.account, r.tier)
    )


def _together(before: Row | None, row: Row) -> Row:
    """What is expected is told apart by its kind, not by what it may be worth."""
    if before is None:
        return row
    return replace(before, tasks=before.tasks + row.tasks, value=before.value + row.value)


def _taken(ids: tuple[str, ...], parts: list[Planned]) -> Iterator[Row]:
    """Task n of the class is what lies between n and n + 1 of all that is planned of it."""
    ends = list(accumulate(part.tasks for part in parts))
    for n, task_id in enumerate(ids):
        overlaps = []
        for i in range(bisect_right(ends, n), len(parts)):
            begin = ends[i] - parts[i].tasks
            if begin >= n + 1:
                break
            overlaps.append((min(ends[i], n + 1) - max(begin, n), -i))
        if sum(overlap for overlap, _ in overlaps) >= PART:
            yield _row(parts[-max(overlaps)[1]], task_id, 1.0)


def _row(part: Planned, task: str | None, tasks: float) -> Row:
    value = part.value * tasks / part.tasks
    return Row(task, part.label, part.account, part.tier, part.begins_ms, part.ends_ms, tasks, value)


def next_reset(fleet: Fleet, account: str, tier: str, from_ms: int) -> Reset | None:
    """The first reset after that time among the buckets that the work draws on, None where none is known."""
    found = [
        reset
        for bucket in headroom.drawn_on(fleet, fleet.accounts[account], tier)
        if (reset := _reset(fleet, bucket, from_ms)) is not None
    ]
    return min(found, key=lambda r: (r.at_ms, r.bucket), default=None)


def _reset(fleet: Fleet, bucket: Bucket, from_ms: int) -> Reset | None:
    length = headroom.length_of(bucket)
    blocked = headroom.blocked_until(bucket, fleet.now_ms, fleet.settings)
    first = blocked.until_ms if blocked else bucket.resets_ms
    if first is None or first <= fleet.now_ms or (length is not None and length <= LENGTH_MIN_MS):
        return None
    if from_ms < first:
        return Reset(bucket.name, first, True)
    if length is None:
        return None
    return Reset(bucket.name, first + ((from_ms - first) // length + 1) * length, False)


@dataclass(frozen=True, slots=True)
class InOrder:
    """A queued task as it stands in the order. `quote` is the best placement there is for it, None where it has none
    now, `why` what speaks against that."""

    task: Task
    quote: Quote | None
    why: str | None


def by_density(fleet: Fleet, hindered: Mapping[str, str]) -> list[InOrder]:
    """The queue in the order in which it would be taken while there are no prices: value for the share of the tightest
    bucket; what is `hindered`, or taken by no account now, comes last."""
    dispatch = Round(fleet, Slots(fleet))
    ordered = []
    for line in sorted(fleet.queue):
        for rank in fleet.queue[line][:LOOKED_AT]:
            task = fleet.tasks[rank[3]]
            why = hindered.get(task.id)
            found = _best(dispatch, task) if why is None else InOrder(task, None, why)
            density = 0.0 if found.quote is None else found.quote.density * dispatch.fairness.of(task)
            ordered.append((-density, task.number, found))
    return [found for _, _, found in sorted(ordered, key=lambda entry: entry[:2])]


def _best(dispatch: Round, task: Task) -> InOrder:
    fleet = dispatch.fleet
    considered = [
        dispatch.refusals.considered(task, account, tier)
        for _, account in sorted(fleet.accounts.items())
        if account.state != "removed"
        for tier in allowed(fleet, task)
    ]
    possible = [quote for against, quote in considered if against is None and quote is not None]
    if possible:
        return InOrder(task, min(possible, key=lambda q: (-q.merit, q.account, q.tier)), None)
    first = next((against for against, _ in considered if against is not None), None)
    return InOrder(task, None, "there is no account" if first is None else f"{first.account}: {first.why}")
