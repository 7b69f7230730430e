"""The clairvoyant bound on cases worked out by hand, and against policies that try at random."""

from __future__ import annotations

from itertools import permutations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fleet.planning.bound import Drawn, Job, Known, Meter, Option, Source, bound


def job(name: str, value: float, work: float, hours: float = 1.0, **more: object) -> Job:
    return Job(name, 0.0, value, (Option("t", work, hours),), **more)  # type: ignore[arg-type]


def known(jobs: list[Job], meter: Meter, horizon_h: float = 10.0, concurrency: int = 1_000) -> Known:
    source = Source("a", ("t",), concurrency, (meter.name,))
    return Known(tuple(jobs), (source,), (meter,), horizon_h)


WHOLE = Meter("m", 100.0, 10.0, {"t": 1.0}, fixed=True)


def test_what_fits_is_done_whole_and_of_the_rest_the_part_that_fits() -> None:
    jobs = [job("best", 8.0, 8.0), job("next", 4.0, 8.0)]
    assert bound(known(jobs, WHOLE)).value == pytest.approx(8.0 + 4.0 * 2.0 / 8.0)


def test_after_the_deadline_the_late_value_counts_and_only_by_then_the_whole() -> None:
    short = Meter("m", 5.0, 1.0, {"t": 1.0}, fixed=True)
    jobs = [job(name, 4.0, 1.0, deadline_h=5.0, late_value=1.0) for name in "ab"]
    assert bound(known(jobs, short), periods=2).value == pytest.approx(5.0)


def test_a_job_that_alone_takes_too_long_is_worth_nothing() -> None:
    assert bound(known([job("long", 4.0, 1.0, hours=11.0)], WHOLE)).value == 0.0
    late = job("late", 4.0, 1.0, hours=6.0, deadline_h=5.0, late_value=1.0)
    assert bound(known([late], WHOLE)).value == pytest.approx(1.0)


def test_a_child_is_done_at_most_in_the_part_its_parent_is() -> None:
    parent, child = job("parent", 0.0, 20.0), job("child", 8.0, 0.0, after=("parent",))
    assert bound(known([parent, child], WHOLE)).value == pytest.approx(4.0)


def test_windows_that_begin_on_first_use_are_no_more_than_can_have_begun() -> None:
    meter = Meter("m", 5.0, 1.0, {"t": 1.0})
    jobs = [job(str(n), 1.0, 1.0) for n in range(9)]
    assert bound(known(jobs, meter, horizon_h=12.0)).value == pytest.approx(3.0)
    begun = Meter("m", 5.0, 1.0, {"t": 1.0}, first_reset_h=1.0, used=0.5)
    assert bound(known(jobs, begun, horizon_h=12.0)).value == pytest.approx(3.5)


def test_what_a_person_draws_is_not_there() -> None:
    jobs = known([job("only", 10.0, 10.0)], WHOLE)
    drawn = Known(jobs.jobs, jobs.sources, jobs.meters, jobs.horizon_h, drawn=(Drawn("m", 1.0, 4.0),))
    assert bound(drawn).value == pytest.approx(6.0)


def test_places_for_workers_limit_what_is_done() -> None:
    jobs = [job(str(n), 1.0, 0.01) for n in range(50)]
    assert bound(known(jobs, WHOLE, concurrency=2)).value == pytest.approx(20.0)
    one_host = known(jobs, WHOLE)
    hosted = Known(one_host.jobs, one_host.sources, one_host.meters, 10.0, workers=3)
    assert bound(hosted).value == pytest.approx(30.0)


@st.composite
def worlds(draw: st.DrawFn) -> Known:
    """A few jobs on one account with one place and two meters."""
    jobs = []
    for n in range(draw(st.integers(1, 4))):
        jobs.append(
            Job(
                str(n),
                draw(st.floats(0.0, 8.0)),
                draw(st.floats(0.5, 9.0)),
                (Option("t", draw(st.floats(0.1, 3.0)), draw(st.floats(0.2, 4.0))),),
                deadline_h=draw(st.none() | st.floats(1.0, 12.0)),
                late_value=0.1,
                after=draw(st.sampled_from([(), (str(n - 1),)])) if n else (),
            )
        )
    short = Meter("short", draw(st.floats(1.0, 5.0)), 2.0, {"t": 1.0}, fixed=draw(st.booleans()))
    long = Meter("long", 12.0, draw(st.floats(1.0, 6.0)), {"t": 1.0}, fixed=True)
    source = Source("a", ("t",), 1, ("short", "long"))
    return Known(tuple(jobs), (source,), (short, long), 12.0)


def completed(world: Known, order: tuple[Job, ...], pauses: tuple[float, ...]) -> float:
    """What is completed when the jobs are begun in this order, each after a pause, one at a time. A job draws all its
    work when it begins, and waits for windows that have room."""
    now, value, done = 0.0, 0.0, {}
    ends = {m.name: m.length_h if m.fixed else None for m in world.meters}
    used = {m.name: 0.0 for m in world.meters}
    for job, pause in zip(order, pauses, strict=True):
        option = job.options[0]
        if any(parent not in done for parent in job.after) or option.work > min(
            m.capacity for m in world.meters
        ):
            continue
        now = max(now, job.arrival_h) + pause
        for meter in world.meters:
            end = ends[meter.name]
            while end is not None and now >= end:
                used[meter.name], end = 0.0, end + meter.length_h if meter.fixed else None
            if used[meter.name] + option.work > meter.capacity and end is not None:
                now, used[meter.name] = end, 0.0
                end = end + meter.length_h if meter.fixed else None
            ends[meter.name] = end
        for meter in world.meters:
            end = ends[meter.name]
            if end is not None and now >= end:
                used[meter.name], end = 0.0, end + meter.length_h if meter.fixed else None
            used[meter.name] += option.work
            ends[meter.name] = now + meter.length_h if end is None else end
        now += option.hours
        if now > world.horizon_h:
            break
        done[job.name] = now
        value += job.value if job.deadline_h is None or now <= job.deadline_h else job.late_value
    return value


@given(worlds(), st.tuples(*[st.sampled_from([0.0, 0.5, 2.0])] * 4))
@settings(max_examples=60)
def test_no_order_of_the_jobs_completes_more_than_the_bound(world: Known, pauses: tuple[float, ...]) -> None:
    most = bound(world, periods=8).value
    for order in permutations(world.jobs):
        assert completed(world, order, pauses[: len(order)]) <= most + 1e-6


@given(worlds())
@settings(max_examples=30)
def test_finer_periods_only_tighten_the_bound(world: Known) -> None:
    assert bound(world, periods=16).value <= bound(world, periods=4).value + 1e-6
