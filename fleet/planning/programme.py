"""The planning problem as a linear programme.

    maximise  Σ value(class, tier, period) · y(class, tier, period)

    supply    Σ y  ≤  amount                                     for each class (of expected work: for each period)
    balance   Σ work · y  =  Σ z over the group's accounts       for each group of accounts, tier and period
    share     Σ rate · z  =  Σ s over the windows in the period  for each bucket and period
    window    Σ s  ≤  capacity                                   for each window of each bucket
    slots     Σ hours per work unit · z  ≤  places · hours       for each account and period
    hosts     Σ hours · y  ≤  places · hours                     for each period

y is how much of a class begins with a tier in a period, z how many work units an account serves a group's classes with
a tier in a period, s the share of a window used in a period. What is done and who serves it meet only in the balance,
so there are classes × tiers × periods + accounts × tiers × periods columns instead of their product. Nothing is lost
by that: to a bucket a work unit of a tier is the same whatever class it is of. (An account's places are counted with
the mean hours per work unit of the tier; the hosts' with each class's own.)

A tier that fails isn't cheap: work begun with tier k goes on with the next stronger one with probability 1 − chance(k).
What a tier has failed at is harder than other work: a stronger one does it with probability (p' − p) / (1 − p), so that
in the end the chance is that of the best tier tried. So y of tier k takes work(k) + (1 − chance(k)) · work(k + 1) + …,
each on its own tier, and is worth value · the best of their chances. Work that bills by the token costs its bill.
"""

from __future__ import annotations

from dataclasses import dataclass

from fleet.core.capacity import costs, headroom, rates, running
from fleet.core.dispatch.price import DOLLAR, DOLLARS_PER_WORK
from fleet.core.model import Account, Fleet, bucket_key
from fleet.planning.classes import WorkClass
from fleet.planning.needs import Need
from fleet.planning.periods import HOUR_MS, Periods
from fleet.planning.sheet import Sheet
from fleet.planning.windows import Window, windows_of

Group = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Begun:
    """The columns from `column` on are y of class number `of` for `tier`, one for each period from `ready` on.
    `chance`: that it ends well, with stronger tiers after it, too; `work`: what `tier` itself takes of it; `aside` as
    in `Need`."""

    of: int
    tier: str
    column: int
    ready: int
    chance: float
    work: float
    aside: float


@dataclass(frozen=True, slots=True)
class Served:
    """The columns from `column` on are z of `account` for a group and tier, one for each period."""

    group: Group
    tier: str
    account: str
    column: int


@dataclass(frozen=True, slots=True)
class Metered:
    """A bucket: its windows in order, their rows from `row` on, the rows of its share in each period from `share_row`
    on, and the columns of s from `column` on: of each window, for each of its periods."""

    key: str
    windows: list[Window]
    row: int
    share_row: int
    column: int


@dataclass(frozen=True, slots=True)
class Path:
    """What beginning with a tier takes in the end, per unit of size: (tier, work) of it and of the stronger ones it may
    have to go on with, hours in all, and the chance that it ends well."""

    works: tuple[tuple[str, float], ...]
    hours: float
    chance: float


class Programme:
    """The sheet, and where things stand on it. Work on it is counted in `unit` work units, value in `scale`."""

    def __init__(self, fleet: Fleet, periods: Periods, classes: list[WorkClass]) -> None:
        self.fleet, self.periods, self.classes = fleet, periods, classes
        self.sheet = Sheet()
        self.accounts = [a for _, a in sorted(fleet.accounts.items()) if a.is_open and a.spends != "never"]
        self.unit, self.scale = _typical_work(classes), _typical_value(classes)
        self._discounts = periods.discounts(fleet.policy.strategy.haste)
        self.pace = _paces(classes)
        self.rates: dict[tuple[str, str], float] = {}
        self._pools = headroom.Pools(fleet)
        self._estimates: dict[str, rates.Estimates] = {}
        self.begun: list[Begun] = []
        self.served: list[Served] = []
        self.slot_rows: dict[str, int] = {}
        self.host_row: int | None = None
        self.metered = self._meter()
        self._limit_places()
        self._serve()
        self._begin()

    def _meter(self) -> dict[str, Metered]:
        committed = running.committed(self.fleet)
        pools = {account.pool for account in self.accounts}
        found = {}
        for key, bucket in sorted(self.fleet.buckets.items()):
            if bucket.pool not in pools:
                continue
            windows = windows_of(self.fleet, bucket, committed, key, self.periods)
            row = self.sheet.rows([window.capacity for window in windows])
            share_row = self.sheet.balances(self.periods.count)
            first = self.sheet.column_count
            for n, window in enumerate(windows):
                length = len(window.periods)
                column = self.sheet.columns([0.0] * length)
                self.sheet.run(row + n, column, length, 1.0, row_step=0)
                self.sheet.run(share_row + window.periods.start, column, length, -1.0)
            found[key] = Metered(key, windows, row, share_row, first)
        return found

    def _limit_places(self) -> None:
        """Rows of workers' hours, less what running work still takes."""
        fleet, periods = self.fleet, self.periods
        busy: dict[str, list[float]] = {}
        all_busy: list[float] = []
        of_work = costs.Costs(fleet)
        for _, attempt in sorted(fleet.attempts.items()):
            hours = of_work.remaining(fleet.tasks[attempt.task], attempt.tier).ms / HOUR_MS
            busy.setdefault(attempt.account, []).append(hours)
            all_busy.append(hours)
        for account in self.accounts:
            free = _free_hours(account.concurrency, busy.get(account.name, []), periods)
            self.slot_rows[account.name] = self.sheet.rows(free)
        places = sum(host.workers_max for host in fleet.hosts.values() if host.takes_work)
        if places:
            self.host_row = self.sheet.rows(_free_hours(places, all_busy, periods))

    def _serve(self) -> None:
        self.balance: dict[tuple[Group, str], int] = {}
        count = self.periods.count
        for group in dict.fromkeys(c.accounts for c in self.classes):
            used = {need.tier for c in self.classes if c.accounts == group for need in c.needs}
            members = [self.fleet.accounts[name] for name in group]
            for tier in sorted(used):
                able = [account for account in members if account.model_of(tier) is not None]
                if not able:
                    continue
                row = self.balance[group, tier] = self.sheet.balances(count)
                for account in able:
                    bill = self.bill(account, tier) * self.unit / self.scale
                    column = self.sheet.columns([-bill] * count)
                    self.sheet.run(row, column, count, -1.0)
                    self.sheet.run(self.slot_rows[account.name], column, count, self.pace[tier] * self.unit)
                    for key in self.drawn_on(account, tier):
                        share = self.rates[key, tier] * self.unit
                        self.sheet.run(self.metered[key].share_row, column, count, share)
                    self.served.append(Served(group, tier, account.name, column))

    def bill(self, account: Account, tier: str) -> float:
        """What a work unit costs in money."""
        if account.kind != "api-key":
            return 0.0
        return self.fleet.policy.weight_of(tier) * DOLLARS_PER_WORK * DOLLAR

    def drawn_on(self, account: Account, tier: str) -> list[str]:
        """Keys of the buckets that the tier draws on; their rates are known from then on."""
        keys = []
        for bucket in self._pools.drawn_on(account.pool, tier):
            key = bucket_key(bucket.pool, bucket.name)
            if (key, tier) not in self.rates:
                self.rates[key, tier] = self._estimates_of(bucket.name).of(bucket.pool, tier)
            keys.append(key)
        return keys

    def _estimates_of(self, bucket: str) -> rates.Estimates:
        if bucket not in self._estimates:
            self._estimates[bucket] = rates.Estimates(self.fleet.rates, self.fleet.policy, bucket)
        return self._estimates[bucket]

    def _begin(self) -> None:
        self.supply_rows: list[int] = []
        for number, work in enumerate(self.classes):
            self.supply_rows.append(self.sheet.rows(work.arrives or (work.amount,)))
            usable = [need for need in work.needs if (work.accounts, need.tier) in self.balance]
            for need, path in zip(usable, paths(usable), strict=True):
                column = self.sheet.columns(self._values(work, path.chance - need.aside))
                self.begun.append(
                    Begun(number, need.tier, column, work.ready, path.chance, need.work, need.aside)
                )
                self._take(work, path, column, number)

    def _values(self, work: WorkClass, chance: float) -> list[float]:
        """What a unit of size of the class is worth in each period from its first one on."""
        discounts, wanted = self._discounts, max(chance, 0.0) / self.scale
        return [
            (work.value if work.due is None or n <= work.due else work.late) * discounts[n] * wanted
            for n in range(work.ready, self.periods.count)
        ]

    def revalue(self, classes: list[WorkClass]) -> None:
        """The same classes with other values."""
        self.classes = classes
        for begun in self.begun:
            values = self._values(classes[begun.of], begun.chance - begun.aside)
            self.sheet.revalue(begun.column, values)

    def _take(self, work: WorkClass, path: Path, column: int, number: int) -> None:
        length = self.periods.count - work.ready
        for tier, amount in path.works:
            row = self.balance[work.accounts, tier] + work.ready
            self.sheet.run(row, column, length, amount / self.unit)
        if self.host_row is not None:
            self.sheet.run(self.host_row + work.ready, column, length, path.hours)
        if not work.arrives:
            self.sheet.run(self.supply_rows[number], column, length, 1.0, row_step=0)
            return
        for n in range(length):  # what has begun by a period has arrived by then
            self.sheet.run(self.supply_rows[number] + n, column, n + 1, 1.0, row_step=0)


def paths(needs: list[Need]) -> list[Path]:
    """For each need, in the order of capability, what beginning with it takes in the end."""
    found: list[Path] = []
    for first in range(len(needs)):
        works, hours, chance = [], 0.0, 0.0
        for need in needs[first:]:
            works.append((need.tier, (1.0 - chance) * need.work))
            hours += (1.0 - chance) * need.hours
            chance = max(chance, need.chance)
        found.append(Path(tuple(works), hours, chance))
    return found


def _free_hours(places: int, busy: list[float], periods: Periods) -> list[float]:
    edges = zip(periods.edges, periods.edges[1:], strict=False)
    return [
        max(places * (b - a) - sum(min(max(hours - a, 0.0), b - a) for hours in busy), 0.0) for a, b in edges
    ]


def _paces(classes: list[WorkClass]) -> dict[str, float]:
    """Hours per work unit with each tier, on the mean over everything that could be done with it."""
    hours: dict[str, float] = {}
    works: dict[str, float] = {}
    for work in classes:
        for need in work.needs:
            hours[need.tier] = hours.get(need.tier, 0.0) + need.hours * work.amount
            works[need.tier] = works.get(need.tier, 0.0) + need.work * work.amount
    return {tier: hours[tier] / works[tier] if works[tier] > 0.0 else 0.0 for tier in hours}


def _typical_work(classes: list[WorkClass]) -> float:
    """Keeps coefficients near 1."""
    every = sorted(need.work for work in classes for need in work.needs if need.work > 0.0)
    return every[len(every) // 2] if every else 1.0


def _typical_value(classes: list[WorkClass]) -> float:
    every = sorted(work.value for work in classes if work.value > 0.0)
    return every[len(every) // 2] if every else 1.0
