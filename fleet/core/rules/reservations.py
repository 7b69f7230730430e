"""Tells the log what becomes of reservations: when something begins to be kept, when the hours begin, when what was
kept is given back.

Time moves with every event, and a reading may replace a window: so the fleet before each event is compared with the
fleet after it. Each crossing is told once, and nothing has to be remembered for that.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass

from fleet.core.capacity import headroom, reserved
from fleet.core.draft import Draft
from fleet.core.model import NEVER_MS, Bucket, Fleet
from fleet.core.model.policy import Reservation
from fleet.spoken import spans

TOLD = 0.005
"""Less than this share of a bucket, before the hours have begun, is not worth a line: in a window that has not begun
it grows from nothing."""

Span = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Held:
    """What a reservation's bucket keeps for it, and the occurrence that runs or comes next."""

    share: float
    span: Span
    begun: bool


def tell(draft: Draft) -> None:
    """A note for each reservation that has come to another stage with this event."""
    before = draft.before
    near = [one for one in draft.reservations.values() if _is_near(before, one, draft.now_ms)]
    if not near:
        return
    after = draft.peek()
    for one in near:
        was = _held(before, one) if one.id in before.reservations else None
        story = _story(after, one, was, _held(after, one))
        if story:
            draft.note(
                "info",
                "reservation.stage",
                f"{one.id} ({one.said}): {story}",
                account=one.account,
                reservation=one.id,
                bucket=one.bucket,
            )


def _is_near(before: Fleet, one: Reservation, now_ms: int) -> bool:
    """Whether an occurrence runs, has just ended, or may lie in the running window. Asked with every event, so it
    looks at nothing but the hours."""
    begun = bisect_right(one.spans, (now_ms, NEVER_MS))
    if begun and one.spans[begun - 1][1] > before.now_ms:
        return True
    length = headroom.length_of(reserved.own_bucket(before, one)) or reserved.UNKNOWN_LENGTH_MS
    return begun < len(one.spans) and one.spans[begun][0] < now_ms + length


def _held(fleet: Fleet, one: Reservation) -> Held | None:
    now_ms = fleet.now_ms
    number = bisect_right(one.spans, now_ms, key=lambda span: span[1])
    if number == len(one.spans):
        return None
    share, span = reserved.kept_for(fleet, one), one.spans[number]
    begun = span[0] <= now_ms
    return Held(share, span, begun) if share > (0.0 if begun else TOLD) else None


def _story(after: Fleet, one: Reservation, was: Held | None, now: Held | None) -> str | None:
    if now is None:
        return None if was is None else _released(after, one, was)
    kept = f"{now.share:.0%} of {one.bucket}"
    ended = was is not None and was.span != now.span
    if now.begun and (was is None or ended or not was.begun):
        return f"its hours have begun; {kept} is kept, and given back as they pass unused"
    in_time = spans.in_words(now.span[0] - after.now_ms)
    if was is None:
        return f"{kept} is kept from now on; its hours begin in {in_time}"
    if ended and was.begun:
        return f"these hours are over; {kept} is kept for the next, which begin in {in_time}"
    return None


def _released(after: Fleet, one: Reservation, was: Held) -> str:
    """Why nothing is kept any more."""
    if after.now_ms >= was.span[1]:
        return f"its hours are over, nothing of {one.bucket} is kept for it any more"
    resets_ms = _resets_ms(after, reserved.own_bucket(after, one))
    if resets_ms is not None and resets_ms - after.now_ms <= reserved.RELEASE_MS:
        left = spans.in_words(resets_ms - after.now_ms)
        return f"what was kept is given back {left} before {one.bucket} resets, so that it can still be used"
    return f"the running window of {one.bucket} has nothing to keep for it any more"


def _resets_ms(fleet: Fleet, bucket: Bucket) -> int | None:
    return None if bucket.resets_ms is None or bucket.resets_ms <= fleet.now_ms else bucket.resets_ms
