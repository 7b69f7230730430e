"""What workers say, in the coordinator's log: a few lines a second for each, the rest counted."""

from __future__ import annotations

from dataclasses import dataclass

import structlog

from fleet.core.model import Attempt
from workers.client import lines
from workers.client.render import render_line

LINES_PER_S = 3.0
BURST_LINES = 8.0


@dataclass(slots=True)
class _Voice:
    """A token bucket for one worker: `left` lines may be shown now."""

    left: float
    seen_at: float
    hidden: int = 0


class Chatter:
    """Bounded, so that a worker that talks very fast neither floods the log nor costs the coordinator's time."""

    def __init__(self, log: structlog.stdlib.BoundLogger) -> None:
        self._log = log
        self._voices: dict[str, _Voice] = {}

    def say(self, attempt: Attempt, worktree: str | None, line: lines.Line, now_s: float) -> None:
        """Shows a line, with paths as they are seen from `worktree`."""
        voice = self._voices.setdefault(attempt.id, _Voice(BURST_LINES, now_s))
        voice.left = min(BURST_LINES, voice.left + (now_s - voice.seen_at) * LINES_PER_S)
        voice.seen_at = now_s
        if voice.left < 1:
            voice.hidden += 1
            return
        text = render_line(line)
        if text is None:
            return
        voice.left -= 1
        if worktree:
            text = text.replace(f"{worktree}/", "")
        log = self._log.bind(
            task=attempt.task, attempt=attempt.id, account=attempt.account, host=attempt.host
        )
        if voice.hidden:
            log.info(f"({voice.hidden} lines not shown: fleet task logs {attempt.task})")
            voice.hidden = 0
        log.info(text)

    def flush(self, now_s: float) -> None:
        """Forgets workers that have not spoken for a minute."""
        for attempt in [a for a, voice in self._voices.items() if now_s - voice.seen_at > 60]:
            del self._voices[attempt]
