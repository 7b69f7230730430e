"""The clairvoyant bound: no policy completes more value than this, not even one that knows everything beforehand.

It is the optimum of a linear programme in which every simplification relaxes:

- work may be divided at will, over accounts, periods and the tiers that succeed; failed attempts are never made;
- work in a period counts as in time when the period begins before the deadline, and may begin as soon as a period ends
  after the arrival; but nothing is in time that could not be if it ran alone from its arrival on, after its parents;
- a child is done at most in the part that each parent is;
- work in a period may use any window that the period overlaps. Of windows that begin on first use, no more are used up
  to any time than can have begun by then, and no more in a row of 1, 2, 4 … periods than that time can overlap and all
  places of the account use in it;
- a work unit of a tier takes the fewest hours of a worker that it takes in any job.

Divided as in `programme`: what is done and who serves it meet only in balances, and jobs with the same first and last
period share those.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Mapping
from dataclasses import dataclass
from graphlib import TopologicalSorter
from itertools import pairwise
from math import inf
from time import perf_counter

from fleet.planning.sheet import Sheet

PERIODS = 24
DAY_H = 24.0


@dataclass(frozen=True, slots=True)
class Option:
    """A tier that succeeds on the job: what it takes in work units and hours of one worker. Without accounts named, on
    every account that has the tier."""

    tier: str
    work: float
    hours: float
    accounts: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Job:
    """`value` when completed by the deadline, `late_value` when completed after it within the horizon. Hours are since
    the scenario's start. `after` are names of jobs that have to be completed before it begins."""

    name: str
    arrival_h: float
    value: float
    options: tuple[Option, ...]
    deadline_h: float | None = None
    late_value: float = 0.0
    after: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Meter:
    """A bucket. `weights`: what one work unit of a tier draws of `capacity`; tiers not named don't draw on it.

    With `fixed` its windows follow each other on the clock, the first ending at `first_reset_h`; else one begins with
    the first use after the last, and `first_reset_h` is when the one that runs at the start ends, None when none does.
    `used` of the capacity are gone at the start.
    """

    name: str
    length_h: float
    capacity: float
    weights: Mapping[str, float]
    fixed: bool = False
    first_reset_h: float | None = None
    used: float = 0.0


@dataclass(frozen=True, slots=True)
class Source:
    """An account: how many workers at once, and the names of the meters it draws on, which others may share."""

    name: str
    tiers: tuple[str, ...]
    concurrency: int
    meters: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Drawn:
    """What a person uses, and what is therefore not there for jobs. Leave it out to bound policies that may turn
    persons away."""

    meter: str
    at_h: float
    amount: float


@dataclass(frozen=True, slots=True)
class Known:
    """Everything that happens. `workers`: places for workers on all hosts, None without a limit. A job draws in `parts`
    equal parts, each when it is done."""

    jobs: tuple[Job, ...]
    sources: tuple[Source, ...]
    meters: tuple[Meter, ...]
    horizon_h: float
    workers: int | None = None
    drawn: tuple[Drawn, ...] = ()
    parts: int = 1


@dataclass(frozen=True, slots=True)
class Bound:
    value: float
    solve_s: float
    columns: int
    rows: int


def bound(known: Known, *, periods: int = PERIODS, time_limit_s: float = 120.0) -> Bound:
    """More periods make it tighter and slower. Raises NoPlan when the solver is missing or takes longer."""
    began = perf_counter()
    relaxation = Relaxation(known, periods)
    solved = relaxation.sheet.solve(time_limit_s)
    sheet = relaxation.sheet
    return Bound(solved.value * relaxation.scale, perf_counter() - began, sheet.column_count, sheet.row_count)


Group = tuple[str, ...]
Span = tuple[Group, str, int, int]
"""Accounts, tier, first and last period: what jobs agree in to share a balance."""


class Relaxation:
    """The sheet of the bound. Work is counted in `unit` work units, value in `scale`."""

    def __init__(self, known: Known, periods: int) -> None:
        self.known = known
        self.edges = _edges(known, periods)
        self.count = len(self.edges) - 1
        self.sheet = Sheet()
        options = [option for job in known.jobs for option in job.options]
        works = sorted(option.work for option in options if option.work > 0.0)
        values = sorted(job.value for job in known.jobs if job.value > 0.0)
        self.unit = works[len(works) // 2] if works else 1.0
        self.scale = values[len(values) // 2] if values else 1.0
        self.pace = _fewest_hours(options)
        self.sources = {source.name: source for source in known.sources}
        self.having = {
            tier: tuple(s.name for s in known.sources if tier in s.tiers)
            for tier in sorted({option.tier for option in options})
        }
        self.spans: dict[Span, int] = {}
        self._complete()
        self._spread()

    def _complete(self) -> None:
        """Columns of how much of each job is done, with which option, in time or late."""
        begins = _earliest(self.known)
        done: dict[str, list[int]] = {}
        for job in self.known.jobs:
            row = self.sheet.rows([1.0])
            columns = done[job.name] = []
            for option in job.options:
                for worth, until in self._chances(job, option, begins[job.name]):
                    column = self.sheet.columns([worth / self.scale])
                    self.sheet.run(row, column, 1, 1.0)
                    span = self._span(option, begins[job.name], until)
                    self.sheet.run(span, column, 1, option.work / self.unit)
                    columns.append(column)
        for job in self.known.jobs:
            for parent in job.after:
                row = self.sheet.rows([0.0])
                for column in done[job.name]:
                    self.sheet.run(row, column, 1, 1.0)
                for column in done[parent]:
                    self.sheet.run(row, column, 1, -1.0)

    def _chances(self, job: Job, option: Option, begins: float) -> list[tuple[float, float]]:
        """What the job is worth with the option, and until when: in time, and late."""
        horizon, deadline = self.known.horizon_h, job.deadline_h
        ends = begins + option.hours
        if ends > horizon or not (option.accounts or self.having[option.tier]):
            return []
        if deadline is None or deadline >= horizon:
            return [(job.value, horizon)]
        late = [(job.late_value, horizon)] if job.late_value > 0.0 else []
        return [(job.value, deadline), *late] if ends <= deadline else late

    def _span(self, option: Option, begins: float, until: float) -> int:
        """The row by which the option's work is served between these times."""
        group = tuple(sorted(option.accounts)) or self.having[option.tier]
        first = min(bisect_right(self.edges, begins) - 1, self.count - 1)
        last = max(bisect_left(self.edges, until) - 1, first)
        span = (group, option.tier, first, last)
        if span not in self.spans:
            self.spans[span] = self.sheet.rows([0.0])
        return self.spans[span]

    def _spread(self) -> None:
        """Columns of each span's work in each of its periods, and of each account's; what limits the accounts."""
        balances: dict[tuple[Group, str], int] = {}
        for (group, tier, first, last), row in self.spans.items():
            if (group, tier) not in balances:
                balances[group, tier] = self.sheet.rows([0.0] * self.count)
            length = last - first + 1
            column = self.sheet.columns([0.0] * length)
            self.sheet.run(row, column, length, -1.0, row_step=0)
            self.sheet.run(balances[group, tier] + first, column, length, 1.0)
        lengths = [ends - begins for begins, ends in pairwise(self.edges)]
        places = {
            s.name: self.sheet.rows([s.concurrency * hours for hours in lengths]) for s in self.known.sources
        }
        workers = self.known.workers
        hosts = None if workers is None else self.sheet.rows([workers * hours for hours in lengths])
        meters = {meter.name: (meter, self._meter(meter)) for meter in self.known.meters}
        for (group, tier), row in balances.items():
            for name in group:
                source = self.sources[name]
                if tier not in source.tiers:
                    continue
                column = self.sheet.columns([0.0] * self.count)
                self.sheet.run(row, column, self.count, -1.0)
                for limit in (places[name], hosts):
                    if limit is not None:
                        self.sheet.run(limit, column, self.count, self.pace[tier] * self.unit)
                for meter, share_row in (meters[of] for of in source.meters):
                    drawn = meter.weights.get(tier, 0.0) * self.unit / meter.capacity
                    self.sheet.run(share_row, column, self.count, drawn)

    def _meter(self, meter: Meter) -> int:
        """Rows in which use is entered, one for each period, in shares of the capacity."""
        drawn = sorted(
            (each.at_h, each.amount / meter.capacity) for each in self.known.drawn if each.meter == meter.name
        )
        if meter.fixed:
            return self._on_the_clock(meter, drawn)
        return self._on_first_use(meter, drawn)

    def _on_the_clock(self, meter: Meter, drawn: list[tuple[float, float]]) -> int:
        share_row = self.sheet.rows([0.0] * self.count)
        merged: dict[tuple[int, int], float] = {}
        begins = 0.0
        ends = meter.length_h if meter.first_reset_h is None else meter.first_reset_h
        left = 1.0 - meter.used / meter.capacity
        while begins < self.known.horizon_h:
            first = min(bisect_right(self.edges, begins) - 1, self.count - 1)
            last = max(bisect_left(self.edges, min(ends, self.known.horizon_h)) - 1, first)
            taken = sum(amount for at, amount in drawn if begins <= at < ends)
            merged[first, last] = merged.get((first, last), 0.0) + max(left - taken, 0.0)
            begins, ends, left = ends, ends + meter.length_h, 1.0
        for (first, last), capacity in merged.items():
            row = self.sheet.rows([capacity])
            length = last - first + 1
            column = self.sheet.columns([0.0] * length)
            self.sheet.run(row, column, length, 1.0, row_step=0)
            self.sheet.run(share_row + first, column, length, -1.0)
        return share_row

    def _on_first_use(self, meter: Meter, drawn: list[tuple[float, float]]) -> int:
        """Sums up what is used by the end of each period: the sum before goes into each period's row."""
        share_row = self.sheet.rows([0.0] * self.count)
        fastest = self._fastest(meter)
        first, by_then = self.sheet.column_count, []
        for n, ends in enumerate(self.edges[1:]):
            taken = sum(amount for at, amount in drawn if at < ends)
            by_then.append(max(_begun_by(meter, ends, fastest) - taken, 0.0))
            total = self.sheet.columns([0.0], by_then[n])
            self.sheet.run(share_row + n, total, 1, -1.0)
            if n + 1 < self.count:
                self.sheet.run(share_row + n + 1, total, 1, 1.0)
        length = 1
        while length < self.count:
            for n in range(1, self.count - length + 1):
                last = n + length - 1
                begins, ends = self.edges[n], self.edges[last + 1]
                within = _overlapping(meter, ends - begins, fastest)
                if within < by_then[last]:
                    taken = sum(amount for at, amount in drawn if begins <= at < ends)
                    row = self.sheet.rows([max(within - taken, 0.0)])
                    self.sheet.run(row, first + last, 1, 1.0)
                    self.sheet.run(row, first + n - 1, 1, -1.0)
            length *= 2
        return share_row

    def _fastest(self, meter: Meter) -> Fastest:
        places = sum(source.concurrency for source in self.known.sources if meter.name in source.meters)
        paces = [
            weight / self.pace[tier] if self.pace[tier] > 0.0 else inf
            for tier, weight in meter.weights.items()
            if tier in self.pace
        ]
        parts = [
            option.work * meter.weights[option.tier] / self.known.parts
            for job in self.known.jobs
            for option in job.options
            if option.tier in meter.weights
        ]
        mine = [each for each in self.known.drawn if each.meter == meter.name]
        persons = max((_within_an_hour(mine, each.at_h) for each in mine), default=0.0)
        return Fastest(
            (places * max(paces, default=0.0) + persons) / meter.capacity,
            (places * max(parts, default=0.0) + persons) / meter.capacity,
        )


@dataclass(frozen=True, slots=True)
class Fastest:
    """The most of a meter that the places of the accounts that draw on it, and persons besides, use: in an hour, and at
    once, because the parts of a job are drawn when they are done."""

    an_hour: float
    at_once: float

    def within(self, hours: float) -> float:
        return self.an_hour * hours + self.at_once if hours > 0.0 else 0.0


def _within_an_hour(drawn: list[Drawn], begins: float) -> float:
    return sum(each.amount for each in drawn if begins <= each.at_h < begins + 1.0)


def _edges(known: Known, periods: int) -> list[float]:
    """Periods of one length, divided where a long window on the clock ends: either side's use is told apart."""
    even = {known.horizon_h * n / periods for n in range(periods + 1)}
    for meter in known.meters:
        if meter.fixed and meter.length_h >= DAY_H:
            ends = meter.length_h if meter.first_reset_h is None else meter.first_reset_h
            while ends < known.horizon_h:
                even.add(ends)
                ends += meter.length_h
    return sorted(even)


def _begun_by(meter: Meter, hours: float, fastest: Fastest) -> float:
    """How many windows' worth can have been used by then, when one begins as soon as the last has ended. The last one
    only as far as the places use it in the time it has run."""
    left, running = 1.0 - meter.used / meter.capacity, meter.first_reset_h
    if running is None:
        left, running = left - 1.0, 0.0
    if hours <= running:
        return left
    whole, rest = divmod(hours - running, meter.length_h)
    return left + whole + min(1.0, fastest.within(rest))


def _overlapping(meter: Meter, hours: float, fastest: Fastest) -> float:
    """How many windows' worth can be used at most in so many hours, wherever windows begin.

    Between the first and the last that the period overlaps there are whole ones, one after the other. Either those are
    as many as fit, q: then the first and the last overlap it by the rest of the time together, and no more of them is
    used than the places use in that time. Or they are q − 1, and with the first and the last q + 1.
    """
    whole, rest = divmod(hours, meter.length_h)
    return whole + max(1.0, min(2.0, fastest.within(rest)))


def _fewest_hours(options: list[Option]) -> dict[str, float]:
    pace: dict[str, float] = {}
    for option in options:
        if option.work > 0.0:
            pace[option.tier] = min(pace.get(option.tier, inf), option.hours / option.work)
    return {option.tier: pace.get(option.tier, 0.0) for option in options}


def _earliest(known: Known) -> dict[str, float]:
    """When each job can begin at the earliest: after its arrival and its parents, each with its quickest option."""
    jobs = {job.name: job for job in known.jobs}
    begins: dict[str, float] = {}
    ends: dict[str, float] = {}
    for name in TopologicalSorter({job.name: job.after for job in known.jobs}).static_order():
        job = jobs[name]
        begins[name] = max([job.arrival_h, *(ends[parent] for parent in job.after)])
        ends[name] = begins[name] + min((option.hours for option in job.options), default=inf)
    return begins
