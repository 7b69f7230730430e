"""Tasks that are alike are one class of the programme: its size depends on how many kinds of work there are, not on how
many tasks. With few tasks each is a class of its own; with many, what is alike to a step of some percent is one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import log

from fleet.core.model import Fleet, Task
from fleet.core.worth import LATE, urgency, worth_now
from fleet.planning.allowed import Allowed
from fleet.planning.arrivals import arrivals_of
from fleet.planning.needs import Need, Needs
from fleet.planning.periods import HOUR_MS, Periods
from fleet.planning.readiness import readiness

CLASSES_MAX = 150
STEPS = (1.0, 1.05, 1.1, 1.2, 1.44, 2.0, 4.0, 16.0, 1e9)
"""How far tasks of one class may differ, as a factor; the first that leaves few enough classes is taken. 1: not."""


@dataclass(frozen=True, slots=True)
class WorkClass:
    """All per unit of `spec.size`: `value` in time, `late` after the period `due`. `ready` is its first period.
    `amount` is how much there is of it; of work that is expected, `arrives` is how much of it by each period."""

    label: str
    accounts: tuple[str, ...]
    needs: tuple[Need, ...]
    value: float
    late: float
    due: int | None
    ready: int
    amount: float
    count: float
    ids: tuple[str, ...] = ()
    arrives: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class Item:
    """One task as the programme sees it; the fields mean what they do in `WorkClass`."""

    id: str
    label: str
    accounts: tuple[str, ...]
    needs: tuple[Need, ...]
    value: float
    late: float
    due: int | None
    ready: int
    size: float


def classes_of(fleet: Fleet, periods: Periods) -> list[WorkClass]:
    """Of the tasks that wait or are queued, and of those that are expected; in an order that depends only on them."""
    allowed = Allowed(fleet)
    needs = Needs(fleet, allowed)
    items = _items(fleet, periods, allowed, needs)
    for step in STEPS:
        if step == 1.0 and len(items) > 4 * CLASSES_MAX:
            continue
        found = _grouped(items, step)
        if len(found) <= CLASSES_MAX:
            break
    return found + _expected(fleet, periods, allowed, needs)


def _items(fleet: Fleet, periods: Periods, allowed: Allowed, needs: Needs) -> list[Item]:
    begins = readiness(fleet, needs)
    items = []
    for task in sorted(fleet.tasks.values(), key=lambda t: t.id):
        if task.state not in ("queued", "waiting") or begins[task.id] >= periods.horizon:
            continue
        accounts = allowed.accounts(task)
        per_size = needs.of(task)
        if accounts and per_size:
            items.append(_item(fleet, periods, task, accounts, per_size, begins[task.id]))
    return items


def _item(
    fleet: Fleet,
    periods: Periods,
    task: Task,
    accounts: tuple[str, ...],
    needs: tuple[Need, ...],
    begins: float,
) -> Item:
    size, now, deadline = task.spec.size, fleet.now_ms, task.spec.deadline_ms
    hours = min(need.hours for need in needs) * size
    worth = worth_now(task, now, hours * HOUR_MS)
    due: int | None = None
    late = worth
    if deadline is not None:
        in_time = periods.last_in_time((deadline - now) / HOUR_MS - hours)
        late = worth * LATE / urgency(deadline, now, hours * HOUR_MS)
        # Too late already, worth_now says so; in time to the end, nothing need.
        due = in_time if 0 <= in_time < periods.count - 1 else None
    label = f"{task.spec.project_name} {task.spec.kind}"
    ready = periods.holding(begins)
    return Item(task.id, label, accounts, needs, worth / size, late / size, due, ready, size)


def _grouped(items: list[Item], step: float) -> list[WorkClass]:
    def coarse(amount: float) -> float:
        return amount if step == 1.0 or amount <= 0.0 else round(log(amount) / log(step))

    seen: dict[tuple[Need, ...], tuple[object, ...]] = {}

    def key(item: Item) -> tuple[object, ...]:
        if item.needs not in seen:
            seen[item.needs] = tuple(
                (n.tier, coarse(n.work), coarse(n.hours), coarse(n.chance)) for n in item.needs
            )
        late = coarse(item.late) if item.due is not None else 0
        return (
            item.accounts,
            item.due or 0,
            item.due is None,
            item.ready,
            seen[item.needs],
            coarse(item.value),
            late,
        )

    by_key: dict[tuple[object, ...], list[Item]] = {}
    for item in items:
        by_key.setdefault(key(item), []).append(item)
    return [_class(alike) for alike in by_key.values()]


def _class(alike: list[Item]) -> WorkClass:
    first = alike[0]
    amount = sum(item.size for item in alike)

    def mean(of: Callable[[Item], float]) -> float:
        return sum(of(item) * item.size for item in alike) / amount

    needs = first.needs
    if any(item.needs is not needs for item in alike):
        needs = tuple(
            Need(
                need.tier,
                mean(lambda item, n=n: item.needs[n].work),  # type: ignore[misc]
                mean(lambda item, n=n: item.needs[n].hours),  # type: ignore[misc]
                mean(lambda item, n=n: item.needs[n].chance),  # type: ignore[misc]
            )
            for n, need in enumerate(first.needs)
        )
    ids = tuple(item.id for item in sorted(alike, key=lambda item: (-item.value, item.id)))
    return WorkClass(
        label=first.label if all(item.label == first.label for item in alike) else "several projects",
        accounts=first.accounts,
        needs=needs,
        value=mean(lambda item: item.value),
        late=mean(lambda item: item.late),
        due=first.due,
        ready=first.ready,
        amount=amount,
        count=float(len(alike)),
        ids=ids,
    )


def _expected(fleet: Fleet, periods: Periods, allowed: Allowed, needs: Needs) -> list[WorkClass]:
    found = []
    for arrival in arrivals_of(fleet):
        accounts = allowed.of_project(arrival.project)
        per_size = needs.of_kind(arrival.project, arrival.kind, arrival.tiers)
        if not accounts or not per_size:
            continue
        per_hour = arrival.per_hour * arrival.size
        found.append(
            WorkClass(
                label=f"{arrival.project} {arrival.kind}, expected",
                accounts=accounts,
                needs=per_size,
                value=arrival.value / arrival.size,
                late=arrival.value / arrival.size,
                due=None,
                ready=0,
                amount=per_hour * periods.horizon,
                count=arrival.per_hour * periods.horizon,
                arrives=tuple(per_hour * edge for edge in periods.edges[1:]),
            )
        )
    return found
