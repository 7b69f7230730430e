from __future__ import annotations

from typing import Any
from xml.etree import ElementTree

import pytest

from fleet.simulate.cases import draw
from fleet.simulate.clairvoyant import clairvoyant
from fleet.simulate.picture import picture
from fleet.simulate.policies import POLICIES
from fleet.simulate.record import Course, Past, Period, Record, Served, Stay
from fleet.simulate.run import START_MS, run_case
from fleet.simulate.score import score
from fleet.simulate.waste import waste
from tests.simulate.small import account, bucket, scenario, task

HOUR_MS = 3_600_000


def record_of(*windows: tuple[str, float, float, float], **more: Any) -> Record:
    """A record of one account with a place for one worker: windows as (bucket, begins, ends, used), in hours."""
    case = draw(scenario(**more), 1)
    pasts = [
        Past(a.name, b.name, b.capacity, b.length, dict(b.weights))
        for a in case.scenario.accounts
        for b in a.buckets
    ]
    for name, begins, ends, used in windows:
        past = next(past for past in pasts if past.bucket == name)
        past.periods.append(Period(at(begins), at(ends), 0.0, used))
    courses = {job.key: Course(job, at(job.at_ms / HOUR_MS)) for job in case.jobs}
    return Record(case, "test", START_MS, START_MS + case.scenario.horizon, courses, pasts)


def at(hours: float) -> int:
    return START_MS + round(hours * HOUR_MS)


def work(record: Record, key: str, begins: float, ends: float, *, done: bool = True) -> None:
    course = record.courses[key]
    stay = Stay(key, "a", "sonnet", at(begins), at(ends), moved=False, to_share=1.0 if done else 0.5)
    course.stays.append(stay)
    course.done_ms = at(ends) if done else None


def test_a_task_counts_its_value_a_quarter_when_late_and_nothing_when_never() -> None:
    tasks = [
        task("in time", value=4, deadline="2h"),
        task("late", value=8, deadline="2h"),
        task("never", value=8),
    ]
    record = record_of(tasks=tasks)
    work(record, "in time", 0, 1)
    work(record, "late", 1, 3)
    found = score(record, bound=12.0)
    assert found.value == 4 + 0.25 * 8
    assert found.value_share == pytest.approx(6 / 20)
    assert found.bound_share == pytest.approx(0.5)
    assert (found.deadlines_met, found.deadlines) == (1, 2)
    assert (found.tasks_started, found.tasks_finished) == (2, 2)


def test_availability_is_the_share_of_requests_served_at_once() -> None:
    record = record_of()
    record.requests = [Served(at(n), "a", n != 3, 1, "sonnet") for n in range(4)]
    assert score(record).availability == 0.75
    assert score(record_of()).availability is None


def test_what_a_waiting_task_could_have_drawn_before_the_reset_is_wasted() -> None:
    """The window had 60 left; the task needs 40 units and 4 hours, of which the window gave it 5."""
    record = record_of(("five_hour", 0, 5, 40.0), horizon="5h", tasks=[task("x", 4)])
    found = waste(record)
    assert found.buckets == {("a", "five_hour"): pytest.approx(40.0)}
    assert found.share == pytest.approx(0.4)


def test_what_expires_while_nothing_waits_is_not_wasted() -> None:
    record = record_of(("five_hour", 0, 5, 40.0), horizon="5h", tasks=[task("x", 4)])
    work(record, "x", 0, 4)
    assert waste(record).share == 0.0


def test_a_task_that_came_an_hour_before_the_end_could_have_drawn_an_hour_of_its_work() -> None:
    record = record_of(("five_hour", 0, 5, 40.0), horizon="5h", tasks=[task("x", 4, at="4h")])
    assert waste(record).share == pytest.approx(0.1)


def test_without_a_free_place_nothing_more_could_have_been_drawn() -> None:
    """The one place was taken for four of five hours."""
    record = record_of(("five_hour", 0, 5, 40.0), horizon="5h", tasks=[task("x", 4), task("y", 4)])
    work(record, "x", 0, 4)
    assert waste(record).share == pytest.approx(0.1)


def test_holding_a_window_back_because_the_week_binds_is_no_waste() -> None:
    """Of the week 10 are left at the end, so no more than 10 of the window's 60 could have been drawn."""
    accounts = [account("a", bucket(), bucket("seven_day", "10h", 90.0))]
    record = record_of(
        ("five_hour", 0, 5, 40.0),
        ("five_hour", 5, 10, 40.0),
        ("seven_day", 0, 10, 80.0),
        horizon="10h",
        accounts=accounts,
        tasks=[task("x", 9)],
    )
    found = waste(record)
    assert found.wasted["a"] == pytest.approx(10.0)
    assert found.share == pytest.approx(10 / 90)


def test_work_that_waited_at_two_resets_counts_once() -> None:
    record = record_of(
        ("five_hour", 0, 5, 0.0), ("five_hour", 5, 10, 0.0), horizon="10h", tasks=[task("x", 4)]
    )
    assert waste(record).wasted["a"] == pytest.approx(40.0)


def test_a_window_that_nobody_began_expires_whole() -> None:
    record = record_of(horizon="10h", tasks=[task("x", 4)])
    assert waste(record).share == pytest.approx(40 / 200)


def test_no_policy_does_better_than_the_clairvoyant_bound() -> None:
    pytest.importorskip("highspy")
    tasks = [task(f"t{n}", 1 + n % 5, value=1 + n % 3, at=f"{n}h", deadline="20h") for n in range(20)]
    accounts = [account("a", bucket(), bucket("seven_day", "7d", 300.0)), account("b")]
    case = draw(scenario(tasks=tasks, accounts=accounts), 1)
    bound = clairvoyant(case)
    for name in sorted(POLICIES):
        assert score(run_case(case, POLICIES[name](), policy=name), bound).value <= bound * (1 + 1e-6)


def test_the_picture_is_an_svg_with_a_strip_for_each_account() -> None:
    case = draw(scenario(accounts=[account("left"), account("right & last")], tasks=[task("x", 12)]), 1)
    record = run_case(case, POLICIES["least-recent"](), policy="least-recent")
    drawn = ElementTree.fromstring(picture(record, score(record)))
    texts = [text.text for text in drawn.iter("{http://www.w3.org/2000/svg}text")]
    assert "left" in texts and "right & last" in texts
    assert [*drawn.iter("{http://www.w3.org/2000/svg}polyline")]
    assert "prefers-color-scheme: dark" in "".join(drawn.itertext())
