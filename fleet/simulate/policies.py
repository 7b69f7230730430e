"""Rules of other programs, for comparison, as they document themselves. Each is a rule of dispatch like our own.

None of them chooses a tier: a task is routed to the least capable tier it may use, and to the next after that failed.
All of them know what is possible at all: closed buckets, warm sessions, full accounts (`fleet.core.dispatch.feasible`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from fleet.core.capacity import headroom
from fleet.core.dispatch import Chooser, Placement
from fleet.core.dispatch.feasible import any_account_gives, backs_off_until, held_back, refusal
from fleet.core.dispatch.slots import Slots
from fleet.core.model import Account, Bucket, Fleet, Task
from fleet.core.rules.placing import Choose
from fleet.spoken.spans import DAY_MS, HOUR_MS, WEEK_MS

SWITCH_AT = 0.9
DAY_SHARE, DAY_RESERVE = 0.75, 0.05
DAY_BEGINS_MS, NIGHT_BEGINS_MS = 8 * HOUR_MS, 20 * HOUR_MS
DAY_STOP, NIGHT_STOP = 0.2, 0.8

Rank = Callable[[Fleet, Slots, Task, str], "list[Account]"]
"""Accounts a task may be placed on with that tier, the best first; those left out are not used now."""


def routed(fleet: Fleet, task: Task) -> str:
    """The least capable tier allowed, above the one that has failed the task."""
    order = fleet.policy.order_of
    tiers = sorted(task.spec.tiers, key=order)
    stronger = [t for t in tiers if task.tier_failed is None or order(t) > order(task.tier_failed)]
    return stronger[0] if stronger else tiers[-1]


def _in_turn(fleet: Fleet, rank: Rank) -> Iterator[Placement]:
    """The queue in its order, each task on the first account of its ranking that takes it."""
    slots = Slots(fleet)
    hopeless: set[tuple[str, str | None]] = set()
    routes: dict[tuple[tuple[str, ...], str | None], str] = {}
    if slots.hosts_are_full() or not any_account_gives(fleet, slots):
        return
    for task in _queued(fleet):
        route = (task.spec.tiers, task.tier_failed)
        tier = routes.get(route) or routes.setdefault(route, routed(fleet, task))
        line = (tier, task.session_account if task.session_id else None)
        if line in hopeless or held_back(fleet, task) or backs_off_until(fleet, task) is not None:
            continue
        ranked = rank(fleet, slots, task, tier)
        account = next((a for a in ranked if refusal(fleet, slots, task, a, tier) is None), None)
        if account is None:
            hopeless.add(line)
            continue
        host = slots.host_for(task, account)
        if host is None:
            continue
        slots.take(task, account.name, host.name)
        yield Placement(task.id, account.name, tier, host.name)
        if slots.hosts_are_full():
            return


def _queued(fleet: Fleet) -> list[Task]:
    """By priority (the worth that was given), then first come."""
    tasks = [task for task in fleet.tasks.values() if task.queues]
    return sorted(tasks, key=lambda task: (-task.spec.worth, task.number))


def _used(bucket: Bucket | None, fleet: Fleet) -> float:
    """What is not known counts as unused: these programs start each window from nothing."""
    known = None if bucket is None else headroom.utilization_now(bucket, fleet.now_ms, fleet.settings)
    return 0.0 if known is None else known


def _fullest(fleet: Fleet, account: Account, tier: str) -> float:
    return max((_used(b, fleet) for b in headroom.drawn_on(fleet, account, tier)), default=0.0)


def _week(fleet: Fleet, account: Account) -> Bucket | None:
    """The account-wide window that is the longest."""
    wide = [b for b in fleet.buckets.values() if b.pool == account.pool and b.scope is None]
    return max(wide, key=lambda b: (b.length_ms or 0, b.name), default=None)


def _ready(fleet: Fleet) -> list[Account]:
    return [account for _, account in sorted(fleet.accounts.items()) if account.is_open]


def _last_use(fleet: Fleet, account: Account) -> int:
    begun = [a.started_ms for a in fleet.attempts.values() if a.account == account.name]
    return max(begun, default=account.answered_ms or 0)


def fifo(fleet: Fleet) -> Iterator[Placement]:
    """First in, first out on one account, the first by name: a plain queue runner on one login. Its tasks have no
    priorities."""
    slots = Slots(fleet)
    account = fleet.accounts[min(fleet.accounts)]
    if slots.account_is_full(account):
        return
    for task in sorted(_queued(fleet), key=lambda task: task.number):
        host = slots.host_for(task, account)
        tier = routed(fleet, task)
        if host is None or held_back(fleet, task) or backs_off_until(fleet, task) is not None:
            continue
        if refusal(fleet, slots, task, account, tier) is None:
            slots.take(task, account.name, host.name)
            yield Placement(task.id, account.name, tier, host.name)


def threshold(fleet: Fleet) -> Iterator[Placement]:
    """Stay on one account until a bucket of it is at 90 %, then switch to the one with the most headroom, as
    claude-swap and ccs do by default."""

    def rank(fleet: Fleet, slots: Slots, task: Task, tier: str) -> list[Account]:
        ready = _ready(fleet)
        now = min(ready, key=lambda a: (-_last_use(fleet, a), a.name), default=None)
        if now is not None and _fullest(fleet, now, tier) < SWITCH_AT:
            return [now]
        return sorted(ready, key=lambda a: (_fullest(fleet, a, tier), a.name))[:1]

    return _in_turn(fleet, rank)


def soonest_reset(fleet: Fleet) -> Iterator[Placement]:
    """The account whose week resets soonest first, so that least of it expires: what rotation tools with a
    “use it or lose it” order do."""

    def rank(fleet: Fleet, slots: Slots, task: Task, tier: str) -> list[Account]:
        def resets(account: Account) -> tuple[int, str]:
            week = _week(fleet, account)
            return (week.resets_ms if week and week.resets_ms else fleet.now_ms + WEEK_MS, account.name)

        return sorted(_ready(fleet), key=resets)

    return _in_turn(fleet, rank)


def least_recent(fleet: Fleet) -> Iterator[Placement]:
    """Least recently used first: the rotation of round-robin proxies."""

    def rank(fleet: Fleet, slots: Slots, task: Task, tier: str) -> list[Account]:
        taken = {a.name: slots.workers_on(a) for a in _ready(fleet)}
        return sorted(_ready(fleet), key=lambda a: (taken[a.name], _last_use(fleet, a), a.name))

    return _in_turn(fleet, rank)


def day_night(fleet: Fleet) -> Iterator[Placement]:
    """Fixed thresholds: an account takes work until its fullest bucket is at 20 % by day (8 to 20 o'clock), at 80 % by
    night, as sleepless-agent does."""
    hour_ms = fleet.now_ms % DAY_MS
    stop = DAY_STOP if DAY_BEGINS_MS <= hour_ms < NIGHT_BEGINS_MS else NIGHT_STOP

    def rank(fleet: Fleet, slots: Slots, task: Task, tier: str) -> list[Account]:
        return [account for account in _ready(fleet) if _fullest(fleet, account, tier) < stop]

    return _in_turn(fleet, rank)


class DailyShare:
    """A daily share of the week: each day an account may use what is left of the week over the days until its reset
    (the week ÷ 7 × what is left, at a week's beginning), × 75 %, minus a reserve of 5 % of it, as nightshift budgets.

    Remembers how full each week was when the day began.
    """

    def __init__(self) -> None:
        self._day = -1
        self._at_dawn: dict[str, float] = {}

    def __call__(self, fleet: Fleet) -> Iterator[Placement]:
        self._wake(fleet)

        def rank(fleet: Fleet, slots: Slots, task: Task, tier: str) -> list[Account]:
            return [account for account in _ready(fleet) if self._left_today(fleet, account) > 0.0]

        return _in_turn(fleet, rank)

    def _wake(self, fleet: Fleet) -> None:
        today = fleet.now_ms // DAY_MS
        weeks = {a.name: _used(_week(fleet, a), fleet) for a in _ready(fleet)}
        if today != self._day:
            self._day, self._at_dawn = today, weeks
        for name, used in weeks.items():  # a week that was reset during the day begins anew
            self._at_dawn[name] = min(self._at_dawn.get(name, used), used)

    def _left_today(self, fleet: Fleet, account: Account) -> float:
        week = _week(fleet, account)
        dawn = self._at_dawn[account.name]
        dawn_ms = fleet.now_ms // DAY_MS * DAY_MS
        resets_ms = week.resets_ms if week and week.resets_ms else dawn_ms + WEEK_MS
        days = max(1.0, (resets_ms - dawn_ms) / DAY_MS)
        share = (1.0 - dawn) / days * DAY_SHARE * (1.0 - DAY_RESERVE)
        return dawn + share - _used(week, fleet)


POLICIES: dict[str, Callable[[], Choose]] = {
    "fleet": Chooser,
    "fifo": lambda: fifo,
    "threshold": lambda: threshold,
    "soonest-reset": lambda: soonest_reset,
    "daily-share": DailyShare,
    "day-night": lambda: day_night,
    "least-recent": lambda: least_recent,
}
"""By name, each made anew for a run: some remember."""
