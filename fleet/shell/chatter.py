"""What workers say, in the coordinator's log: a few lines a second for each and for all, the rest counted."""

from __future__ import annotations

from dataclasses import dataclass

import structlog

from fleet.core.model import Attempt
from workers.client import listen

LINES_PER_S = 3.0
BURST_LINES = 8.0
ALL_LINES_PER_S = 24.0
ALL_BURST_LINES = 120.0
"""For all workers together: nobody reads more, and each line shown costs as much as reading five."""


@dataclass(slots=True)
class _Voice:
    """A token bucket: `left` lines may be shown now."""

    left: float
    seen_at: float
    hidden: int = 0

    def fill(self, now_s: float, per_s: float, most: float) -> bool:
        """Adds what the time since then gives; whether a line may be shown."""
        self.left = min(most, self.left + (now_s - self.seen_at) * per_s)
        self.seen_at = now_s
        return self.left >= 1


class Chatter:
    """Bounded, so that a worker that talks very fast neither floods the log nor costs the coordinator's time."""

    def __init__(self, log: structlog.stdlib.BoundLogger) -> None:
        self._log = log
        self._voices: dict[str, _Voice] = {}
        self._all = _Voice(ALL_BURST_LINES, 0.0)

    def say(
        self,
        attempt: Attempt,
        worktree: str | None,
        line: listen.Message,
        now_s: float,
        *,
        free: bool = False,
    ) -> None:
        """Shows a line, with paths as they are seen from `worktree`, and of a `free` account without a price. The sums
        of a turn that failed are not shown: what went wrong its last answer has said, and what comes of it the fleet
        says."""
        if isinstance(line, listen.Result) and line.is_error:
            return
        voice = self._voices.get(attempt.id)
        if voice is None:
            voice = self._voices[attempt.id] = _Voice(BURST_LINES, now_s)
        may_speak = voice.fill(now_s, LINES_PER_S, BURST_LINES)
        if not (self._all.fill(now_s, ALL_LINES_PER_S, ALL_BURST_LINES) and may_speak):
            voice.hidden += 1
            return
        text = listen.render_line(line, free=free)
        if text is None:
            return
        voice.left -= 1
        self._all.left -= 1
        if worktree:
            text = text.replace(f"{worktree}/", "")
        log = self._log.bind(
            task=attempt.task, attempt=attempt.id, account=attempt.account, host=attempt.host
        )
        if voice.hidden:
            left_out = f"({voice.hidden} lines not shown: fleet task logs {attempt.task})"
            log.info(left_out, type="talk", data={"hidden": voice.hidden})
            voice.hidden = 0
        log.info(text, type="talk")

    def flush(self, now_s: float) -> None:
        """Forgets workers that have not spoken for a minute."""
        for attempt in [a for a, voice in self._voices.items() if now_s - voice.seen_at > 60]:
            del self._voices[attempt]
