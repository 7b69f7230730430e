"""What the log tells of reservations as time passes, and of windows that are filled before they expire."""

from __future__ import annotations

import pytest

from fleet.core import events
from fleet.core.capacity.reserved import RELEASE_MS
from fleet.core.model.policy import Reservation
from fleet.core.model.prices import Prices
from tests.core.story import HOUR_MS, START_MS, Story, account, reading

MINUTE_MS = 60_000


def reserved(*spans_h: tuple[float, float], amount: float = 0.4) -> Reservation:
    """Hours after the start."""
    spans = tuple((START_MS + int(s * HOUR_MS), START_MS + int(e * HOUR_MS)) for s, e in spans_h)
    return Reservation("", "a", None, amount, spans, said="Thu 19:00-22:00")


def story_of(*spans_h: tuple[float, float], resets_h: float | None = None) -> Story:
    """An account whose five-hour window resets so many hours after the start, with a reservation."""
    story = Story(account("a", allowance=8, answered_ms=START_MS), workers_max=0)
    if resets_h is not None:
        read(story, resets_h)
    story.tell(events.ReservationAdded, reservation=reserved(*spans_h))
    return story


def read(story: Story, resets_h: float, used: float = 0.1) -> None:
    window = reading(used=used, resets_ms=START_MS + int(resets_h * HOUR_MS))
    story.tell(events.AccountVerified, name="a", ok=True, readings=(window,))


def told(story: Story) -> list[str]:
    """What was told of the reservation since last asked, without its name."""
    found = [line.partition(": ")[2] for line in story.notes().splitlines() if line.startswith("r1 (Thu 19")]
    story.decided.clear()
    return found


def test_a_reservation_is_told_when_it_is_held_when_its_hours_begin_and_when_they_are_over() -> None:
    story = story_of((1, 3), resets_h=4)
    assert told(story) == ["40% of five_hour is kept from now on; its hours begin in 1 h 0 min"]
    story.wait(HOUR_MS - 1)
    assert told(story) == []
    story.wait(1)
    assert told(story) == [
        "its hours have begun; 40% of five_hour is kept, and given back as they pass unused"
    ]
    story.wait(HOUR_MS)
    assert told(story) == []
    story.wait(HOUR_MS)
    assert told(story) == ["its hours are over, nothing of five_hour is kept for it any more"]
    story.wait(HOUR_MS)
    assert told(story) == []


def test_no_crossing_is_missed_because_something_else_happened_first() -> None:
    """Of each event the time counts, not only of beats."""
    story = story_of((1, 3), resets_h=4)
    told(story)
    story.now_ms += HOUR_MS + 1
    story.add()
    assert len(told(story)) == 1
    story.wait(1)
    assert told(story) == []


def test_what_is_given_back_before_the_reset_is_told_with_its_reason() -> None:
    story = story_of((1, 3), resets_h=2)
    story.wait(HOUR_MS)
    told(story)
    story.wait(HOUR_MS - RELEASE_MS)
    assert told(story) == [
        "what was kept is given back 20 min before five_hour resets, so that it can still be used"
    ]
    story.wait(RELEASE_MS)
    assert told(story) == [
        "its hours have begun; 20% of five_hour is kept, and given back as they pass unused"
    ]


def test_a_window_that_has_not_begun_holds_as_soon_as_the_hours_lie_in_it() -> None:
    story = story_of((6, 8))
    story.wait(HOUR_MS)
    assert told(story) == []
    story.wait(HOUR_MS)
    assert told(story) == ["20% of five_hour is kept from now on; its hours begin in 4 h 0 min"]
    read(story, resets_h=5.5)
    assert told(story) == ["the running window of five_hour has nothing to keep for it any more"]


def test_hours_that_follow_each_other_in_one_window_are_told_one_by_one() -> None:
    story = story_of((1, 2), (3, 4), resets_h=4.9)
    assert told(story) == ["80% of five_hour is kept from now on; its hours begin in 1 h 0 min"]
    story.wait(HOUR_MS)
    told(story)
    story.wait(HOUR_MS)
    assert told(story) == [
        "these hours are over; 40% of five_hour is kept for the next, which begin in 1 h 0 min"
    ]
    story.wait(HOUR_MS)
    assert told(story) == [
        "its hours have begun; 40% of five_hour is kept, and given back as they pass unused"
    ]


def test_a_night_without_a_coordinator_is_told_by_what_came_of_it() -> None:
    story = story_of((1, 2), (30, 31), resets_h=4)
    told(story)
    story.wait(20 * HOUR_MS)
    assert told(story) == ["its hours are over, nothing of five_hour is kept for it any more"]


def test_a_reservation_that_is_taken_back_is_not_told_of_again() -> None:
    story = story_of((1, 3), resets_h=4)
    told(story)
    story.tell(events.ReservationRemoved, name="r1")
    story.wait(2 * HOUR_MS)
    assert told(story) == []


def placed_with(resets_h: float, price: float | None, name: str = "five_hour") -> str:
    story = Story(account("a", allowance=8, answered_ms=START_MS))
    window = reading(name, 0.3, resets_ms=START_MS + int(resets_h * HOUR_MS))
    story.tell(events.AccountVerified, name="a", ok=True, readings=(window,))
    if price is not None:
        prices = Prices(START_MS, "programme", {f"a/{name}": price})
        story.tell(events.Priced, prices=prices)
    story.add()
    assert story.task().state == "running"
    return story.notes()


def test_a_placement_says_which_expiring_window_it_fills() -> None:
    assert "; fills five_hour, which resets in 45 min" in placed_with(0.75, price=0.0)


@pytest.mark.parametrize(
    ("resets_h", "price", "name"),
    [(0.75, 0.1, "five_hour"), (2.0, 0.0, "five_hour"), (0.75, None, "five_hour"), (0.01, 0.0, "minute")],
    ids=["dear", "far", "unpriced", "always about to reset"],
)
def test_it_says_so_only_of_what_would_expire(resets_h: float, price: float | None, name: str) -> None:
    assert "fills" not in placed_with(resets_h, price, name)
