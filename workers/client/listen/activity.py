"""Whether the client is at rest, and what has become of each message it was told.

The rule, as measured in docs/client-facts.md, "duplex": the client is at rest when it says `idle` with
nothing in the background, and every message it was told has been settled. A `result` alone is not enough: a
message that came in mid-answer gets a turn of its own after it, and a background command that ends begins a
turn nobody asked for.
"""

from __future__ import annotations

from collections.abc import Set
from dataclasses import dataclass, replace

from workers.client.listen.messages import Background, Init, Lifecycle, Message, Replay, Result, SessionState

_LOST = frozenset({"discarded", "refused"})


@dataclass(frozen=True, slots=True)
class Activity:
    """Fold every line of one process into it: `activity = activity.after(line)`. Start anew with each
    process.
    """

    idle: bool = False
    """No turn runs, none is queued, and nothing that would begin one runs in the background."""
    background: int = 0
    """Commands and agents that run in the background. A server that a worker left running never ends: with
    all told settled, give it a time of grace and then end the client.
    """
    taken: frozenset[str] = frozenset()
    """Messages that are in the session's history. They need not be told again, not even on another
    account.
    """
    settled: frozenset[str] = frozenset()
    """Messages whose turn has ended, whether well or not."""
    lost: frozenset[str] = frozenset()
    """Messages that the client threw away: tell them again."""
    says_state: bool = False
    """The client reports `session_state_changed`; an older one counts as idle after each result."""

    def after(self, line: Message) -> Activity:
        if isinstance(line, SessionState):
            return replace(self, idle=line.state == "idle" and not self.background, says_state=True)
        if isinstance(line, Background):
            return replace(self, background=line.running, idle=self.idle and not line.running)
        if isinstance(line, Lifecycle):
            return self._message(line.uuid, line.state)
        if isinstance(line, Replay):
            return replace(self, taken=self.taken | {line.uuid})
        if isinstance(line, Result):
            return self._turn_ended(line)
        if isinstance(line, Init):
            return replace(self, idle=False)
        return self

    def untold(self, told: Set[str]) -> frozenset[str]:
        """Of the messages told to this process, those that a resumed session would not know: a kill loses
        what is queued.
        """
        return frozenset(told) - self.taken

    def settled_all(self, told: Set[str]) -> bool:
        """Whether no told message is waited for any more, whatever still runs in the background."""
        return frozenset(told) <= self.settled | self.lost

    def at_rest(self, told: Set[str]) -> bool:
        """Whether the client waits for words, having settled all it was told."""
        return self.idle and self.settled_all(told)

    def _message(self, uuid: str, state: str) -> Activity:
        if state == "queued":
            return replace(self, idle=False)
        if state == "started":
            return replace(self, idle=False, taken=self.taken | {uuid})
        if state in _LOST:
            return replace(self, lost=self.lost | {uuid})
        if state in ("completed", "cancelled"):
            return replace(self, settled=self.settled | {uuid})
        return self

    def _turn_ended(self, result: Result) -> Activity:
        taken = self.taken | frozenset(result.consumed)
        idle = self.idle if self.says_state else not self.background
        return replace(self, idle=idle, taken=taken, settled=self.settled | taken)
