"""From a fleet to its prices and its plan."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from time import perf_counter

from fleet.core.model import Account, Fleet
from fleet.core.model.prices import Prices
from fleet.planning.answer import Answer, Planned
from fleet.planning.classes import classes_of, with_unlocks
from fleet.planning.periods import HOUR_MS, Periods
from fleet.planning.programme import Begun, Programme
from fleet.planning.sheet import Solved
from fleet.planning.unlocks import unlocks_of

NOTHING = 1e-7
"""Less of a class, or of a typical task's work, is rounding."""

DRIFT = 0.1
"""By so much has what tasks unlock to have changed in all, for the programme to be solved a second time with it."""


def plan(fleet: Fleet, *, time_limit_s: float = 2.0, until_ms: int | None = None) -> Prices:
    """The prices only. Raises NoPlan."""
    began = perf_counter()
    _, _, prices = _settled(fleet, time_limit_s, until_ms, None)
    return replace(prices, solve_ms=(perf_counter() - began) * 1_000)


def solve(
    fleet: Fleet,
    *,
    time_limit_s: float = 2.0,
    until_ms: int | None = None,
    periods: Periods | None = None,
) -> Answer:
    """Plans for the given periods, else for a week; with `until_ms` for no longer than until then, as if nothing after
    it were of any worth. Raises NoPlan when the solver is missing, fails or takes longer than the limit."""
    began = perf_counter()
    programme, solved, prices = _settled(fleet, time_limit_s, until_ms, periods)
    return Answer(
        prices=replace(prices, solve_ms=(perf_counter() - began) * 1_000),
        planned=tuple(_planned(programme, solved)),
        unused=_unused(programme, solved),
        value=solved.value * programme.scale,
        columns=programme.sheet.column_count,
        rows=programme.sheet.row_count,
        classes=len(programme.classes),
    )


def _settled(
    fleet: Fleet, time_limit_s: float, until_ms: int | None, periods: Periods | None
) -> tuple[Programme, Solved, Prices]:
    """Solved, and once more if what tasks unlock turned out to be far from what they were taken to."""
    periods = periods or Periods.of(fleet, until_ms)
    programme = Programme(fleet, periods, classes_of(fleet, periods))
    solved, prices = _solved(programme, time_limit_s)
    unlocks = prices.unlocks
    if not _differs(fleet, unlocks):
        return programme, solved, prices
    if fleet.prices is None:  # nothing was known of what they unlock, so the classes were drawn without it
        knowing = _unlocking(fleet, unlocks)
        programme = Programme(knowing, periods, classes_of(knowing, periods))
    else:
        programme.revalue(with_unlocks(programme.classes, fleet, unlocks))
    return programme, *_solved(programme, time_limit_s)


def _unlocking(fleet: Fleet, unlocks: Mapping[str, float]) -> Fleet:
    tasks = {
        name: replace(task, unlocks=unlocks.get(name, 0.0)) if task.unlocks or name in unlocks else task
        for name, task in fleet.tasks.items()
    }
    return replace(fleet, tasks=tasks)


def _differs(fleet: Fleet, unlocks: Mapping[str, float]) -> bool:
    """Whether what tasks unlock is far from what the programme took them to."""
    taken = sum(task.unlocks for task in fleet.tasks.values() if task.state in ("queued", "waiting"))
    return abs(sum(unlocks.values()) - taken) > DRIFT * max(taken, 1e-9)


def _solved(programme: Programme, time_limit_s: float) -> tuple[Solved, Prices]:
    solved = programme.sheet.solve(time_limit_s)
    prices = _prices(programme, solved)
    return solved, replace(prices, unlocks=unlocks_of(programme.fleet, prices))


def _prices(programme: Programme, solved: Solved) -> Prices:
    fleet, periods, scale = programme.fleet, programme.periods, programme.scale
    duals = [dual * scale for dual in solved.duals]
    hosts = programme.host_row
    tiers = sorted({tier for account in programme.accounts for tier, _ in account.tiers})
    windows = {key: _cheapest_windows(programme, duals, key) for key in programme.metered}
    by_account = {
        (account.name, tier): _costs(programme, duals, windows, account, tier)
        for account in programme.accounts
        for tier, _ in account.tiers
    }
    later = {
        tier: [
            min(
                (cost[n] for (_, of), cost in by_account.items() if of == tier),
                key=lambda cost: cost[0] + programme.pace.get(tier, 0.0) * cost[1],
            )
            for n in range(1, periods.count)
        ]
        for tier in tiers
    }
    return Prices(
        at_ms=fleet.now_ms,
        source="programme",
        buckets={key: duals[metered.row] for key, metered in programme.metered.items()},
        slots={name: duals[row] for name, row in programme.slot_rows.items()},
        hosts=0.0 if hosts is None else duals[hosts],
        edges=tuple(fleet.now_ms + round(edge * HOUR_MS) for edge in periods.edges[1:-1]),
        later={tier: tuple(work for work, _ in costs) for tier, costs in later.items()},
        places={tier: tuple(hour for _, hour in costs) for tier, costs in later.items()},
        detail=f"{len(programme.classes)} classes, {programme.sheet.column_count} columns, "
        f"{programme.sheet.row_count} rows",
    )


def _costs(
    programme: Programme,
    duals: list[float],
    windows: Mapping[str, list[float]],
    account: Account,
    tier: str,
) -> list[tuple[float, float]]:
    """What a work unit costs on the account in each period (shares of buckets, and its bill), and what an hour of a
    worker's place does. `windows`: the price of each bucket's cheapest one in each period."""
    bill, hosts = programme.bill(account, tier), programme.host_row
    costs = []
    keys = programme.drawn_on(account, tier)
    for n in range(programme.periods.count):
        place = duals[programme.slot_rows[account.name] + n]
        place += 0.0 if hosts is None else duals[hosts + n]
        shares = sum(programme.rates[key, tier] * windows[key][n] for key in keys)
        costs.append((shares + bill, place))
    return costs


def _cheapest_windows(programme: Programme, duals: list[float], key: str) -> list[float]:
    """Per whole bucket, by period; nothing where no window is known to limit."""
    metered = programme.metered[key]
    prices: list[list[float]] = [[] for _ in range(programme.periods.count)]
    for i, window in enumerate(metered.windows):
        for n in window.periods:
            prices[n].append(duals[metered.row + i])
    return [min(of_period, default=0.0) for of_period in prices]


def _unused(programme: Programme, solved: Solved) -> dict[str, float]:
    """What is left in the running window, of buckets whose reset is within the horizon."""
    found = {}
    for key, metered in programme.metered.items():
        first = metered.windows[0]
        used = sum(solved.primal[metered.column : metered.column + len(first.periods)])
        if first.expires:
            found[key] = max(first.capacity - used, 0.0)
    return found


def _planned(programme: Programme, solved: Solved) -> list[Planned]:
    """Who serves what: within a group, tier and period any split over the accounts will do, so the classes are laid on
    the accounts one after the other, those worth most per work unit first."""
    offers = _offers(programme, solved)
    planned = []
    order = sorted(programme.begun, key=lambda begun: _density(programme, begun))
    for n in range(programme.periods.count):
        for begun in order:
            amount = solved.primal[begun.column + n - begun.ready] if n >= begun.ready else 0.0
            if amount > NOTHING:
                accounts = offers[programme.classes[begun.of].accounts, begun.tier, n]
                planned.extend(_laid(programme, begun, n, amount, accounts))
    return planned


def _density(programme: Programme, begun: Begun) -> tuple[float, int, str]:
    worth = programme.classes[begun.of].value * begun.chance
    return (-worth / begun.work if begun.work > 0.0 else -worth, begun.of, begun.tier)


Offers = dict[tuple[tuple[str, ...], str, int], list[tuple[str, float]]]


def _offers(programme: Programme, solved: Solved) -> Offers:
    offers: Offers = {}
    for served in programme.served:
        for n in range(programme.periods.count):
            work = solved.primal[served.column + n] * programme.unit
            offers.setdefault((served.group, served.tier, n), []).append((served.account, work))
    return offers


def _laid(
    programme: Programme, begun: Begun, n: int, amount: float, accounts: list[tuple[str, float]]
) -> list[Planned]:
    """Takes the class's work off the accounts' offers."""
    work, edges = programme.classes[begun.of], programme.periods.edges
    left = amount * begun.work
    taken: list[tuple[str, float]] = []
    for i, (account, offer) in enumerate(accounts):
        part = min(left, offer)
        last = i == len(accounts) - 1
        if part > NOTHING * programme.unit or (last and not taken):
            taken.append((account, part))
            accounts[i] = (account, offer - part)
            left -= part
    whole = sum(part for _, part in taken)
    in_time = work.due is None or n <= work.due
    worth = (work.value if in_time else work.late) * begun.chance
    return [
        Planned(
            label=work.label,
            account=account,
            tier=begun.tier,
            begins_ms=programme.fleet.now_ms + round(edges[n] * HOUR_MS),
            ends_ms=programme.fleet.now_ms + round(edges[n + 1] * HOUR_MS),
            amount=share * amount,
            tasks=share * amount * work.count / work.amount,
            value=share * amount * worth,
            ids=work.ids,
        )
        for account, part in taken
        for share in [part / whole if whole > 0.0 else 1.0 / len(taken)]
    ]
