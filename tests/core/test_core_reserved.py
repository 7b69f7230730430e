"""What is kept of a bucket for persons, and when it comes back."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleet.core import events
from fleet.core.capacity import rates
from fleet.core.capacity.reserved import RELEASE_MS, floor, protected, protected_at
from fleet.core.events import WindowsRead
from fleet.core.model import Bucket, Fleet, bucket_key
from fleet.core.model.policy import STRATEGIES, Floor, Policy, Reservation
from tests.core.story import HOUR_MS, START_MS, Story, account, reading, spec, started

AFTER_HOURS = STRATEGIES[0]
MINUTE_MS = 60_000
DAY_MS = 24 * HOUR_MS


def bucket(name: str = "five_hour", resets_ms: int | None = None, scope: str | None = None) -> Bucket:
    return Bucket("a", name, scope, START_MS, "stream", 0.2, resets_ms)


def reserved(*spans_h: tuple[float, float], amount: float = 0.4, tier: str | None = "opus") -> Reservation:
    """Hours after the start."""
    spans = tuple((START_MS + int(s * HOUR_MS), START_MS + int(e * HOUR_MS)) for s, e in spans_h)
    return Reservation("r1", "a", tier, amount, spans)


def fleet(*reservations: Reservation, at_h: float = 0.0, buckets: tuple[Bucket, ...] = ()) -> Fleet:
    return Fleet(
        now_ms=START_MS + int(at_h * HOUR_MS),
        accounts={"a": account("a"), "b": account("b")},
        buckets={bucket_key(b.pool, b.name): b for b in buckets},
        reservations={f"r{n}": replace(r, id=f"r{n}") for n, r in enumerate(reservations, start=1)},
    )


def kept(the_fleet: Fleet, at_h: float, window_h: tuple[float, float], of: Bucket | None = None) -> float:
    begins, ends = (START_MS + int(h * HOUR_MS) for h in window_h)
    return protected_at(the_fleet, of or bucket(), START_MS + int(at_h * HOUR_MS), begins, ends)


def test_all_is_kept_before_and_then_what_the_rest_of_the_hours_makes() -> None:
    evening = fleet(reserved((1, 4)))
    assert [kept(evening, at, (0, 5)) for at in (0, 1, 2.5, 4, 4.5)] == pytest.approx([0.4, 0.4, 0.2, 0, 0])


def test_each_of_two_windows_owes_the_part_that_its_hours_make() -> None:
    evening = fleet(reserved((4, 7)))
    assert kept(evening, 0, (0, 5)) == pytest.approx(0.4 / 3)
    assert kept(evening, 0, (5, 10)) == pytest.approx(0.8 / 3)


def test_what_is_kept_is_given_back_before_the_reset() -> None:
    """Soon enough for a task that takes its time to use it."""
    release_h = RELEASE_MS / HOUR_MS
    beyond = fleet(reserved((4, 7)))
    assert kept(beyond, 5 - release_h - 0.01, (0, 5)) > 0
    assert kept(beyond, 5 - release_h, (0, 5)) == 0
    just_before = fleet(reserved((3, 4.9)))
    assert kept(just_before, 5 - release_h, (0, 5)) == 0
    assert kept(just_before, 3, (0, 5)) == pytest.approx(0.4)


def test_it_is_given_back_twenty_minutes_before_the_reset_along_a_line_that_ends_there() -> None:
    """Also what is kept for hours that only begin in those minutes. The window after the reset keeps its own part."""
    beyond = fleet(reserved((4, 7)))
    assert kept(beyond, 4 + 20 / 60, (0, 5)) == pytest.approx(0.4 / 3 / 2), (
        "half of its 40 minutes have passed"
    )
    assert kept(beyond, 5 - 21 / 60, (0, 5)) > 0
    for hours in ((4, 7), (4.8, 7)):
        late = fleet(reserved(hours))
        assert kept(late, 4, (0, 5)) > 0
        assert [kept(late, 5 - minutes / 60, (0, 5)) for minutes in (20, 19, 10, 1)] == [0.0] * 4
        assert kept(late, 5, (5, 10)) == pytest.approx(0.4 * 2 / (7 - hours[0]))


def test_reservations_add_up_but_never_beyond_the_whole() -> None:
    assert kept(fleet(reserved((1, 2)), reserved((1, 2))), 0, (0, 5)) == pytest.approx(0.8)
    assert kept(fleet(*[reserved((1, 2))] * 3), 0, (0, 5)) == 1.0


def test_a_strategy_may_keep_more_than_is_named() -> None:
    careful = replace(fleet(reserved((1, 4))), policy=Policy(strategy=AFTER_HOURS))
    assert kept(careful, 0, (0, 5)) == pytest.approx(0.4 * AFTER_HOURS.protect)


def test_a_window_that_has_not_begun_is_taken_to_begin_now() -> None:
    for resets_ms in (None, START_MS - 1):
        for at_h, expected in ((0, 0.0), (4, 0.4 / 3), (7, 0.4), (9.5, 0.2)):
            found = protected(fleet(reserved((8, 11)), at_h=at_h), bucket(resets_ms=resets_ms))
            assert found == pytest.approx(expected)


def test_the_present_window_is_the_one_before_its_reset() -> None:
    now = fleet(reserved((2, 5)))
    assert protected(now, bucket(resets_ms=START_MS + 3 * HOUR_MS)) == pytest.approx(0.4 / 3)
    assert protected(now, bucket(resets_ms=START_MS + 2 * HOUR_MS)) == 0.0


def test_the_week_keeps_the_equivalent_of_every_evening_that_lies_in_it() -> None:
    week = bucket("seven_day", START_MS + 3 * DAY_MS)
    evenings = tuple((day * 24 + 1, day * 24 + 4) for day in range(5))
    plan = fleet(reserved(*evenings), buckets=(week, bucket()))
    ratio = rates.rate(plan, "a", "seven_day", "opus") / rates.rate(plan, "a", "five_hour", "opus")
    assert protected(plan, week) == pytest.approx(3 * 0.4 * ratio)
    later = replace(plan, now_ms=START_MS + DAY_MS)
    assert protected(later, week) == pytest.approx(2 * 0.4 * ratio)


@pytest.mark.parametrize(
    ("tier", "name", "scope", "is_kept"),
    [
        ("opus", "seven_day_opus", "opus", True),
        ("opus", "seven_day_sonnet", "sonnet", False),
        (None, "seven_day_sonnet", "sonnet", True),
        (None, "seven_day_opus", "opus", False),
        ("opus", "minute", None, False),
        ("opus", "lunar_cycle", None, False),
    ],
)
def test_only_longer_windows_that_its_tier_draws_on_keep_anything(
    tier: str | None, name: str, scope: str | None, is_kept: bool
) -> None:
    one = bucket(name, START_MS + 2 * HOUR_MS, scope)
    found = protected(fleet(reserved((0.5, 1), tier=tier), buckets=(one, bucket())), one)
    assert (found > 0) is is_kept


def test_a_removed_account_and_another_pool_keep_nothing() -> None:
    evening = fleet(reserved((1, 4)))
    assert protected(evening, replace(bucket(), pool="b")) == 0.0
    gone = replace(evening, accounts={"a": account("a", state="removed")})
    assert protected(gone, bucket()) == 0.0
    assert protected(replace(evening, accounts={}), bucket()) == 0.0


def test_the_largest_floor_that_holds_for_a_bucket_counts() -> None:
    floors = (
        Floor("f1", 0.05),
        Floor("f2", 0.1, account="a"),
        Floor("f3", 0.2, bucket="seven_day"),
        Floor("f4", 0.3, account="b", bucket="five_hour"),
        Floor("f5", 0.4, account="vanished"),
    )
    laid = replace(fleet(), floors={f.id: f for f in floors})
    assert floor(laid, bucket()) == 0.1
    assert floor(laid, bucket("seven_day")) == 0.2
    assert floor(laid, replace(bucket(), pool="c")) == 0.05
    assert floor(fleet(), bucket()) == 0.0


hours = st.integers(0, 200 * 60).map(lambda minutes: minutes * MINUTE_MS)


@st.composite
def occurrences(draw: st.DrawFn) -> tuple[tuple[int, int], ...]:
    edges = sorted(draw(st.lists(hours, min_size=2, max_size=8, unique=True)))
    return tuple((START_MS + s, START_MS + e) for s, e in zip(edges[::2], edges[1::2], strict=False))


reservations = st.lists(
    st.builds(
        Reservation,
        id=st.just("r"),
        account=st.just("a"),
        tier=st.sampled_from([None, "sonnet", "opus"]),
        amount=st.floats(0.01, 1.0),
        spans=occurrences(),
        bucket=st.sampled_from(["five_hour", "seven_day"]),
    ),
    max_size=3,
)
windows = st.sampled_from(["five_hour", "seven_day"])


@given(reservations, windows, hours, hours)
def test_what_is_kept_is_a_share_and_only_falls_within_a_window(
    laid: list[Reservation], name: str, begin: int, later: int
) -> None:
    length = 5 * HOUR_MS if name == "five_hour" else 7 * DAY_MS
    plan = fleet(*laid)
    begins, ends = START_MS + begin, START_MS + begin + length
    times = sorted({begins, min(begins + later, ends), (begins + ends) // 2, ends - RELEASE_MS})
    shares = [protected_at(plan, bucket(name), at, begins, ends) for at in times]
    assert all(0.0 <= share <= 1.0 for share in shares)
    assert shares == sorted(shares, reverse=True)
    assert protected_at(plan, bucket(name), ends - RELEASE_MS, begins, ends) == 0.0


@given(reservations, hours)
def test_nothing_is_kept_once_all_hours_have_passed(laid: list[Reservation], begin: int) -> None:
    last = max((span[1] for one in laid for span in one.spans), default=START_MS)
    assert protected_at(fleet(*laid), bucket(), last, START_MS + begin, START_MS + begin + 5 * HOUR_MS) == 0.0


def test_nothing_starts_into_what_is_kept_and_it_starts_once_that_is_given_back() -> None:
    story = Story(account("a", allowance=8, answered_ms=START_MS))
    window = (reading(used=0.3, resets_ms=START_MS + 4 * HOUR_MS),)
    story.tell(events.AccountVerified, name="a", ok=True, readings=window)
    story.tell(events.ReservationAdded, reservation=reserved((1, 4), amount=0.7))
    assert story.add() == []
    assert any("what is kept" in refused.why for refused in story.why().refusals)
    assert story.wait(HOUR_MS) == []
    story.wait(2 * HOUR_MS)
    assert story.task().state == "running"


def test_taking_a_reservation_back_lets_work_start_at_once() -> None:
    story = Story(account("a", allowance=8, answered_ms=START_MS))
    story.tell(
        events.AccountVerified,
        name="a",
        ok=True,
        readings=(reading(used=0.3, resets_ms=START_MS + 4 * HOUR_MS),),
    )
    story.tell(events.ReservationAdded, reservation=reserved((1, 4), amount=0.7))
    story.add()
    assert started(story.tell(events.ReservationRemoved, name="r1")) == ["t1.1"]


def test_taking_a_floor_back_lets_what_was_paused_at_it_go_on_at_once() -> None:
    story = Story(account("a", allowance=8, answered_ms=START_MS))
    story.tell(events.FloorAdded, floor=Floor("", 0.2))
    story.add()
    story.opened()
    story.says("t1.1", WindowsRead((reading(used=0.85, resets_ms=START_MS + 4 * HOUR_MS),), story.now_ms))
    assert story.attempt("t1.1").reason == "kept"
    assert story.exit() == []
    assert story.why().refusals[0].why == "five_hour is down to what is kept"
    assert started(story.tell(events.LimitRemoved, name="f1")) == ["t1.2"]


def test_nothing_starts_while_all_of_a_fresh_window_is_kept() -> None:
    story = Story(account("a", allowance=8, answered_ms=START_MS))
    window = (reading(used=0.0, resets_ms=START_MS + 5 * HOUR_MS),)
    story.tell(events.AccountVerified, name="a", ok=True, readings=window)
    story.tell(events.ReservationAdded, reservation=reserved((1, 4), amount=1.0))
    assert story.add() == []


def test_what_is_down_to_what_is_kept_stays_closed_though_a_later_reading_finds_less_kept() -> None:
    """What is kept falls all the time: a session that came straight back would be stopped again at once."""
    story = Story(account("a", allowance=8, answered_ms=START_MS))
    story.add(spec(), spec())
    story.opened()
    story.opened("t2.1")
    story.tell(events.ReservationAdded, reservation=reserved((-1, 3), amount=0.4))
    story.wait(1_000)
    last = (reading(used=0.71, resets_ms=START_MS + 4 * HOUR_MS),)
    story.says("t1.1", WindowsRead(last, story.now_ms))
    assert story.attempt("t2.1").reason == "kept"
    story.wait(10 * 60_000)
    story.says("t2.1", WindowsRead(last, story.now_ms))
    assert protected(story.fleet, story.fleet.buckets["a/five_hour"]) < 0.29
    assert story.exit() == []
    assert story.why().refusals[0].why == "five_hour is down to what is kept"


@pytest.mark.parametrize("share", [0.2, 0.5, 0.9])
def test_after_a_reset_one_task_finds_out_what_a_window_gives_of_which_much_is_kept(share: float) -> None:
    """Unknown counts as half used. Without that first one nobody would ever read it, and nothing ever run again."""
    story = Story(account("a", allowance=8, answered_ms=START_MS))
    story.tell(events.FloorAdded, floor=Floor("", share, None, "five_hour"))
    window = (reading(used=0.99, resets_ms=START_MS + HOUR_MS),)
    story.tell(events.AccountVerified, name="a", ok=True, readings=window)
    assert story.add(spec(size=9), spec(size=9)) == []
    assert started(story.wait(HOUR_MS)) == ["t1.1"]
    story.opened()
    story.says("t1.1", WindowsRead((reading(used=0.95, resets_ms=START_MS + 6 * HOUR_MS),), story.now_ms))
    assert story.attempt("t1.1").reason == "kept"
