"""What is kept for a person because of the forecast of their own use."""

from __future__ import annotations

from dataclasses import replace

import pytest

from fleet.core import events
from fleet.core.capacity.reserved import RELEASE_MS, protected, protected_at
from fleet.core.events import WindowsRead
from fleet.core.model import Bucket, Fleet
from fleet.core.model.policy import Reservation
from fleet.core.model.protection import Curve, Protection, Protections
from tests.core.story import HOUR_MS, START_MS, Story, account, reading, spec, started

RESETS_MS = START_MS + 4 * HOUR_MS
PRESENT: Curve = ((START_MS, 0.6), (START_MS + 2 * HOUR_MS, 0.2), (RESETS_MS, 0.0))
FRESH: Curve = ((START_MS, 0.5), (START_MS + 10 * HOUR_MS, 0.1))


def protections(resets_ms: int | None = RESETS_MS, present: Curve = PRESENT) -> Protections:
    return Protections(START_MS, {"a/five_hour": Protection(resets_ms, present, FRESH, 0.25, 0.8, 12.0)})


def fleet(at_h: float = 0.0, resets_ms: int | None = RESETS_MS) -> Fleet:
    bucket = Bucket("a", "five_hour", None, START_MS, "stream", 0.2, resets_ms)
    return Fleet(
        now_ms=START_MS + round(at_h * HOUR_MS),
        accounts={"a": account("a")},
        buckets={"a/five_hour": bucket},
        protections=protections(),
    )


def kept(one: Fleet) -> float:
    return protected(one, one.buckets["a/five_hour"])


def test_it_falls_as_time_passes_and_ends_before_the_reset() -> None:
    assert [kept(fleet(at_h)) for at_h in (0, 1, 2, 3)] == pytest.approx([0.6, 0.4, 0.2, 0.1])
    assert kept(fleet(4 - RELEASE_MS / HOUR_MS)) == 0.0


def test_what_is_forecast_until_the_very_end_is_given_back_twenty_minutes_before_the_reset() -> None:
    """Nobody else could use what is given back later: it would expire."""
    until_the_end: Curve = ((START_MS, 0.6), (RESETS_MS, 0.6))
    bucket = fleet().buckets["a/five_hour"]
    held = replace(fleet(), protections=protections(present=until_the_end))
    shares = [
        protected(replace(held, now_ms=RESETS_MS - minutes * 60_000), bucket) for minutes in (21, 20, 10, 1)
    ]
    assert shares == [0.6, 0.0, 0.0, 0.0]
    fresh = [
        protected_at(
            held, bucket, RESETS_MS + 5 * HOUR_MS - minutes * 60_000, RESETS_MS, RESETS_MS + 5 * HOUR_MS
        )
        for minutes in (21, 20)
    ]
    assert fresh[0] > 0.0 == fresh[1]


def test_a_reset_read_some_seconds_off_is_still_that_of_the_same_window() -> None:
    assert kept(fleet(1, RESETS_MS + 2_000)) == pytest.approx(0.4)


def test_a_window_that_begins_later_keeps_what_was_forecast_for_one_that_begins_then() -> None:
    begins = START_MS + 5 * HOUR_MS
    bucket = fleet().buckets["a/five_hour"]
    assert protected_at(fleet(), bucket, begins, begins, begins + 5 * HOUR_MS) == pytest.approx(0.3)
    midway = begins + 5 * HOUR_MS // 2
    assert protected_at(fleet(), bucket, midway, begins, begins + 5 * HOUR_MS) == pytest.approx(0.15)


def test_after_what_was_forecast_nothing_is_kept() -> None:
    begins = START_MS + 11 * HOUR_MS
    assert protected_at(fleet(), fleet().buckets["a/five_hour"], begins, begins, begins + 5 * HOUR_MS) == 0.0


def test_of_forecast_and_reservation_the_larger_is_kept() -> None:
    spans = ((START_MS, RESETS_MS - RELEASE_MS),)
    small, large = (Reservation("r1", "a", None, amount, spans) for amount in (0.3, 0.9))
    assert kept(replace(fleet(), reservations={"r1": small})) == pytest.approx(0.6)
    assert kept(replace(fleet(), reservations={"r1": large})) == pytest.approx(0.9)


def story() -> Story:
    """An account with 59 % left, of whose person the forecast wants most."""
    found = Story(account("a"))
    found.add()
    found.opened()
    found.says("t1.1", WindowsRead((reading(used=0.41, resets_ms=RESETS_MS),), found.now_ms))
    found.finish()
    found.check()
    found.exit()
    found.landing("landed")
    return found


def test_automation_starts_nothing_beside_what_is_forecast_and_does_once_that_is_switched_off() -> None:
    busy = story()
    busy.tell(events.ProtectionsMade, protections=protections())
    busy.add(spec())
    assert busy.task("t2").state == "queued" and "beside what is kept" in busy.why("t2").refusals[0].why
    assert started(busy.tell(events.ProtectionSet, on=False)) == ["t2.1"]


def test_it_starts_as_soon_as_enough_has_fallen_free() -> None:
    busy = story()
    busy.tell(events.ProtectionsMade, protections=protections())
    busy.add(spec())
    assert started(busy.wait(3 * HOUR_MS)) == ["t2.1"]


def test_a_running_worker_is_stopped_where_what_is_forecast_begins() -> None:
    busy = Story(account("a"))
    busy.add()
    busy.opened()
    busy.tell(events.ProtectionsMade, protections=protections())
    busy.says("t1.1", WindowsRead((reading(used=0.55, resets_ms=RESETS_MS),), busy.now_ms))
    assert busy.attempt("t1.1").state == "stopping"


def test_the_log_tells_of_it_once() -> None:
    busy = story()
    busy.tell(events.ProtectionsMade, protections=protections())
    busy.tell(events.ProtectionsMade, protections=protections())
    assert busy.notes().count("five_hour of a keeps 60% for its person by the forecast") == 1
