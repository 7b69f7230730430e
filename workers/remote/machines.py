"""Whether the machine that answers is the one that has the host's work. Behind one name there may be several."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from workers import machine
from workers.machine import Machine

WorksOn = Callable[[], "Machine | None"]
"""The machine on which the fleet has work on this host; None while it has none there, or none is known."""


def nowhere() -> Machine | None:
    return None


def of(facts: Mapping[str, Any]) -> Machine | None:
    """The machine that the far end says it is on; None where it does not say."""
    return machine.read(facts.get("machine"))


def objection(facts: Mapping[str, Any], works_on: Machine | None) -> str:
    """Why nothing may be asked of the machine that answers; empty when it has the host's work, or nobody has.

    What it has to say about a worker on another is nothing: neither that it has gone, nor that it lives.
    """
    here = of(facts)
    there = sorted(set(facts.get("elsewhere", {}).values()))
    if not there and here is not None and works_on is not None and here.is_another_than(works_on):
        there = [works_on.beside(here)]
    if not there:
        return ""
    ours, theirs = "another machine" if here is None else here.name, " and ".join(there)
    return (
        f"you are on {ours}, its workers are on {theirs}: name one node, by `HostName` in ~/.ssh/config or by the "
        f"address of {theirs}. Until that one answers nothing is started there; if it is gone for good, remove this "
        "host once it is lost, and add it again with a --dir of its own"
    )
