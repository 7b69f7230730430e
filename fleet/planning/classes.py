"""Tasks that are alike are one class of the programme: its size depends on how many kinds of work there are, not on how
many tasks. With few tasks each is a class of its own; with many, what is alike to a step of some percent is one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from math import log

from fleet.core.capacity import demand
from fleet.core.capacity.worth import LATE, aged, urgency, worth_now
from fleet.core.model import Fleet, Task, is_paused
from fleet.core.model.learned import Demand
from fleet.planning.allowed import Allowed
from fleet.planning.needs import Need, Needs
from fleet.planning.periods import HOUR_MS, Periods
from fleet.planning.readiness import readiness

ARRIVALS_MAX = 128
"""Kinds of expected work in the programme: those that bring the most value."""

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


Key = tuple[object, ...]


def classes_of(fleet: Fleet, periods: Periods) -> list[WorkClass]:
    """Of the tasks that wait or are queued, and of those that are expected; in an order that depends only on them."""
    allowed = Allowed(fleet)
    needs = Needs(fleet, allowed)
    items = _items(fleet, periods, allowed, needs)
    by_key: dict[Key, list[Item]] = {}
    for step in STEPS:
        if step > 1.0 or len(items) <= 4 * CLASSES_MAX:
            by_key = _grouped(items, step)
            if len(by_key) <= CLASSES_MAX:
                break
    found = [_class(alike) for alike in by_key.values()]
    return found + _expected(fleet, periods, allowed, needs)


def with_unlocks(classes: list[WorkClass], fleet: Fleet, unlocks: Mapping[str, float]) -> list[WorkClass]:
    """The same classes of the same fleet, if its tasks unlocked this and not what they are taken to."""
    return [_raised(work, fleet, unlocks) for work in classes]


def _raised(work: WorkClass, fleet: Fleet, unlocks: Mapping[str, float]) -> WorkClass:
    tasks = [fleet.tasks[name] for name in work.ids]
    gain = sum((unlocks.get(t.id, 0.0) - t.unlocks) * aged(t, fleet.now_ms) for t in tasks) / work.amount
    return replace(work, value=work.value + gain, late=work.late + gain) if gain else work


def _items(fleet: Fleet, periods: Periods, allowed: Allowed, needs: Needs) -> list[Item]:
    begins = readiness(fleet, needs)
    items = []
    open_ones = [task for task in fleet.tasks.values() if task.state in ("queued", "waiting")]
    for task in sorted(open_ones, key=lambda t: t.id):
        if is_paused(fleet, task) or task.consent or begins[task.id] >= periods.horizon:
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
    size, now, deadline = task.work.size, fleet.now_ms, task.spec.deadline_ms
    hours = min(need.hours for need in needs) * size
    worth = worth_now(task, now, hours * HOUR_MS)
    due: int | None = None
    late = worth
    if deadline is not None:
        in_time = periods.last_in_time((deadline - now) / HOUR_MS - hours)
        others = task.unlocks * aged(task, now)  # apart from its own value
        late = (worth - others) * LATE / urgency(deadline, now, hours * HOUR_MS) + others
        # Too late already, worth_now says so; in time to the end, nothing need.
        due = in_time if 0 <= in_time < periods.count - 1 else None
    label = f"{task.spec.project_name} {task.work.kind}"
    ready = periods.holding(begins)
    return Item(task.id, label, accounts, needs, worth / size, late / size, due, ready, size)


def _grouped(items: list[Item], step: float) -> dict[Key, list[Item]]:
    """Items that are the same in what can't be averaged, and within `step` of each other in what can."""
    scale = 1.0 if step == 1.0 else 1.0 / log(step)

    def coarse(amount: float) -> float:
        return amount if step == 1.0 or amount <= 0.0 else round(log(amount) * scale)

    numbers: dict[int, int] = {}
    profiles: dict[Key, int] = {}
    by_key: dict[Key, list[Item]] = {}
    for item in items:
        profile = numbers.get(id(item.needs))
        if profile is None:
            like = tuple(
                (n.tier, coarse(n.work), coarse(n.hours), coarse(n.chance), n.aside) for n in item.needs
            )
            profile = numbers[id(item.needs)] = profiles.setdefault(like, len(profiles))
        late = 0.0 if item.due is None else coarse(item.late)
        key = (item.accounts, profile, item.due, item.ready, coarse(item.value), late)
        by_key.setdefault(key, []).append(item)
    return by_key


def _class(alike: list[Item]) -> WorkClass:
    first = alike[0]
    amount = sum(item.size for item in alike)

    def mean(of: Callable[[Item], float]) -> float:
        return sum(of(item) * item.size for item in alike) / amount

    ids = tuple(item.id for item in sorted(alike, key=lambda item: (-item.value, item.id)))
    return WorkClass(
        label=first.label if all(item.label == first.label for item in alike) else "several projects",
        accounts=first.accounts,
        needs=_mean_needs(alike, amount),
        value=mean(lambda item: item.value),
        late=mean(lambda item: item.late),
        due=first.due,
        ready=first.ready,
        amount=amount,
        count=float(len(alike)),
        ids=ids,
    )


def _mean_needs(alike: list[Item], amount: float) -> tuple[Need, ...]:
    first = alike[0].needs
    if all(item.needs is first for item in alike):
        return first
    weights = [item.size / amount for item in alike]
    means = []
    for n, need in enumerate(first):
        of_tier = [(item.needs[n], weight) for item, weight in zip(alike, weights, strict=True)]
        means.append(
            Need(
                need.tier,
                sum(each.work * weight for each, weight in of_tier),
                sum(each.hours * weight for each, weight in of_tier),
                sum(each.chance * weight for each, weight in of_tier),
                need.aside,
            )
        )
    return tuple(means)


def _expected(fleet: Fleet, periods: Periods, allowed: Allowed, needs: Needs) -> list[WorkClass]:
    found = []
    for arrival, count_per_hour in _arrivals(fleet):
        per_size = needs.of_kind(arrival.project, arrival.kind, arrival.tiers)
        accounts = allowed.freely(allowed.of_project(arrival.project), tuple(n.tier for n in per_size))
        if not accounts or not per_size:
            continue
        per_hour = count_per_hour * arrival.size
        found.append(
            WorkClass(
                label=f"{arrival.project} {arrival.kind}, expected",
                accounts=accounts,
                needs=per_size,
                value=arrival.value,
                late=arrival.value,
                due=None,
                ready=0,
                amount=per_hour * periods.horizon,
                count=count_per_hour * periods.horizon,
                arrives=tuple(per_hour * edge for edge in periods.edges[1:]),
            )
        )
    return found


def _arrivals(fleet: Fleet) -> list[tuple[Demand, float]]:
    """The kinds of work that are expected, and how many tasks of each in an hour: as many as came until now."""
    found = [
        (kind, per_hour) for kind, per_hour in demand.forecast(fleet) if per_hour > 0.0 and kind.size > 0.0
    ]
    by_value = sorted(found, key=lambda pair: (-pair[0].value * pair[0].size * pair[1], pair[0].key))
    return by_value[:ARRIVALS_MAX]
