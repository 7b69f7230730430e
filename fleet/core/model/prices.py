"""What capacity is worth: the outcome of the planning problem, as the core uses it.

Values are in the worth of one task of priority 0. The core only reads prices; they are made outside (`fleet.planning`)
and arrive in an event.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Prices:
    """`buckets`: value of one whole bucket (utilization 1.0) in its present window, by bucket key. `slots`: value of
    one worker's place for an hour, by account; `hosts` the same for a place on any host. `edges`: the later planning
    periods' starts; `later[tier][n]` what a unit of work with that tier costs in the period that begins at `edges[n]`,
    `places[tier][n]` what an hour of a worker's place does then. `unlocks`: what the tasks that wait for a task are
    worth beyond what they cost, by the task's id; the core takes it over into the tasks. `source`: "programme" (dual
    values of the linear programme) or "greedy".
    """

    at_ms: int
    source: str
    buckets: Mapping[str, float] = field(default_factory=dict)
    slots: Mapping[str, float] = field(default_factory=dict)
    hosts: float = 0.0
    edges: tuple[int, ...] = ()
    later: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    places: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    unlocks: Mapping[str, float] = field(default_factory=dict)
    solve_ms: float = 0.0
    detail: str = ""
