"""Deadlines that pass."""

from __future__ import annotations

from fleet.core import events
from fleet.core.check import broken
from tests.core.story import HOUR_MS, START_MS, Story, account, spec, started


def test_what_has_missed_its_deadline_no_longer_stands_before_what_has_not() -> None:
    """However many have missed theirs, the next one in time is found, and the dearest of the late after it."""
    story = Story(workers_max=9)
    late = [spec(deadline_ms=START_MS + 1 + n, priority=n % 2) for n in range(90)]
    story.add(*late, spec(deadline_ms=START_MS + 9 * HOUR_MS, priority=-1))
    story.wait(HOUR_MS)
    assert not broken(story.fleet)
    first = started(story.tell(events.AccountAdded, account=account("a")))
    assert first == ["t91.1"]
