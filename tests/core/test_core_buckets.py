"""Readings, refusals and resets: what a bucket gives now."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from fleet.core import events
from fleet.core.capacity import headroom
from fleet.core.events import WindowReading, WindowsRead
from fleet.core.model import Bucket, Settings
from fleet.core.model.tokens import Tokens
from tests.core.story import HOUR_MS, START_MS, Story, account, kinds, reading, refusal, spec, started

SETTINGS = Settings()


def read(*readings: WindowReading, before: dict[str, Bucket] | None = None, at_ms: int = START_MS) -> Bucket:
    """The one bucket after these readings."""
    buckets = dict(before or {})
    buckets |= headroom.merged(
        buckets, "a", readings, at_ms=at_ms, now_ms=at_ms, source="stream", settings=SETTINGS
    )
    (bucket,) = buckets.values()
    return bucket


def used(bucket: Bucket, at_ms: int = START_MS) -> float | None:
    return headroom.utilization_now(bucket, at_ms, SETTINGS)


def test_a_refusal_outranks_readings_until_its_reset_and_not_longer() -> None:
    bucket = read(refusal(), reading(used=0.2))
    for later_ms, blocked in ((0, True), (HOUR_MS - 1, True), (HOUR_MS, False)):
        assert (headroom.blocked_until(bucket, START_MS + later_ms, SETTINGS) is not None) is blocked


def test_a_reading_is_unknown_past_its_reset_or_when_it_is_old_and_has_none() -> None:
    bucket = read(reading(used=0.4))
    assert used(bucket) == 0.4
    assert used(bucket, START_MS + HOUR_MS) is None
    idle = read(reading(used=0.4, resets_ms=None))
    assert used(idle, START_MS + SETTINGS.reading_life_ms - 1) == 0.4
    assert used(idle, START_MS + SETTINGS.reading_life_ms) is None


def test_a_window_never_heard_of_counts_like_any_other() -> None:
    story = Story(account("a"), account("b"))
    story.add()
    story.opened()
    assert started(story.limit(refused=refusal("lunar_cycle"))) == ["t1.2"]
    assert story.attempt("t1.2").account == "b"


def test_what_did_not_arrive_is_kept() -> None:
    bucket = read(reading(used=0.4), reading(used=None, resets_ms=None, status=None))
    assert (bucket.utilization, bucket.resets_ms, bucket.status) == (0.4, START_MS + HOUR_MS, "allowed")
    known = {"a/odd": replace(bucket, name="odd", length_ms=HOUR_MS)}
    assert read(reading("odd", used=0.5), before=known).length_ms == HOUR_MS


def test_a_window_missing_from_a_report_stays_as_it_was() -> None:
    story = Story(account("a"))
    story.add()
    story.opened()
    story.says("t1.1", WindowsRead((reading("five_hour"), reading("seven_day", 0.3)), story.now_ms))
    story.says("t1.1", WindowsRead((reading("five_hour", 0.2),), story.now_ms))
    assert {b.name: b.utilization for b in story.fleet.buckets.values()} == {
        "five_hour": 0.2,
        "seven_day": 0.3,
    }


def test_a_late_reading_is_ignored_whether_older_or_of_an_earlier_window() -> None:
    before = {"a/five_hour": read(reading(used=0.5, resets_ms=START_MS + 5 * HOUR_MS))}
    older = read(reading(used=0.1), before=before, at_ms=START_MS - 1)
    earlier_window = read(reading(used=0.9, resets_ms=START_MS + HOUR_MS), before=before, at_ms=START_MS + 1)
    assert older == earlier_window == before["a/five_hour"]


def test_a_reset_that_jitters_by_two_seconds_is_the_same_window() -> None:
    before = {"a/five_hour": read(reading(used=0.5))}
    after = read(reading(used=0.6, resets_ms=START_MS + HOUR_MS - 2_000), before=before, at_ms=START_MS + 1)
    assert after.utilization == 0.6


def test_a_refusal_without_a_reset_is_guessed_and_doubles_with_each_in_a_row() -> None:
    first = read(refusal(resets_ms=None))
    assert first.refused_until_ms == START_MS + SETTINGS.refusal_guess_ms
    again_ms = first.refused_until_ms
    second = read(refusal(resets_ms=None), before={"a/five_hour": first}, at_ms=again_ms)
    assert second.refused_until_ms == again_ms + 2 * SETTINGS.refusal_guess_ms


def test_a_refusal_that_is_read_only_after_its_reset_closes_nothing() -> None:
    buckets = headroom.merged(
        {},
        "a",
        [refusal()],
        at_ms=START_MS,
        now_ms=START_MS + 6 * HOUR_MS,
        source="stream",
        settings=SETTINGS,
    )
    assert headroom.blocked_until(buckets["a/five_hour"], START_MS + 6 * HOUR_MS, SETTINGS) is None


def test_what_a_clock_days_ahead_saw_is_void_once_it_is_put_right() -> None:
    """Else a guessed refusal would close the account for days, and every later reading would look older."""
    ahead_ms = START_MS + 72 * HOUR_MS
    bucket = read(refusal(resets_ms=None), at_ms=ahead_ms)
    assert headroom.blocked_until(bucket, ahead_ms, SETTINGS) is not None
    assert headroom.blocked_until(bucket, START_MS, SETTINGS) is None
    assert used(bucket) is None
    assert read(reading(used=0.3), before={"a/five_hour": bucket}).utilization == 0.3


def test_what_a_clock_some_minutes_ahead_saw_does_not_outrank_what_is_seen_after_it() -> None:
    """Within the slack nothing is void: such a reading counts as made when it arrived."""
    ahead_ms = START_MS + headroom.CLOCK_SLACK_MS // 2
    for later_ms in (1, headroom.CLOCK_SLACK_MS // 4):
        first = headroom.merged(
            {},
            "a",
            [reading(used=0.9)],
            at_ms=ahead_ms,
            now_ms=START_MS,
            source="stream",
            settings=SETTINGS,
        )
        assert read(reading(used=0.1), before=first, at_ms=START_MS + later_ms).utilization == 0.1


def test_a_refusal_holds_until_its_reset_although_the_clock_that_heard_it_is_hours_ahead() -> None:
    """By that clock the reset has passed; the server means the real time."""
    heard = headroom.merged(
        {},
        "a",
        [refusal()],
        at_ms=START_MS + 2 * HOUR_MS,
        now_ms=START_MS,
        source="stream",
        settings=SETTINGS,
    )
    assert heard["a/five_hour"].refused_until_ms == START_MS + HOUR_MS


def test_a_limit_that_names_no_window_closes_the_account_for_a_guess() -> None:
    story = Story(account("a"))
    story.add()
    story.opened()
    story.end_turn("limited")
    assert started(story.exit()) == []
    assert story.why().expects_ms == story.now_ms + SETTINGS.refusal_guess_ms


def test_an_answer_clears_old_refusals_but_not_one_of_the_same_piece_of_spool() -> None:
    story = Story(account("a"))
    story.add()
    story.opened()
    story.limit()
    story.now_ms = START_MS + 2 * HOUR_MS
    assert started(story.wait(0)) == ["t1.2"]
    story.opened("t1.2")
    new = refusal(resets_ms=story.now_ms + HOUR_MS)
    story.says("t1.2", WindowsRead((new,), story.now_ms), events.Answered("m", Tokens()))
    assert story.fleet.buckets["a/five_hour"].refused_until_ms == story.now_ms + HOUR_MS


def test_a_window_of_one_tier_blocks_only_that_tier() -> None:
    story = Story(account("a"))
    story.add(spec(tiers=("opus",)), spec(tiers=("sonnet",)))
    story.opened("t1.1")
    story.limit(refused=refusal("seven_day_opus", scope="opus"))
    assert story.task("t1").state == "queued"
    story.add(spec(tiers=("sonnet",)))
    assert headroom.block_of(story.fleet, story.fleet.accounts["a"], "sonnet") is None
    assert "seven_day_opus was refused" in story.why("t1").refusals[0].why


def test_a_task_that_may_use_another_tier_stays_on_its_account_with_it() -> None:
    story = Story(account("a"), account("b"))
    story.add(spec(tiers=("opus", "sonnet")))
    story.opened()
    assert started(story.limit(refused=refusal("seven_day_opus", scope="opus"))) == ["t1.2"]
    moved = story.attempt("t1.2")
    assert (moved.account, moved.tier, moved.carry_from) == ("a", "sonnet", None)


def test_profiles_of_one_organisation_share_their_refusals() -> None:
    story = Story(account("a", pool="org"), account("b", pool="org"), account("c"))
    story.add()
    story.opened()
    story.limit()
    assert story.attempt("t1.2").account == "c"
    story.add()
    assert {r.account: r.why for r in story.why("t1").refusals} == dict.fromkeys(
        "ab", "five_hour was refused"
    )
    assert headroom.block_of(story.fleet, story.fleet.accounts["b"], "sonnet") is not None


def test_a_busy_server_is_no_limit_the_task_stays_and_waits_there() -> None:
    story = Story(account("a"), account("b"))
    story.add()
    story.opened()
    assert kinds(story.end_turn("busy", detail="529")) == ["StopWorker"]
    assert started(story.exit()) == []
    waits = story.why()
    assert {r.account: r.why.split(",")[0] for r in waits.refusals} == {
        "a": "its server is overloaded",
        "b": "its session stays on a",
    }
    story.now_ms = story.fleet.accounts["a"].busy_until_ms
    assert started(story.wait(0)) == ["t1.2"]
    assert story.attempt("t1.2").account == "a"


def test_an_overload_seen_by_a_clock_days_ahead_does_not_hold_once_it_is_put_right() -> None:
    story = Story(account("a"))
    story.add()
    story.now_ms += 72 * HOUR_MS
    story.opened()
    story.end_turn("busy")
    story.exit()
    assert story.task().state == "queued"
    story.now_ms = START_MS
    assert started(story.wait(0)) == ["t1.2"]


readings = st.builds(
    WindowReading,
    name=st.just("five_hour"),
    scope=st.none(),
    utilization=st.none() | st.floats(0, 1),
    resets_ms=st.none() | st.integers(START_MS, START_MS + 10 * HOUR_MS),
    status=st.sampled_from([None, "allowed", "rejected"]),
    refused=st.booleans(),
)


@given(st.lists(st.tuples(readings, st.integers(0, 10 * HOUR_MS)), max_size=12))
def test_no_reading_but_of_a_later_granted_answer_shortens_a_refusal(
    story: list[tuple[WindowReading, int]],
) -> None:
    buckets: dict[str, Bucket] = {}
    until_ms = refused_ms = 0
    for one, at in sorted(story, key=lambda pair: pair[1]):
        now_ms = START_MS + at
        buckets |= headroom.merged(
            buckets, "a", [one], at_ms=now_ms, now_ms=now_ms, source="stream", settings=SETTINGS
        )
        after_ms = buckets["a/five_hour"].refused_until_ms if buckets else None
        granted = one.status == "allowed" and not one.refused
        granted = granted and now_ms >= refused_ms + SETTINGS.grant_after_ms
        assert now_ms >= until_ms or granted or (after_ms or 0) >= until_ms
        until_ms = (after_ms or 0) if granted else max(until_ms, after_ms or 0)
        refused_ms = now_ms if one.refused else refused_ms


@given(st.lists(readings, min_size=1, max_size=6))
def test_the_same_readings_again_change_nothing(story: list[WindowReading]) -> None:
    calm = [WindowReading(r.name, r.scope, r.utilization, r.resets_ms, r.status) for r in story]
    once = {"a/five_hour": read(*calm)}
    last = calm[-1]
    again = headroom.merged(
        once, "a", [last], at_ms=START_MS, now_ms=START_MS, source="stream", settings=SETTINGS
    )
    twice = headroom.merged(
        {**once, **again}, "a", [last], at_ms=START_MS, now_ms=START_MS, source="stream", settings=SETTINGS
    )
    assert twice == {}


def test_what_verifying_an_account_saw_of_its_windows_is_known_at_once() -> None:
    """Also a refusal: it closes the account's bucket although the credential works."""
    story = Story(account("a"))
    story.tell(events.AccountVerified, name="a", ok=True, readings=(reading(used=0.31),))
    bucket = story.fleet.buckets["a/five_hour"]
    assert (bucket.utilization, bucket.source) == (0.31, "verify")
    story.tell(events.AccountVerified, name="a", ok=True, readings=(refusal(),))
    assert story.add() == []
    assert story.fleet.accounts["a"].state == "ready"
    assert started(story.wait(HOUR_MS)) == ["t1.1"]


def test_an_idle_account_is_read_without_a_worker() -> None:
    story = Story(account("a"))
    seen_ms, story.now_ms = story.now_ms, story.now_ms + 1_000
    story.tell(events.AccountRead, name="a", readings=(reading(used=0.31),), seen_ms=seen_ms)
    bucket = story.fleet.buckets["a/five_hour"]
    assert (bucket.utilization, bucket.source, bucket.observed_ms) == (0.31, "usage", START_MS)


def test_a_reading_of_an_idle_account_that_comes_late_changes_nothing() -> None:
    """Also one of an account that nobody knows, or that has been removed."""
    story = Story(account("a"))
    story.tell(events.AccountRead, name="a", readings=(reading(used=0.6),), seen_ms=START_MS)
    known = story.fleet.buckets
    story.now_ms += 1_000
    story.tell(events.AccountRead, name="a", readings=(reading(used=0.2),), seen_ms=START_MS - 1)
    story.tell(events.AccountRead, name="b", readings=(reading(used=0.2),), seen_ms=story.now_ms)
    story.tell(events.AccountRemoved, name="a")
    story.tell(events.AccountRead, name="a", readings=(reading(used=0.2),), seen_ms=story.now_ms)
    assert story.fleet.buckets == known


def test_a_refusal_stands_although_the_account_says_that_there_is_room() -> None:
    story = Story(account("a"))
    story.add()
    story.opened()
    assert started(story.limit()) == []
    assert story.tell(events.AccountRead, name="a", readings=(reading(used=0.2),), seen_ms=START_MS) == []
    assert started(story.wait(HOUR_MS)) == ["t1.2"]


def test_work_goes_on_when_an_idle_account_turns_out_to_have_room_again() -> None:
    """Its window was full, has been reset before its time, and nothing ran that could have heard of it."""
    story = Story(account("a"))
    story.tell(events.AccountRead, name="a", readings=(reading(used=1.0),), seen_ms=START_MS)
    assert story.add() == []
    story.now_ms += 60_000
    fresh = reading(used=0.0, resets_ms=START_MS + 5 * HOUR_MS)
    decided = story.tell(events.AccountRead, name="a", readings=(fresh,), seen_ms=story.now_ms)
    assert started(decided) == ["t1.1"]


def test_what_a_window_that_has_not_begun_says_is_known_although_the_last_reset_has_passed() -> None:
    before = {"a/five_hour": read(reading(used=0.9))}
    begun_ms = START_MS + HOUR_MS
    idle = read(reading(used=0.0, resets_ms=None), before=before, at_ms=begun_ms)
    assert (idle.resets_ms, used(idle, begun_ms)) == (None, 0.0)
    running = read(reading(used=0.95, resets_ms=None), before=before, at_ms=begun_ms - 1)
    assert (running.resets_ms, used(running, begun_ms)) == (begun_ms, None)
    unsaid = read(reading(used=None, resets_ms=None), before=before, at_ms=begun_ms)
    assert used(unsaid, begun_ms) is None


FAR_MS = 4_102_444_800_000
"""The year 2100, as a worker wrote it into its spool."""


@given(
    st.sampled_from(("five_hour", "seven_day", "seven_day_opus", "lunar_cycle")),
    st.integers(-FAR_MS, 10 * FAR_MS) | st.none(),
    st.integers(START_MS - 10 * HOUR_MS, START_MS + 10 * HOUR_MS),
    st.booleans(),
)
def test_nothing_that_a_spool_says_closes_an_account_for_longer_than_the_window_lasts(
    name: str, resets_ms: int | None, at_ms: int, refused: bool
) -> None:
    said = replace(refusal(name), resets_ms=resets_ms, refused=refused, utilization=1.0)
    buckets = headroom.merged(
        {}, "a", (said,), at_ms=at_ms, now_ms=START_MS, source="stream", settings=SETTINGS
    )
    (bucket,) = buckets.values()
    longest = headroom.length_of(bucket) or 30 * 24 * HOUR_MS
    later_ms = START_MS + longest + headroom.CLOCK_SLACK_MS + 1
    assert headroom.blocked_until(bucket, later_ms, SETTINGS) is None
    assert bucket.resets_ms is None or bucket.resets_ms <= later_ms


def test_a_refusal_until_the_year_2100_of_an_older_home_closes_nothing_any_more() -> None:
    bucket = replace(read(refusal()), refused_until_ms=FAR_MS, resets_ms=None, utilization=None)
    assert headroom.blocked_until(bucket, START_MS, SETTINGS) is None


def test_a_refusal_is_believed_for_no_longer_than_its_window_lasts() -> None:
    """However far away the reset is that it names: then one worker tries, on whichever account of the pool."""
    story = Story(account("a", pool="org"), account("b", pool="org"))
    story.add(spec(), spec(), spec())
    for n in (1, 2):
        story.opened(f"t{n}.1")
        story.answer(f"t{n}.1", f"m{n}")
    story.limit("t1.1", refused=refusal(resets_ms=START_MS + 72 * HOUR_MS))
    for n in (2, 3):
        story.end_turn("limited", f"t{n}.1")
        story.exit(f"t{n}.1")
    assert started(story.wait(5 * HOUR_MS - 1)) == []
    tried = started(story.wait(1))
    assert sorted(story.attempt(name).account for name in tried) in (["a"], ["b"], ["a", "b"])


def test_a_granted_request_opens_what_refused_a_minute_later_and_a_verified_account_at_once() -> None:
    far = refusal(resets_ms=START_MS + 4 * HOUR_MS)
    granted = reading(used=0.1, resets_ms=START_MS + HOUR_MS)
    for later_ms, source, open_then in (
        (SETTINGS.grant_after_ms - 1, "stream", False),
        (SETTINGS.grant_after_ms, "stream", True),
        (SETTINGS.grant_after_ms, "usage", False),
        (1, "verify", True),
    ):
        buckets = {"a/five_hour": read(far)}
        at_ms = START_MS + later_ms
        buckets |= headroom.merged(
            buckets, "a", [granted], at_ms=at_ms, now_ms=at_ms, source=source, settings=SETTINGS
        )
        blocked = headroom.blocked_until(buckets["a/five_hour"], at_ms, SETTINGS)
        assert (blocked is None) is open_then, (later_ms, source)
