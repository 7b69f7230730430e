"""Fairness between projects whose weights a person has set, while they compete.

Each project's share of the workers is held to its share of the weights: an offer's rank is multiplied by
√(due / has), within 1 / `FACTOR_MAX` to `FACTOR_MAX`. `due` is the project's weight over the sum of the weights of
all competing projects. `has` is its part of their workers (one added to each, so that the first worker is
well-defined). This is weighted max–min fairness, approached by a priority, as fair schedulers of clusters do it.
Without weights the factor is 1, and value alone decides. (docs/dispatch.md, "5. The choice")
"""

from __future__ import annotations

from collections import Counter
from math import sqrt

from fleet.core.capacity.running import Running
from fleet.core.model import Fleet, Task

FACTOR_MAX = 4.0
"""A weight moves an offer no further than two steps of priority would."""


class Fairness:
    def __init__(self, fleet: Fleet, running: Running) -> None:
        self._weights = {
            name: project.weight for name, project in fleet.projects.items() if project.weight != 1.0
        }
        self._workers: Counter[str] = Counter()
        self._due: dict[str, float] = {}
        if self._weights:
            self._workers = +running.by_project
            queued = {fleet.tasks[ranks[0][3]].spec.project_name for ranks in fleet.queue.values()}
            competing = sorted(queued | set(self._workers))
            weights = {name: self._weights.get(name, 1.0) for name in competing}
            total = sum(weights.values())
            self._due = {name: weight / total for name, weight in weights.items()}

    @property
    def is_plain(self) -> bool:
        """Whether it is 1 for every task."""
        return len(self._due) < 2

    def of(self, task: Task) -> float:
        """The factor on the rank of an offer of this task."""
        if self.is_plain:
            return 1.0
        name = task.spec.project_name
        workers = sum(self._workers[n] for n in self._due)
        has = (self._workers[name] + 1) / (workers + len(self._due))
        return min(FACTOR_MAX, max(1 / FACTOR_MAX, sqrt(self._due[name] / has)))

    def take(self, task: Task) -> None:
        self._workers[task.spec.project_name] += 1
