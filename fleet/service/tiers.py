"""The ordering of the tiers: shown and changed."""

from __future__ import annotations

from typing import Any

from fleet.core.events import TiersSet
from fleet.core.model import Fleet, Reviewer
from fleet.core.model.policy import Policy, Tier
from fleet.errors import NotDone
from fleet.home import Home
from fleet.service.requests import submit
from fleet.shell.stamp import stamp
from fleet.views.snapshot import snapshot


def tiers(home: Home) -> list[dict[str, Any]]:
    """The least capable first; then, with the place None, those that accounts have and the ordering does not: tasks may
    name them, `auto` does not choose them. `accounts` are those that have the tier, `reviews` how often its
    reviews of work were right (`Reviewer`)."""
    fleet = snapshot(home)
    having = _having(fleet)
    ordered = [tier.name for tier in fleet.policy.tiers]
    unordered = sorted(name for name in having if name not in ordered)
    return [
        {
            "place": n + 1 if n < len(ordered) else None,
            "name": name,
            "weight": fleet.policy.weight_of(name),
            "accounts": having.get(name, []),
            "reviews": _reviews(fleet.reviewers.get(name) or Reviewer(name)),
        }
        for n, name in enumerate((*ordered, *unordered))
    ]


def _reviews(of: Reviewer) -> dict[str, int]:
    return {
        "passed": of.passed,
        "missed": of.missed,
        "objected": of.objected,
        "confirmed": of.confirmed,
        "overruled": of.overruled,
    }


def _having(fleet: Fleet) -> dict[str, list[str]]:
    """The accounts that have each tier, by name."""
    found: dict[str, list[str]] = {}
    for account in sorted(fleet.accounts.values(), key=lambda one: one.name):
        for tier, _ in account.tiers if account.state != "removed" else ():
            found.setdefault(tier, []).append(account.name)
    return found


def set_tier(
    home: Home, name: str, *, weight: float | None = None, after: str | None = None, first: bool = False
) -> None:
    """Adds a tier as the most capable one, or after another, or first; or changes one. What is not said of it stays.
    Raises NotDone."""
    policy = snapshot(home).policy
    tier = next((one for one in policy.tiers if one.name == name), None)
    if weight is not None:
        tier = Tier(name, weight)
    if tier is None:
        raise NotDone(f"{name} is not in the ordering yet: say what it costs, --weight W (`fleet tier list`)")
    others = [one for one in policy.tiers if one.name != name]
    place = _place(policy, name, others, after, first)
    submit(home, TiersSet(**stamp(), tiers=(*others[:place], tier, *others[place:])))


def _place(policy: Policy, name: str, others: list[Tier], after: str | None, first: bool) -> int:
    if first:
        return 0
    if after is None:
        return policy.order_of(name)
    names = [one.name for one in others]
    if after not in names:
        known = ", ".join(names)
        raise NotDone(f"{name} cannot come after {after}: the other tiers are {known}")
    return names.index(after) + 1


def remove_tier(home: Home, name: str) -> None:
    """Raises NotDone."""
    policy = snapshot(home).policy
    if policy.order_of(name) == len(policy.tiers):
        known = ", ".join(one.name for one in policy.tiers)
        raise NotDone(f"there is no tier {name} in the ordering: it has {known}")
    submit(home, TiersSet(**stamp(), tiers=tuple(one for one in policy.tiers if one.name != name)))
