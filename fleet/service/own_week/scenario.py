"""The scenario as a whole, as it can be written down and edited; and whom one more account would be like."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import dataclass
from itertools import count
from typing import Any

from fleet.core.model import Fleet
from fleet.core.model.policy import STRATEGIES
from fleet.errors import NotDone
from fleet.service.own_week.accounts import Payer, accounts_said, payers
from fleet.service.own_week.basis import Basis, several
from fleet.service.own_week.work import work
from fleet.simulate.scenario import Scenario, parse
from fleet.spoken.spans import WEEK_MS, span_text, whole_seconds

Said = dict[str, Any]

WORKERS = 8
"""Places for workers that `fleet up` has unless told otherwise: how many it had when it ran last is not kept."""

STRATEGY_GUESS = "full-time"


@dataclass(frozen=True, slots=True)
class OwnWeek:
    """`said`: the scenario as a document of its format. `basis`: what it rests on."""

    said: Said
    basis: Basis

    @property
    def scenario(self) -> Scenario:
        return parse(self.said, "your own week")

    def with_one_more(self, like: str, fleet: Fleet) -> OwnWeek:
        """With another account such as `like`, fresh: none of its buckets used. Raises NotDone."""
        named = {one.name: payer.name for payer in payers(fleet) for one in payer.accounts}
        named |= {payer.name: payer.name for payer in payers(fleet)}
        if like not in named:
            known = several(sorted(named), most=20)
            raise NotDone(f"there is no ready account {like} to add another one like: there are {known}")
        said = deepcopy(self.said)
        one = deepcopy(next(account for account in said["accounts"] if account["name"] == named[like]))
        taken = [account["name"] for account in said["accounts"]]
        one["name"] = next(name for n in count(2) if (name := f"{one['name']} #{n}") not in taken)
        for bucket in one["buckets"]:
            bucket.pop("start", None)
            bucket.pop("used", None)
        said["accounts"].append(one)
        return OwnWeek(said, self.basis)


def own_week(fleet: Fleet, *, weeks: float = 1.0, strategy: str | None = None) -> OwnWeek:
    """Of what the fleet is and has learned now, from now on. Raises NotDone where there is nothing to simulate."""
    found, basis = payers(fleet), Basis()
    if not found:
        raise NotDone("no account is ready, so there is nothing to simulate with: see `fleet account list`")
    having = {tier for payer in found for tier in payer.tiers}
    ordered = sorted(having, key=lambda tier: (fleet.policy.order_of(tier), tier))
    accounts = accounts_said(fleet, found, basis)
    doing = work(fleet, tuple(ordered), basis)
    if not doing.classes:
        raise NotDone(
            "no task waits and none has arrived so far, so there is nothing to simulate: fleet task add"
        )
    horizon_ms = round(weeks * WEEK_MS)
    said: Said = {
        "version": 1,
        "name": "own week",
        "horizon": span_text(horizon_ms),
        "noise": doing.noise(),
        "workers": _workers(fleet, basis),
        "strategy": _strategy(fleet, strategy, basis),
        "tiers": [{"name": tier, "weight": fleet.policy.weight_of(tier)} for tier in ordered],
        "accounts": accounts,
        "kinds": doing.kinds(),
        "tasks": doing.tasks,
        "streams": doing.streams,
        "reservations": _reservations(fleet, found, accounts, horizon_ms, basis),
    }
    _tell_what_is_missing(fleet, basis)
    return OwnWeek(said, basis)


def _workers(fleet: Fleet, basis: Basis) -> int:
    places = sum(host.workers_max for host in fleet.hosts.values() if host.takes_work)
    if places > 0:
        return places
    basis.guessed.append(f"there are places for {WORKERS} workers, as `fleet up` has by default")
    return WORKERS


def _strategy(fleet: Fleet, asked: str | None, basis: Basis) -> str:
    known = [one.name for one in STRATEGIES]
    if asked is not None and asked not in known:
        raise NotDone(f"there is no strategy {asked}: name {' or '.join(known)}")
    name = asked or fleet.policy.strategy.name
    if name in known:
        return name
    basis.left_out.append(
        f"the strategy {name}, which the format does not know: {STRATEGY_GUESS} stands for it"
    )
    return STRATEGY_GUESS


def _reservations(
    fleet: Fleet, found: tuple[Payer, ...], accounts: list[Said], horizon_ms: int, basis: Basis
) -> list[Said]:
    """Their occurrences that end from now on and begin before the end."""
    payer_of = {one.name: payer.name for payer in found for one in payer.accounts}
    buckets = {account["name"]: [bucket["name"] for bucket in account["buckets"]] for account in accounts}
    laid: list[Said] = []
    for one in fleet.reservations.values():
        spans = [
            {
                "begins": span_text(whole_seconds(begins - fleet.now_ms)),
                "ends": span_text(whole_seconds(ends - fleet.now_ms)),
            }
            for begins, ends in one.spans
            if ends > fleet.now_ms + 1_000 and begins < fleet.now_ms + horizon_ms
        ]
        account = payer_of.get(one.account)
        if not spans:
            continue
        if account is None or one.bucket not in buckets[account]:
            basis.left_out.append(f"the reservation {one.id}: {one.account} has no bucket {one.bucket} here")
            continue
        laid.append(
            {"account": account, "amount": one.amount, "spans": spans, "bucket": one.bucket}
            | ({"tier": one.tier} if one.tier in next(p.tiers for p in found if p.name == account) else {})
        )
    return laid


def _tell_what_is_missing(fleet: Fleet, basis: Basis) -> None:
    if fleet.limits or fleet.floors:
        basis.left_out.append("limits and floors")
    if any(one.accounts or one.workers or one.weight != 1.0 for one in fleet.projects.values()):
        basis.left_out.append("which accounts a project may use, its weight and its workers")
    basis.left_out.append("what you draw on the accounts by hand: it is in no record of the fleet's")
