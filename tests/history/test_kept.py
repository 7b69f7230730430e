"""`fleet history kept`: whether capacity was there for the person, what landed meanwhile, whose the windows were."""

from __future__ import annotations

import json
from datetime import UTC
from pathlib import Path

import pytest

from fleet.history.reports.choice import Choice
from fleet.history.reports.readings import readings
from fleet.history.reports.sittings import Sitting, sittings
from fleet.history.reports.whose import shared_out
from fleet.views.history.kept import kept_of
from tests.history.ledgers import Made, Where, ms

MINUTE_MS = 60_000
HOUR_MS = 60 * MINUTE_MS
DAY_MS = 24 * HOUR_MS
NOON = ms("2026-11-18T12:00")
UNITS = (100, 0, 0, 0, 0)
"""A hundred work units."""


@pytest.fixture
def made(tmp_path: Path) -> Made:
    return Made(tmp_path)


def sat(made: Made, since_ms: int = NOON - DAY_MS) -> list[Sitting]:
    choice = Choice(since_ms=since_ms, until_ms=NOON + 2 * DAY_MS)
    return sittings(made.connection, choice, readings(made.connection, choice))


def own(made: Made, *minutes: int) -> None:
    for minute in minutes:
        made.answer(NOON + minute * MINUTE_MS, tokens=UNITS)


def test_an_hour_without_an_answer_ends_a_sitting_and_what_the_fleet_ran_is_none(made: Made) -> None:
    with made:
        own(made, 0, 20, 79, 79 + 60)
        made.answer(NOON + 30 * MINUTE_MS, Where(account="side"))
        made.answer(NOON + 10 * HOUR_MS, Where(task="t1", session="s2"))
    found = [(one.account, (one.begins_ms - NOON) // MINUTE_MS, one.answers) for one in sat(made)]
    assert found == [("work", 0, 3), ("side", 30, 1), ("work", 139, 1)]


def test_whether_it_began_with_headroom_is_known_from_the_reading_before(made: Made) -> None:
    with made:
        own(made, 0)
        made.reading(NOON - HOUR_MS, 0.4, NOON + HOUR_MS)
        made.reading(NOON - HOUR_MS, 0.95, NOON + 3 * DAY_MS, "seven_day")
    (one,) = sat(made)
    assert one.left == pytest.approx({"five_hour": 0.6, "seven_day": 0.05})
    assert one.began_with_headroom is False and not one.limits


def test_what_was_used_since_the_reading_counts_at_the_rate_of_its_bucket(made: Made) -> None:
    """A tenth of the window for 100 work units; 300 were used since, by the fleet."""
    with made:
        made.reading(NOON - 3 * HOUR_MS, 0.1, NOON + HOUR_MS)
        own(made, -150)
        made.reading(NOON - 2 * HOUR_MS, 0.2, NOON + HOUR_MS)
        made.answer(NOON - 105 * MINUTE_MS, Where(task="t1", session="s2"), tokens=UNITS, times=3)
        own(made, 0)
    found = sat(made)
    assert found[-1].left == {"five_hour": pytest.approx(0.5)}


def test_a_window_that_was_over_and_after_which_nothing_was_used_was_whole(made: Made) -> None:
    with made:
        made.reading(NOON - 9 * HOUR_MS, 0.9, NOON - 5 * HOUR_MS)
        own(made, 0)
    assert sat(made)[0].left == {"five_hour": 1.0} and sat(made)[0].began_with_headroom is True


def test_what_nobody_read_is_unknown_and_not_nothing(made: Made) -> None:
    with made:
        own(made, 0)
    (never,) = sat(made)
    assert (never.left, never.began_with_headroom) == ({}, None)
    assert never.unknown == "no window of the account was ever read"
    with made:
        made.reading(NOON - 9 * HOUR_MS, 0.2, NOON - 5 * HOUR_MS)
        made.answer(NOON - 2 * HOUR_MS, Where(task="t1", session="s2"), tokens=UNITS)
    (dark,) = sat(made)
    assert (dark.left, dark.began_with_headroom) == ({"five_hour": None}, None)
    assert dark.unknown == "no reading tells what five_hour had left"
    with made:
        made.reading(NOON + 5 * MINUTE_MS, 0.3, NOON + 3 * HOUR_MS)
    assert sat(made)[0].left == {"five_hour": 0.7}, "the first minutes tell"


def test_a_limit_is_met_by_who_was_at_work_or_alone(made: Made) -> None:
    """Refused while sitting there with the fleet at work beside; refused with nobody else about; and a worker's
    refusal at night, which is nobody's."""
    night = NOON + 12 * HOUR_MS
    with made:
        own(made, 0, 10)
        made.reading(NOON + 15 * MINUTE_MS, None, NOON + HOUR_MS, status="rejected")
        made.reading(NOON + 5 * HOUR_MS, None, NOON + 6 * HOUR_MS, status="rejected")
        made.reading(night, None, night + HOUR_MS, status="rejected")
        made.answer(night - MINUTE_MS, Where(task="t1", session="s2"))
        made.connection.execute("UPDATE runs SET from_ms = ?, to_ms = ?", (night - HOUR_MS, night + HOUR_MS))
    found = sat(made)
    assert [(one.answers, one.limits) for one in found] == [(2, ("five_hour",)), (0, ("five_hour",))]


def test_a_window_is_shared_out_by_the_work_in_it(made: Made) -> None:
    resets_ms = NOON + HOUR_MS
    with made:
        made.reading(NOON - 3 * HOUR_MS, 0.0, resets_ms)
        own(made, -170, 10)
        made.answer(NOON, Where(task="t1", session="s2"), tokens=UNITS, times=2)
        made.answer(NOON - 10 * HOUR_MS, Where(task="t9", session="s3"), tokens=UNITS, times=9)
        made.reading(NOON + 30 * MINUTE_MS, 0.8, resets_ms)
    (one,) = shared_out(made.connection, readings(made.connection, Choice()), 0, NOON + DAY_MS)
    assert one.begins_ms == resets_ms - 5 * HOUR_MS
    assert [one.own, one.expired] == pytest.approx([0.4, 0.2]) and one.elsewhere == 0.0
    assert dict(one.tasks) == pytest.approx({"t1": 0.4})


def test_a_window_without_known_work_was_used_elsewhere_and_one_not_read_to_its_end_is_unknown(
    made: Made,
) -> None:
    with made:
        made.reading(NOON, 0.5, NOON + HOUR_MS)
        made.reading(NOON + 6 * HOUR_MS, 0.1, NOON + 9 * HOUR_MS)
        own(made, 7 * 60)
    strange, dark = shared_out(made.connection, readings(made.connection, Choice()), 0, NOON + DAY_MS)
    assert (strange.own, strange.tasks, strange.elsewhere, strange.expired) == (0.0, {}, 0.5, 0.5)
    assert (dark.own, dark.elsewhere, dark.expired) == (None, None, None)


def test_by_week_it_is_told_how_often_capacity_was_there_and_what_landed(made: Made) -> None:
    """Of the fleet's tasks t1 landed during the sitting, t2 failed; t3 is of another home."""
    resets_ms = NOON + HOUR_MS
    with made:
        made.reading(NOON - 3 * HOUR_MS, 0.2, resets_ms)
        for task, times in (("t1", 3), ("t2", 1), ("t3", 1)):
            made.answer(NOON - HOUR_MS, Where(task=task, session=task), tokens=UNITS, times=times)
        own(made, 0, 30)
        made.answer(NOON + 30 * MINUTE_MS, tokens=UNITS, times=3)
        made.reading(NOON + 50 * MINUTE_MS, 1.0, resets_ms)
        made.answer(NOON - 30 * HOUR_MS, tokens=UNITS)
    tasks = {"t1": ("landed", NOON + 20 * MINUTE_MS), "t2": ("failed", NOON)}
    choice = Choice(since_ms=ms("2026-11-16T00:00"), until_ms=ms("2026-11-23T00:00"))
    found = kept_of(made.connection, tasks, choice, UTC, NOON + 30 * DAY_MS)
    (dark, seen), (week,) = found["sittings"], found["weeks"]
    assert (seen["began_with_headroom"], seen["landed_meanwhile"], dark["began_with_headroom"]) == (
        True,
        1,
        None,
    )
    assert (week["week"], week["sittings"], week["with_headroom"], week["headroom_unknown"]) == (
        "2026-W47",
        2,
        1,
        1,
    )
    assert week["useful"] == pytest.approx(0.3) and week["other"] == pytest.approx(0.2)
    assert week["own"] == pytest.approx(0.5) and week["expired"] == 0.0
    assert (week["windows"], week["landed"], week["landed_per_window"]) == (1, 1, 1.0)
    told = " ".join(found["unknown"])
    for part in (
        "1 of 2 sittings began with headroom",
        "1 five-hour windows",
        "what became of 1 tasks",
        "browser",
    ):
        assert part in told
    assert json.loads(json.dumps(found)) == found
