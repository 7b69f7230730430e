"""What was learned of a class of tasks, shrunk towards what is known of wider classes while it is little.

A class is a tier, a kind with that tier, or a project's kind with that tier; each is the parent of the next. Work and
time are taken as log-normal: sizes of tasks spread over orders of magnitude, and factors multiply. A class's mean and
variance of the logarithm are the posterior of a normal with unknown mean and variance, whose prior is the parent's
belief counted as `PARENT` tasks (Murphy, "Conjugate Bayesian analysis of the Gaussian distribution", 2007, section 3):

    mean = (k·m₀ + n·ȳ) / (k + n),    variance = (k·v₀ + Σ(y−ȳ)² + k·n/(k+n)·(ȳ−m₀)²) / (k + n)

The chance that a tier succeeds is the mean of a beta-binomial shrunk in the same way: (k·p₀ + won) / (k + won + lost).

Why: docs/dispatch.md, "2. What a task costs".
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from math import log
from typing import NamedTuple

from fleet.core.model import TaskSpec
from fleet.core.model.learned import Experience
from fleet.core.model.policy import Policy

SEPARATOR = "\x1f"
"""Between project, kind and tier in a key: the unit separator of ASCII, which no name of a person's has in it."""

PARENT = 4.0
"""For how many tasks of its own class the wider class's belief counts."""

REMEMBERED = 200.0
"""At most so many tasks count: older ones fade, because models and projects change."""


class Belief(NamedTuple):
    """Of the logarithm of an amount, for the next task of a class: mean and variance."""

    mean: float
    variance: float


WORK = Belief(log(200_000.0) - 0.32, 0.64)
"""Before anything is learned: 200,000 work units in the mean, spread by σ = 0.8 in logarithms (at the ninth decile 2.8
times the median). With every tier: the same tokens, it is the rates that differ."""

TIME = Belief(log(1_200_000.0) - 0.32, 0.64)
"""20 minutes of a worker, spread as the work is."""

CHANCES: dict[str, dict[str, float]] = {
    "execution": {"local": 0.6, "haiku": 0.85, "sonnet": 0.95, "opusplan": 0.96, "opus": 0.97, "fable": 0.98},
    "judgement": {"local": 0.2, "haiku": 0.5, "sonnet": 0.88, "opusplan": 0.92, "opus": 0.95, "fable": 0.97},
    "reasoning": {"local": 0.05, "haiku": 0.2, "sonnet": 0.65, "opusplan": 0.8, "opus": 0.88, "fable": 0.93},
}
"""The chance that a tier's work is verified, before anything is learned. Guesses: what counts is their order, and that
each kind has a cheapest tier that mostly does it. Another kind is taken for judgement."""


def keys(spec: TaskSpec, tier: str) -> tuple[str, str, str]:
    """The task's classes with that tier, the widest first."""
    kind = f"{spec.kind}{SEPARATOR}{tier}"
    return tier, kind, f"{spec.project_name}{SEPARATOR}{kind}"


def tier_of(key: str) -> str:
    """The tier of a class, by its key."""
    return key.rpartition(SEPARATOR)[2]


def faded(one: Experience, keep: float) -> Experience:
    """What was learned, as if of so many times the tasks: the means stay."""
    return replace(
        one,
        count=one.count * keep,
        log_work_m2=one.log_work_m2 * keep,
        log_ms_m2=one.log_ms_m2 * keep,
        won=one.won * keep,
        lost=one.lost * keep,
    )


def of_work(known: Iterable[Experience]) -> Belief:
    """Of the work of one unit of size, from what is known of its classes, the widest first."""
    belief = WORK
    for one in known:
        belief = _shrunk(belief, one.count, one.log_work, one.log_work_m2)
    return belief


def of_time(known: Iterable[Experience]) -> Belief:
    """Of the worker's time in ms for one unit of size, likewise."""
    belief = TIME
    for one in known:
        belief = _shrunk(belief, one.count, one.log_ms, one.log_ms_m2)
    return belief


def _shrunk(parent: Belief, count: float, mean: float, squares: float) -> Belief:
    if count <= 0.0:
        return parent
    total = PARENT + count
    between = PARENT * count / total * (mean - parent.mean) ** 2
    return Belief(
        (PARENT * parent.mean + count * mean) / total,
        (PARENT * parent.variance + squares + between) / total,
    )


def chance(learned: Mapping[str, Experience], policy: Policy, spec: TaskSpec, tier: str) -> float:
    """That the tier's work is verified. A tier's record over all kinds says nothing here: it is the record of what it
    was given, and weak tiers are given what is easy."""
    _, *classes = keys(spec, tier)
    belief = _first_chance(policy, spec.kind, tier)
    for key in classes:
        one = learned.get(key)
        if one is not None:
            belief = (PARENT * belief + one.won) / (PARENT + one.won + one.lost)
    return belief


def _first_chance(policy: Policy, kind: str, tier: str) -> float:
    """By the table; a tier that is not in it is as good as the best known one below it in the ordering."""
    table = CHANCES.get(kind, CHANCES["judgement"])
    if tier in table:
        return table[tier]
    below = [table[t.name] for t in policy.tiers[: policy.order_of(tier)] if t.name in table]
    return max(below, default=min(table.values()))


def with_task(before: Experience, *, log_work: float | None, log_ms: float | None, won: bool) -> Experience:
    """One task more, by Welford's update; None where nothing was measured."""
    after = replace(before, won=before.won + won, lost=before.lost + (not won))
    if log_work is not None and log_ms is not None:
        after = _measured(after, log_work, log_ms)
    return _faded(after)


def _measured(before: Experience, log_work: float, log_ms: float) -> Experience:
    count = before.count + 1.0
    off_work, off_ms = log_work - before.log_work, log_ms - before.log_ms
    return replace(
        before,
        count=count,
        log_work=before.log_work + off_work / count,
        log_work_m2=before.log_work_m2 + off_work * off_work * (count - 1.0) / count,
        log_ms=before.log_ms + off_ms / count,
        log_ms_m2=before.log_ms_m2 + off_ms * off_ms * (count - 1.0) / count,
    )


def _faded(one: Experience) -> Experience:
    tried = one.won + one.lost
    if one.count > REMEMBERED:
        keep = REMEMBERED / one.count
        one = replace(
            one, count=REMEMBERED, log_work_m2=one.log_work_m2 * keep, log_ms_m2=one.log_ms_m2 * keep
        )
    if tried > REMEMBERED:
        keep = REMEMBERED / tried
        one = replace(one, won=one.won * keep, lost=one.lost * keep)
    return one
