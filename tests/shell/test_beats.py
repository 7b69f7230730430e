"""When prices and forecasts are made anew."""

from __future__ import annotations

from dataclasses import replace

from fleet.core.model import Bucket, Fleet, Task, TaskSpec, queue_of
from fleet.core.model.policy import STRATEGIES, Policy
from fleet.shell.beats import forecasting, pricing
from tests.core.story import account

BUCKETS = {"a/five_hour": Bucket("a", "five_hour", None, 0, "stream")}
FLEET = Fleet(accounts={"a": account("a")}, buckets=BUCKETS)


def test_it_is_due_at_once_and_then_on_a_beat() -> None:
    beat = forecasting()
    assert beat.is_due(FLEET, 0.0)
    beat.done(FLEET, 0.0)
    assert not beat.is_due(FLEET, beat.every_s - 1.0)
    assert beat.is_due(FLEET, beat.every_s)


def test_a_new_bucket_or_strategy_makes_it_due_soon_but_not_again_and_again() -> None:
    beat = forecasting()
    beat.done(FLEET, 0.0)
    more = replace(FLEET, buckets={**BUCKETS, "a/seven_day": Bucket("a", "seven_day", None, 0, "stream")})
    other = replace(FLEET, policy=Policy(strategy=STRATEGIES[0]))
    for changed in (more, other):
        assert not beat.is_due(changed, beat.apart_s - 1.0)
        assert beat.is_due(changed, beat.apart_s)


def test_where_nothing_could_be_kept_it_is_never_due() -> None:
    off = replace(FLEET, policy=Policy(protect_by_forecast=False))
    for idle in (Fleet(), replace(FLEET, buckets={}), off):
        assert not forecasting().is_due(idle, 0.0)


def test_prices_are_made_for_what_is_queued_and_anew_when_there_is_more_of_it() -> None:
    one = with_tasks(1)
    beat = pricing()
    assert not beat.is_due(FLEET, 0.0), "nothing is queued, so nothing needs a price"
    assert beat.is_due(one, 0.0)
    beat.done(one, 0.0)
    assert not beat.is_due(one, beat.every_s - 1.0)
    assert beat.is_due(one, beat.every_s)
    assert not beat.is_due(with_tasks(2), beat.apart_s - 1.0)
    assert beat.is_due(with_tasks(2), beat.apart_s)


def with_tasks(count: int) -> Fleet:
    spec = TaskSpec("Do it", "/repo", "It", ("sonnet",), "main")
    tasks = {f"t{n}": Task(f"t{n}", n, spec, 0, "queued") for n in range(1, count + 1)}
    return replace(FLEET, tasks=tasks, queue=queue_of(tasks.values()), tasks_made=count)
