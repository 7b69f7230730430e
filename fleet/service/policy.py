"""The strategy and the circuit breaker: shown and set."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from fleet.core.events import BreakerSet, StrategySet
from fleet.core.model.policy import STRATEGIES, Strategy
from fleet.errors import NotDone
from fleet.home import Home
from fleet.service.requests import submit
from fleet.shell.stamp import stamp
from fleet.views.snapshot import snapshot

ABOUT = {
    "after-hours": "availability first: more than you reserve is kept for you, work starts only where it fits with "
    "great certainty, and batch fills the gaps",
    "full-time": "throughput first: what you reserve is kept for you and no more, and what waits loses worth sooner, "
    "so that capacity is used through the day and the night",
}
"""What each strategy does, in a sentence."""


def strategies(home: Home) -> list[dict[str, Any]]:
    """All of them; the chosen one is `chosen`."""
    chosen = snapshot(home).policy.strategy
    known = STRATEGIES if any(one.name == chosen.name for one in STRATEGIES) else (*STRATEGIES, chosen)
    return [
        {
            "name": one.name,
            "chosen": one.name == chosen.name,
            "about": ABOUT.get(one.name, ""),
            "weights": _weights(one),
        }
        for one in known
    ]


def _weights(strategy: Strategy) -> dict[str, float]:
    return {key: value for key, value in asdict(strategy).items() if key != "name"}


def set_strategy(home: Home, name: str) -> None:
    """Raises NotDone."""
    found = next((one for one in STRATEGIES if one.name == name), None)
    if found is None:
        raise NotDone(f"there is no strategy {name}: name {' or '.join(one.name for one in STRATEGIES)}")
    submit(home, StrategySet(**stamp(), strategy=found))


def breaker(home: Home) -> dict[str, Any]:
    """`why` is empty while work may start. `faults` workers in a row have ended without an answer, `faults_max` open
    it."""
    policy = snapshot(home).policy
    return {
        "open": bool(policy.breaker),
        "why": policy.breaker,
        "faults": policy.faults,
        "faults_max": policy.breaker_faults,
    }


def open_breaker(home: Home, why: str) -> None:
    """Raises NotDone."""
    if not why.strip():
        raise NotDone("say why nothing may start: fleet breaker open --why TEXT")
    submit(home, BreakerSet(**stamp(), why=why.strip()))


def close_breaker(home: Home) -> None:
    """Raises NotDone."""
    submit(home, BreakerSet(**stamp(), why=""))


def set_faults(home: Home, faults: int) -> None:
    """How many faults in a row open it. Raises NotDone."""
    submit(home, BreakerSet(**stamp(), faults_max=faults))
