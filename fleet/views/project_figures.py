"""A project's profile: what its tasks take by kind and tier, as learned, and as its attempts were.

`work`, `minutes` and `chance` are what the engine expects of the next task of size 1
(`fleet.core.capacity.experience`): the project's own tasks, shrunk towards those of other projects while there are few.
`tokens` and `turns` are plain quantiles of the project's tasks that have ended, over all attempts with the tier; a turn
is one answer of the model.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import sqrt
from typing import Any

from fleet.core.capacity import experience, lognormal
from fleet.core.model import Fleet, Task, TaskSpec
from fleet.core.model.learned import Experience
from fleet.core.model.lifecycles import TASK_ENDS
from fleet.home import Home
from fleet.store.sqlite_reader import SqliteReader

MIDDLE, HIGH = 0.5, 0.9
MINUTE_MS = 60_000
NOTHING = Experience("")

Class = tuple[str, str]
"""Kind and tier."""


@dataclass(frozen=True, slots=True)
class Took:
    """What one task took with one tier, over its attempts."""

    tokens: int
    turns: int


def profile(home: Home, fleet: Fleet, project: str) -> list[dict[str, Any]]:
    """A row for each kind and tier that the project has had, by kind and by the ordering of tiers. Raises
    StoreUnreadable."""
    took = _took(home, [task for task in fleet.tasks.values() if task.spec.project_name == project])
    classes = {*took, *_learned(fleet, project)}
    ordered = sorted(classes, key=lambda one: (one[0], fleet.policy.order_of(one[1]), one[1]))
    return [_row(fleet, project, of, took.get(of, ())) for of in ordered]


def _learned(fleet: Fleet, project: str) -> Iterable[Class]:
    prefix = f"{project}{experience.SEPARATOR}"
    for key in fleet.experience:
        if key.startswith(prefix):
            kind, _, tier = key.removeprefix(prefix).rpartition(experience.SEPARATOR)
            yield kind, tier


def _row(fleet: Fleet, project: str, of: Class, took: Sequence[Took]) -> dict[str, Any]:
    kind, tier = of
    spec = TaskSpec(prompt="", repo=project, title="", tiers=(tier,), target="", project=project, kind=kind)
    keys = experience.keys(spec, tier)
    known = [found for key in keys if (found := fleet.experience.get(key)) is not None]
    own = fleet.experience.get(keys[-1], NOTHING)
    work, time = experience.of_work(known), experience.of_time(known)
    return {
        "kind": kind,
        "tier": tier,
        "measured": own.count,
        "work": _pair(lambda share: lognormal.quantile_of(work.mean, sqrt(work.variance), share)),
        "minutes": _pair(
            lambda share: lognormal.quantile_of(time.mean, sqrt(time.variance), share) / MINUTE_MS
        ),
        "chance": experience.chance(fleet.experience, fleet.policy, spec, tier),
        "won": own.won,
        "lost": own.lost,
        "tasks": len(took),
        "tokens": _pair(lambda share: quantile([one.tokens for one in took], share)) if took else None,
        "turns": _pair(lambda share: quantile([one.turns for one in took], share)) if took else None,
    }


def _pair(of: Callable[[float], float]) -> dict[str, float]:
    return {"p50": of(MIDDLE), "p90": of(HIGH)}


def quantile(amounts: Sequence[float], share: float) -> float:
    """Of at least one amount, interpolated (Hyndman and Fan's definition 7, as in most libraries)."""
    ordered = sorted(amounts)
    place = share * (len(ordered) - 1)
    low = int(place)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (ordered[high] - ordered[low]) * (place - low)


def _took(home: Home, tasks: Iterable[Task]) -> dict[Class, list[Took]]:
    """Of the tasks that have ended. An attempt that never got an answer took nothing that could be told."""
    found: dict[Class, list[Took]] = {}
    with SqliteReader(home.root) as reader:
        for task in tasks:
            if task.state not in TASK_ENDS:
                continue
            by_tier: dict[str, Took] = {}
            for body in reader.attempts_of(task.id):
                if body["answers"]:
                    by_tier[body["tier"]] = _with(by_tier.get(body["tier"], Took(0, 0)), body)
            for tier, took in by_tier.items():
                found.setdefault((task.spec.kind, tier), []).append(took)
    return found


def _with(before: Took, attempt: Mapping[str, Any]) -> Took:
    counted = (attempt["tokens"], attempt["running_tokens"], attempt["answer_tokens"])
    tokens = sum(sum(part.values()) for part in counted)
    return Took(before.tokens + tokens, before.turns + attempt["answers"])
