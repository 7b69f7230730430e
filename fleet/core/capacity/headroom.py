"""What a bucket can still give: readings, refusals and resets.

Rules, in this order (docs/dispatch.md, "Readings"):
1. a refusal outranks every reading until its reset;
2. past its reset a reading is unknown, and unknown is not zero: it is spent carefully;
3. of two readings the later observation of the later window counts.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from fleet.core.events import WindowReading
from fleet.core.model import NEVER_MS, Account, Bucket, Fleet, Settings, bucket_key
from fleet.core.model.maps import changed
from fleet.core.model.replacing import replace

RESET_JITTER_MS = 5_000
"""`resets_at` of one and the same window jitters by a second or two (measured)."""

UNNAMED = "unnamed"
"""Of a limit that named no window."""

FULL = "is full"

_GRANTED = frozenset({"allowed", "allowed_warning"})
_ANSWERS_TO_A_QUESTION = frozenset({"verify", "question"})
"""Sources of readings: these are heard alone, so nothing crosses them on the way."""

CLOCK_SLACK_MS = 600_000
"""An observation further in the future than this was made by a clock that has since been put right: it is void."""

UNKNOWN_HEADROOM = 0.5
"""What a bucket without a fresh reading is taken to have left: neither all nor nothing."""

LENGTHS_MS = (
    ("five_hour", 5 * 3_600_000),
    ("seven_day", 7 * 86_400_000),
    ("minute", 60_000),
    ("hour", 3_600_000),
    ("day", 86_400_000),
    ("week", 7 * 86_400_000),
    ("month", 30 * 86_400_000),
)
"""Length of a window by what its name says; the first that is found in it counts."""

LONGEST_MS = max(length for _, length in LENGTHS_MS)
"""Of a window whose name says nothing."""


def moments(bucket: Bucket, settings: Settings) -> Iterator[int]:
    """When something changes by itself of what the bucket gives, in the past or to come: each moment that the rules
    below compare with the present."""
    yield bucket.observed_ms - CLOCK_SLACK_MS
    if bucket.resets_ms is None:
        yield bucket.observed_ms + settings.reading_life_ms
    else:
        yield bucket.resets_ms
    if bucket.refused_until_ms is not None:
        yield bucket.refused_until_ms
        yield bucket.refused_until_ms - 2 * LONGEST_MS
    if bucket.protected_until_ms is not None:
        yield bucket.protected_until_ms


@dataclass(frozen=True, slots=True)
class Blocked:
    """A bucket that gives nothing now, until `until_ms`."""

    bucket: str
    until_ms: int
    how: str


def is_void(bucket: Bucket, now_ms: int) -> bool:
    return bucket.observed_ms > now_ms + CLOCK_SLACK_MS


def utilization_now(bucket: Bucket, now_ms: int, settings: Settings) -> float | None:
    """The bucket's utilization, or None where it is unknown: never read, past its reset, too old, or full by what it
    says and yet giving."""
    if bucket.utilization is None or is_void(bucket, now_ms):
        return None
    if bucket.granted and bucket.utilization >= 1.0:
        return None
    if bucket.resets_ms is not None:
        return bucket.utilization if now_ms < bucket.resets_ms else None
    fresh = now_ms - bucket.observed_ms < settings.reading_life_ms
    return bucket.utilization if fresh else None


def length_of(bucket: Bucket) -> int | None:
    """How long one window of the bucket lasts, in ms: as known, else as its name says, else None."""
    if bucket.length_ms is not None:
        return bucket.length_ms
    return next((length for word, length in LENGTHS_MS if word in bucket.name), None)


def _possible(bucket: Bucket, until_ms: int | None, now_ms: int) -> int | None:
    """A reset that was said now, but no later than a window of that length can have it. Readings and refusals come
    through a worker's spool, which a worker can write to: none closes an account for longer than that."""
    if until_ms is None:
        return None
    return min(until_ms, now_ms + (length_of(bucket) or LONGEST_MS) + CLOCK_SLACK_MS)


def blocked_until(bucket: Bucket, now_ms: int, settings: Settings) -> Blocked | None:
    """Whether the bucket gives nothing now: refused and not yet reset, or read as full."""
    if is_void(bucket, now_ms):
        return None
    refused_until_ms = bucket.refused_until_ms
    # One that is further away was believed by a release that believed everything.
    if refused_until_ms is not None and now_ms < refused_until_ms <= now_ms + 2 * LONGEST_MS:
        return Blocked(bucket.name, refused_until_ms, "was refused")
    utilization = utilization_now(bucket, now_ms, settings)
    if utilization is not None and utilization >= 1.0:
        until = bucket.resets_ms or bucket.observed_ms + settings.refusal_guess_ms
        return Blocked(bucket.name, until, FULL)
    if bucket.protected_until_ms is not None and now_ms < bucket.protected_until_ms:
        return Blocked(bucket.name, bucket.protected_until_ms, "is down to what is kept")
    return None


class Pools:
    """The buckets of the fleet by their pool, where many accounts are looked at."""

    def __init__(self, fleet: Fleet) -> None:
        self._of: dict[str, list[Bucket]] = {}
        self._seen: Mapping[str, Bucket] = {}
        self.follow(fleet)

    def follow(self, fleet: Fleet) -> set[str]:
        """From here on this is the state of the fleet. Gives the pools of which a bucket has changed."""
        before, after = self._seen, fleet.buckets
        self._seen = after
        touched = {(after.get(key) or before[key]).pool for key in changed(before, after)}
        if not touched:
            return touched
        for pool in touched:
            self._of[pool] = []
        for bucket in after.values():
            if bucket.pool in touched:
                self._of[bucket.pool].append(bucket)
        for pool in touched:
            self._of[pool].sort(key=lambda bucket: bucket.name)
        return touched

    def all_of(self, pool: str) -> list[Bucket]:
        return self._of.get(pool, [])

    def drawn_on(self, pool: str, tier: str | None) -> list[Bucket]:
        """As `drawn_on`."""
        return [b for b in self._of.get(pool, ()) if b.scope in (None, tier)]


def drawn_on(fleet: Fleet, account: Account, tier: str | None) -> list[Bucket]:
    """The buckets that work of `tier` on `account` draws on, by name: the account-wide ones and the tier's."""
    found = (b for b in fleet.buckets.values() if b.pool == account.pool and b.scope in (None, tier))
    return sorted(found, key=lambda bucket: bucket.name)


def block_of(fleet: Fleet, account: Account, tier: str) -> Blocked | None:
    """The block that lasts longest among the buckets that `tier` draws on; None when all of them give."""
    return longest_block(fleet, drawn_on(fleet, account, tier))


def longest_block(fleet: Fleet, drawn: Iterable[Bucket]) -> Blocked | None:
    """Of these buckets, None when all of them give."""
    blocks = [blocked_until(b, fleet.now_ms, fleet.settings) for b in drawn]
    return max((b for b in blocks if b), key=lambda b: (b.until_ms, b.bucket), default=None)


def headroom(fleet: Fleet, account: Account, tier: str) -> float | None:
    """1 − the highest known utilization among the buckets that `tier` draws on; None when none is known."""
    known = [
        used
        for bucket in drawn_on(fleet, account, tier)
        if (used := utilization_now(bucket, fleet.now_ms, fleet.settings)) is not None
    ]
    return 1.0 - max(known) if known else None


def is_proven(fleet: Fleet, account: Account, drawn: Iterable[Bucket]) -> bool:
    """Whether there is recent evidence that the account gives: an answer not long ago, or a fresh reading of one of the
    buckets that its work draws on. Without it one worker at a time is risked."""
    if account.answered_ms is not None and fleet.now_ms - account.answered_ms < fleet.settings.answer_life_ms:
        return True
    return any(utilization_now(b, fleet.now_ms, fleet.settings) is not None for b in drawn)


def merged(
    buckets: Mapping[str, Bucket],
    pool: str,
    readings: Iterable[WindowReading],
    *,
    at_ms: int,
    now_ms: int,
    source: str,
    settings: Settings,
) -> dict[str, Bucket]:
    """The buckets that `readings` change. What did not arrive is kept as it was."""
    changed: dict[str, Bucket] = {}
    for reading in readings:
        key = bucket_key(pool, reading.name)
        before = changed.get(key) or buckets.get(key)
        known = None if before is None or is_void(before, now_ms) else before
        if known is not None and _opens(known, reading, at_ms, source, settings):
            # Nothing of it holds any more: its reset was that of a refusal which is over.
            known = replace(known, refused_until_ms=None, resets_ms=None)
        after = _read(known, pool, reading, min(at_ms, now_ms), source)
        after = replace(after, resets_ms=_possible(after, after.resets_ms, now_ms))
        if reading.refused:
            after = _refused(after, reading, at_ms, now_ms, settings)
        elif source in _ANSWERS_TO_A_QUESTION and _is_granted(reading):
            after = replace(after, granted=(after.utilization or 0.0) >= 1.0)
        if after != before:
            changed[key] = after
    return changed


def _is_granted(reading: WindowReading) -> bool:
    return not reading.refused and reading.status in _GRANTED


def _opens(bucket: Bucket, reading: WindowReading, at_ms: int, source: str, settings: Settings) -> bool:
    """Whether the reading is of an answer that was granted after the bucket's refusal: then that is over."""
    if bucket.refused_until_ms is None or not _is_granted(reading):
        return False
    refused_ms = bucket.observed_ms if bucket.refused_ms is None else bucket.refused_ms
    if source in _ANSWERS_TO_A_QUESTION:
        return at_ms >= refused_ms
    return source == "stream" and at_ms >= refused_ms + settings.grant_after_ms


def _read(before: Bucket | None, pool: str, reading: WindowReading, at_ms: int, source: str) -> Bucket:
    fresh = Bucket(
        pool=pool,
        name=reading.name,
        scope=reading.scope,
        observed_ms=at_ms,
        source=source,
        utilization=reading.utilization,
        resets_ms=reading.resets_ms,
        status=reading.status,
    )
    if before is None:
        return fresh
    if _is_stale(before, reading, at_ms):
        return before
    return replace(
        fresh,
        utilization=before.utilization if fresh.utilization is None else fresh.utilization,
        resets_ms=before.resets_ms if _keeps_reset(before, reading, at_ms) else reading.resets_ms,
        status=fresh.status or before.status,
        refused_until_ms=before.refused_until_ms,
        refusals=before.refusals,
        length_ms=before.length_ms,
        protected_until_ms=before.protected_until_ms,
        refused_ms=before.refused_ms,
        granted=before.granted and not _is_of_a_later_window(before, reading),
    )


def _is_of_a_later_window(before: Bucket, reading: WindowReading) -> bool:
    if reading.resets_ms is None or before.resets_ms is None:
        return False
    return reading.resets_ms > before.resets_ms + RESET_JITTER_MS


def _keeps_reset(before: Bucket, reading: WindowReading, at_ms: int) -> bool:
    """Whether the reset that is known holds, as none was said. Once it has passed, how much is used without a reset is
    said of a window that has not begun: the old reset would make that unknown."""
    if reading.resets_ms is not None or before.resets_ms is None:
        return False
    return reading.utilization is None or at_ms < before.resets_ms


def _is_stale(before: Bucket, reading: WindowReading, at_ms: int) -> bool:
    """An older observation, or one of a window that has since been replaced by a later one."""
    if at_ms < before.observed_ms:
        return True
    if before.resets_ms is None or reading.resets_ms is None or at_ms >= before.resets_ms:
        return False
    return reading.resets_ms < before.resets_ms - RESET_JITTER_MS


def _refused(bucket: Bucket, reading: WindowReading, at_ms: int, now_ms: int, settings: Settings) -> Bucket:
    """The bucket with the refusal on it. Where the reset is missing, or was already past when it was said (a clock
    that is off), it is guessed, and doubled with each refusal in a row, so that nothing can be tried in a tight
    circle. One that is only read after its reset closes nothing any more."""
    again = bucket.refused_until_ms is not None and now_ms < bucket.refused_until_ms
    refusals = bucket.refusals if again else bucket.refusals + 1
    until = reading.resets_ms
    if until is not None:  # by whatever clock it was said: no longer than its window lasts
        until = min(until, now_ms + (length_of(bucket) or LONGEST_MS))
    if until is None or until <= min(at_ms, now_ms):
        until = now_ms + min(settings.refusal_guess_ms << min(refusals - 1, 4), 3_600_000)
    until = max(until, bucket.refused_until_ms or 0) if again else until
    return replace(
        bucket,
        refused_until_ms=until,
        # That it read as full is then no longer believed, either.
        resets_ms=None if bucket.resets_ms is None else min(bucket.resets_ms, until),
        refusals=refusals,
        status="rejected",
        refused_ms=max(min(at_ms, now_ms), bucket.refused_ms or 0) if again else min(at_ms, now_ms),
        granted=False,
    )


def cleared_by_answer(bucket: Bucket, now_ms: int) -> Bucket:
    """An answer after the refusal's reset ends the row of refusals."""
    if bucket.refusals and (bucket.refused_until_ms or 0) <= now_ms:
        return replace(bucket, refusals=0, refused_until_ms=None)
    return bucket


def earliest(until_ms: Iterable[int | None]) -> int | None:
    """The earliest known of several times, None when none is known."""
    known = [t for t in until_ms if t is not None and t < NEVER_MS]
    return min(known) if known else None
